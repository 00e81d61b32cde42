"""What is told of streams counts nothing that was too late or did not reach everybody, and says what measured it."""

import json

import pytest

from bench import stream_report
from bench.stream_benchmark import Fanout, Outcome, Soon

MACHINE = {"cpu": "a processor", "cores": 2}
GOOD = Fanout(viewers=5_000, rate=5.0, complete=5_000, p50_ms=300, p99_ms=700, cpu_us=20.0)


SOON = Soon(100, (90.0, 300.0), (20.0, 30.0))


def outcome(*many, browser=SOON):
    return Outcome(5.0, 20.0, SOON, browser, many, ((1, 0.9, 4.0),), 2**30, 0.5)


def page(*many, **more):
    return stream_report.as_markdown(outcome(*many, **more), MACHINE)


def row_of_the_browser(told):
    (line,) = [line for line in told.splitlines() if "Chromium" in line]
    return line.split(" | ")[1]


@pytest.mark.parametrize(
    "worse",
    [
        Fanout(viewers=5_000, rate=20.0, complete=5_000, p50_ms=300, p99_ms=2_001, cpu_us=10.0),
        Fanout(viewers=5_000, rate=20.0, complete=4_999, p50_ms=300, p99_ms=700, cpu_us=10.0),
    ],
    ids=["late", "not everybody"],
)
def test_deliveries_a_core_are_of_a_load_within_the_bar(worse):
    told = page(GOOD, worse)

    assert "50,000 deliveries a second a core" in told
    assert "(5,000 clients, 5.0 events a second)" in told
    assert told.count(", missed") == 1
    assert "No load was within the bar." in page(worse)


@pytest.mark.parametrize(
    ("stored", "told"),
    [((150.0, 500.0), "150 ms, 500 ms"), ((151.0, 300.0), "151 ms, 300 ms, missed"),
     ((20.0, 501.0), "20 ms, 501 ms, missed")],
)  # fmt: skip
def test_what_a_page_in_a_browser_saw_is_held_to_the_bar_of_a_client(stored, told):
    assert row_of_the_browser(page(GOOD, browser=Soon(100, (90.0, 700.0), stored))) == told


def test_where_there_is_no_browser_the_page_says_that_nothing_was_measured():
    assert row_of_the_browser(page(GOOD, browser=None)) == "not measured: no Chromium"


@pytest.mark.parametrize("browser", [None, SOON])
def test_what_is_read_back_is_what_was_written(browser):
    written = outcome(GOOD, browser=browser)

    assert stream_report.read(json.loads(stream_report.as_json(written))) == written


def test_the_page_names_the_command_that_measured_it():
    assert "`otelhouse bench streams --viewers 5000 --rate 5 --seconds 20` measures it again." in page(GOOD)
