"""A process that only answers questions knows what canaries of others wrote down, and misses those that do not."""

import secrets
import time
from collections import Counter

import pytest
from prometheus_client import CollectorRegistry

from canary.book import Book
from canary.figures import Figures
from canary.finding import Beaten, Finding
from canary.judging import State
from otelhouse.canary_following import Following
from otelhouse.canary_records import StoredRecords
from store.port import Select

SECOND = 10**9
NOW = time.time_ns() // SECOND * SECOND  # rows that are a month old are not kept


class Place:
    """Where one process keeps what it hears; its clock is ours."""

    def __init__(self, records, expected=(), misses=True):
        self.now, self.registry = NOW, CollectorRegistry()
        self.book = Book(expected, 220.0, lambda: self.now)
        figures = Figures(self.registry, self.book)
        for cluster in expected:
            figures.expect(cluster)
        named = frozenset(expected) - {""}
        self.following = Following(records, self.book, figures, named, () if named else expected, misses)

    def look(self):
        self.following.look()
        return {one.cluster: (one.state, one.broken_leg) for one in self.book.standings()}

    def value(self, name, **labels):
        return self.registry.get_sample_value(f"otelhouse_canary_{name}", labels)


@pytest.fixture
def records(question_tables):
    yield StoredRecords(question_tables, 30.0)
    question_tables.select(Select("TRUNCATE TABLE otel_canary"))


@pytest.fixture
def wrote(records):
    """Write a beat down, so many seconds before now, with a state for each leg that has the signal log."""
    numbers, run = Counter(), secrets.token_hex(4)

    def wrote(ago, cluster="east", **legs):
        numbers[cluster] += 1
        states = {"stored": State.OK, "rest": State.OK} | legs
        findings = [Finding(cluster, "log", leg, state, 120.0) for leg, state in states.items()]
        records.write(Beaten(NOW - ago * SECOND, {cluster: run + cluster}, numbers[cluster], findings))

    return wrote


def test_it_says_what_the_canary_elsewhere_found_and_no_longer_what_it_found_before(records, wrote):
    place = Place(records)
    wrote(90, stored=State.LOST)
    assert place.look() == {"east": ("broken", "stored")}
    assert place.value("leg_ok", cluster="east", signal="log", leg="stored") == 0

    wrote(30)
    assert place.look() == {"east": ("ok", "")}
    assert place.value("leg_ok", cluster="east", signal="log", leg="stored") == 1
    assert place.value("last_beat_timestamp_seconds", cluster="east") == NOW / SECOND - 30


def test_beats_are_counted_once_from_the_first_look_on(records, wrote):
    place = Place(records)
    wrote(120)
    place.look()
    wrote(60)
    wrote(60, cluster="west", rest=State.DOUBLED)
    place.look()
    place.look()

    assert place.value("beats_total", outcome="broken") == 1  # clusters that beat together are one beat
    assert place.value("findings_total", signal="log", leg="rest", state="ok") == 1
    assert place.value("findings_total", signal="log", leg="rest", state="doubled") == 1
    assert place.value("leg_seconds_count", leg="stored") == 2


def test_a_canary_that_writes_no_more_is_silent(records, wrote):
    place = Place(records)
    wrote(30)
    place.look()
    place.now += 221 * SECOND

    assert place.look() == {"east": ("silent", "")}
    assert place.value("silent", cluster="east") == 1


def test_a_canary_that_never_wrote_is_silent_where_it_is_expected(records):
    place = Place(records, expected=("east",))
    assert place.look() == {"east": ("starting", "")}
    place.now += 221 * SECOND

    assert place.look() == {"east": ("silent", "")}
    assert place.value("silent", cluster="east") == 1


def test_a_canary_that_is_dead_for_days_is_silent_after_a_restart(records, wrote):
    wrote(3 * 24 * 3600)
    place = Place(records, expected=("east",))
    place.look()
    place.now += 221 * SECOND

    assert place.look() == {"east": ("silent", "")}


def test_where_nobody_said_for_which_clusters_those_are_expected_that_beat(records, wrote):
    place = Place(records, expected=("",))
    assert place.look() == {"": ("starting", "")}
    wrote(10)

    assert place.look() == {"east": ("ok", "")}
    assert place.value("silent", cluster="") is None


def test_a_canary_that_was_switched_off_is_no_alarm_whatever_it_found_last(records, wrote):
    place = Place(records, misses=False)
    wrote(300, stored=State.LOST)
    wrote(30, cluster="west", stored=State.LOST)
    place.look()

    for cluster in ("east", "west"):
        assert place.value("leg_ok", cluster=cluster, signal="log", leg="stored") is None
        assert place.value("silent", cluster=cluster) is None
        assert place.value("last_beat_timestamp_seconds", cluster=cluster) is None


def test_a_cluster_that_was_named_is_expected_beside_those_that_beat(records, wrote):
    place = Place(records, expected=("east", "west"))
    wrote(10)

    assert place.look() == {"east": ("ok", ""), "west": ("starting", "")}
    place.now += 221 * SECOND
    assert place.look()["west"] == ("silent", "")


def test_the_name_that_a_cluster_had_before_is_missed_by_nobody(records, wrote):
    wrote(300, cluster="", stored=State.LOST)
    wrote(10)
    place = Place(records, expected=("east",))

    assert place.look() == {"east": ("ok", ""), "": ("broken", "stored")}  # for as long as it may be one of now
    place.now += 221 * SECOND
    assert place.look() == {"east": ("silent", "")}
    assert place.value("silent", cluster="") is None
    assert place.value("leg_ok", cluster="", signal="log", leg="stored") is None


def test_where_none_is_named_who_was_heard_of_is_missed_for_a_day(records, wrote):
    place = Place(records, expected=("",))
    wrote(30, stored=State.LOST)
    place.look()
    place.now += 23 * 3600 * SECOND
    assert place.look() == {"east": ("silent", "stored")}
    place.now += 2 * 3600 * SECOND

    assert place.look() == {}
    assert place.value("leg_ok", cluster="east", signal="log", leg="stored") is None


def test_a_leg_that_todays_beats_do_not_have_is_not_told(records, wrote):
    wrote(3600, mcp=State.FAILED)
    wrote(10)
    place = Place(records, expected=("east",))

    assert place.look() == {"east": ("ok", "")}
    assert place.value("leg_ok", cluster="east", signal="log", leg="mcp") is None


def test_a_look_that_fails_is_counted_and_changes_nothing(records, wrote, question_tables, caplog):
    place = Place(records)
    wrote(10)
    place.look()
    question_tables.select(Select("RENAME TABLE otel_canary TO otel_canary_away"))
    try:
        assert place.look() == {"east": ("ok", "")}
    finally:
        question_tables.select(Select("RENAME TABLE otel_canary_away TO otel_canary"))

    assert place.value("problems_total", what="record") == 1
    assert "what the canary found cannot be read" in caplog.text
