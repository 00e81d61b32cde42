"""What is known of the way, silence included; figures; the heart; the ping that leaves the house."""

import threading

import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr, ValidationError

from canary import dead_man
from canary.book import Book
from canary.dead_man import PingError
from canary.figures import Figures
from canary.finding import Finding
from canary.judging import State
from canary.settings import CanarySettings
from canary.watch import Heart

SECOND = 10**9
WAIT = 30


class Clock:
    def __init__(self):
        self.now = 1_000 * SECOND

    def __call__(self):
        return self.now


def test_a_heart_that_beats_no_more_is_silent_and_not_ok():
    clock = Clock()
    book = Book(("east",), 180.0, clock)
    assert book.standings()[0].state == "starting"

    book.record(clock.now, ("east",), [Finding("east", "log", "stored", State.OK)])
    assert book.standings()[0].state == "ok"

    clock.now += 181 * SECOND
    assert book.standings()[0].state == "silent"


def test_a_heart_that_never_beat_is_silent_in_the_end():
    clock = Clock()
    book = Book(("east",), 180.0, clock)
    clock.now += 181 * SECOND

    assert book.standings()[0].state == "silent"


def test_the_first_broken_leg_of_the_way_is_named():
    book = Book(("",), 180.0)
    found = [Finding("", "log", leg, State.LOST) for leg in ("mcp", "stored", "rest")]
    book.record(book.now(), ("",), found)

    (standing,) = book.standings()
    assert (standing.state, standing.broken_leg) == ("broken", "stored")


def test_an_older_beat_does_not_change_what_is_known():
    book = Book(("",), 180.0)
    now = book.now()
    book.record(now, ("",), [Finding("", "log", "stored", State.OK)])
    book.record(now - SECOND, ("",), [Finding("", "log", "stored", State.LOST)])

    assert book.standings()[0].state == "ok"


def test_figures_follow_the_beats_and_show_silence(canary_of, house):
    registry, clock = CollectorRegistry(), Clock()
    book = Book(("",), 60.0, clock)
    figures = Figures(registry, book)
    figures.expect("")
    house.keep = lambda item: item.kind != "gauge"
    beaten = canary_of(book=book, figures=figures).beat()

    def value(name, **labels):
        return registry.get_sample_value(f"otelhouse_canary_{name}", labels)

    assert value("beats_total", outcome="broken") == 1
    assert value("leg_ok", cluster="", signal="gauge", leg="stored") == 0
    assert value("leg_ok", cluster="", signal="log", leg="stored") == 1
    assert value("findings_total", signal="gauge", leg="stored", state="lost") == 1
    assert value("last_beat_timestamp_seconds", cluster="") == pytest.approx(beaten.sent / 1e9)
    clock.now = beaten.sent + 61 * SECOND
    assert value("silent", cluster="") == 1


def test_what_was_found_is_written_down(canary_of, house):
    beaten = canary_of().beat()

    assert house.written == [beaten]


def test_a_beat_that_breaks_does_not_end_the_heart(canary_of, caplog):
    canary, again = canary_of(), threading.Event()
    beats = []

    def beat():
        beats.append(1)
        if len(beats) == 1:
            raise RuntimeError("a mistake of ours")
        again.set()

    canary.beat = beat
    heart = Heart(canary, 0.01)
    heart.start()
    assert again.wait(WAIT)
    heart.stop(WAIT)

    assert "a beat of the canary broke" in caplog.text


def test_a_heart_stops_in_the_middle_of_a_beat(canary_of, house):
    house.broken = "gone"
    canary = canary_of(settings={"give_up_s": 3000.0, "late_s": 1.0})
    heart = Heart(canary, 60.0)
    heart.start()
    heart.stop(WAIT)

    assert not heart._thread.is_alive()
    assert house.written == []  # a beat that was cut short says nothing


@pytest.mark.parametrize(("well", "path"), [(True, "/ping/id?x=1"), (False, "/ping/id/fail?x=1")])
def test_the_dead_mans_switch_is_told_how_it_stands(house, well, path):
    dead_man.ping(SecretStr(f"http://127.0.0.1:{house.port}/ping/id?x=1"), well=well)

    assert house.pings == [path]


def test_a_dead_mans_switch_that_refuses_is_told_without_its_address(canary_of, house, caplog):
    house.refusing["ping"] = 500
    url = f"http://127.0.0.1:{house.port}/ping/very-secret"
    canary_of(settings={"dead_man_url": SecretStr(url)}).beat()

    assert "canary.dead_man_url says 500" in caplog.text
    assert "very-secret" not in caplog.text
    with pytest.raises(PingError) as refused:
        dead_man.ping(SecretStr(url), well=True)
    assert "very-secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"late_s": 50.0}, "canary.late_s is above canary.give_up_s"),
        ({"dead_man_url": "healthchecks.example/x"}, "canary.dead_man_url must be an http or https address"),
        ({"period_s": 0}, "period_s"),
        ({"every": 1}, "every"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(given, said):
    with pytest.raises(ValidationError, match=said):
        CanarySettings(**given)


def test_the_dead_mans_address_is_shown_to_nobody():
    settings = CanarySettings(dead_man_url="https://hc.example/very-secret")

    assert "very-secret" not in repr(settings)
    assert "very-secret" not in str(settings.model_dump())
