"""How fresh the stored telemetry is said to be: right, or not said."""

import itertools
import threading

import pytest
from scripted_store import NOW, PATIENCE, ScriptedStore

from identity.reader import Scope
from query.freshness import Freshness
from sql.signals import Subject
from store.errors import NotReachableError
from store.port import Answer, Column

EAST, WEST = Scope(clusters=("east",)), Scope(clusters=("west",))


@pytest.fixture
def store():
    return ScriptedStore()


@pytest.fixture
def freshness(store):
    freshness = Freshness(store, lambda: NOW, seconds=PATIENCE)
    yield freshness
    freshness.close()


def newest(value):
    return Answer((Column("newest", "Int64"),), [(value,)], 0.0, 0, 0, "")


def test_the_newest_time_is_told_by_signal(store, freshness):
    store.newest = NOW - 1_500_000_000

    told = freshness.of([Subject.LOGS, Subject.TRACES])

    assert told == dict.fromkeys(("logs", "traces"), "2026-01-01T11:59:58.500000000Z")


@pytest.mark.parametrize("value", [0, NOW + 1])
def test_nothing_is_told_where_nothing_is_stored_and_where_a_clock_runs_ahead(store, freshness, value):
    store.newest = value

    assert freshness.of([Subject.LOGS]) == {}


def test_a_store_that_cannot_say_fails_no_answer(store, freshness):
    store.newest = NotReachableError("away")

    assert freshness.of([Subject.LOGS]) == {}


def test_a_store_that_takes_too_long_holds_no_answer_up(store):
    may_end = threading.Event()

    def slow(_):
        assert may_end.wait(PATIENCE)
        return newest(NOW)

    store.probe = slow
    freshness = Freshness(store, lambda: NOW, seconds=0.05)
    try:
        assert freshness.of([Subject.LOGS, Subject.TRACES]) == {}
    finally:
        may_end.set()
        freshness.close()


def test_a_reader_of_a_part_is_told_of_its_part_and_of_its_signals_alone(store, freshness):
    asked = []
    store.probe = lambda select: asked.append(select) or newest(NOW)

    told = freshness.of([Subject.LOGS, Subject.TRACES], Scope(clusters=("east",), signals=("logs",)))

    assert list(told) == ["logs"]
    assert "'east'" in str(asked[0].settings["additional_table_filters"]).replace("\\", "")
    assert asked[0].settings["readonly"] == 1


def test_for_a_part_the_last_hour_is_looked_at_and_then_the_last_day(store, freshness):
    asked = []

    def answer(select):
        asked.append(select.parameters["since"])
        return newest(NOW - 7_200 * 10**9 if len(asked) > 1 else 0)

    store.probe = answer

    assert freshness.of([Subject.LOGS], EAST) == {"logs": "2026-01-01T10:00:00.000000000Z"}
    assert asked == ["2026-01-01 11:00:00.000000000", "2025-12-31 12:00:00.000000000"]


def test_what_one_part_was_told_is_kept_for_it_and_told_to_no_other(store, freshness):
    asked = []

    def answer(select):
        asked.append(select)
        return newest(NOW - len(asked) * 10**9)

    store.probe = answer
    first = [freshness.of([Subject.LOGS], scope) for scope in (EAST, WEST)]
    again = [freshness.of([Subject.LOGS], scope) for scope in (EAST, WEST)]

    assert first[0] != first[1]
    assert again == first
    assert len(asked) == 2


def test_questions_of_one_second_ask_once_for_a_signal_and_later_ones_again(store, monkeypatch):
    clock, asked = [0.0], []
    monkeypatch.setattr("query.freshness.time.monotonic", lambda: clock[0])
    store.probe = lambda select: asked.append(select) or newest(NOW - 10**9 + len(asked))
    freshness = Freshness(store, lambda: NOW, seconds=PATIENCE)
    told = []
    for at in (0.0, 0.9, 1.1):
        clock[0] = at
        told.append(freshness.of([Subject.LOGS])["logs"])
    freshness.close()

    assert told[0] == told[1] < told[2]
    assert len(asked) == 2


def test_who_asks_about_a_cluster_is_told_of_it_alone(store, freshness):
    asked = []
    store.probe = lambda select: asked.append(select) or newest(NOW)

    freshness.of([Subject.LOGS], cluster="west")
    freshness.of([Subject.LOGS], Scope(clusters=("east", "west"), namespaces=("shop",)), "west")
    freshness.of([Subject.LOGS])

    filters = [str(one.settings.get("additional_table_filters", "")) for one in asked]
    assert ["west" in one for one in filters] == [True, True, False]
    assert ["shop" in one for one in filters] == [False, True, False]
    assert not any("east" in one for one in filters)


def test_of_a_cluster_that_a_scope_names_otherwise_nothing_is_told(store, freshness):
    store.newest = NOW

    assert freshness.of([Subject.LOGS], Scope(clusters=("4cbd3f0a-uid",)), "west") == {}


def test_behind_the_house_s_own_rows_only_what_came_since_is_read_until_users_send_again(store, monkeypatch):
    """The clock of what is kept is moved by hand."""
    clock = [0.0]
    monkeypatch.setattr("query.freshness.time.monotonic", lambda: clock[0])
    users, asked = [NOW - 7_200 * 10**9], []

    def answer(select):
        since = select.parameters.get("since")
        asked.append(since and since[:19])
        if since is None:  # the newest of all rows is the canary's
            return Answer((), [(NOW - 1, 1)], 0.0, 0, 0, "")
        return newest(users[0] if asked[-1] <= "2026-01-01 10:00:00" or users[0] == NOW - 5 else 0)

    store.probe = answer
    freshness = Freshness(store, lambda: NOW, seconds=PATIENCE)
    told = []
    for after, sent in ((0, None), (2, None), (60, None), (60, NOW - 5), (2, None)):
        clock[0] += after
        users[0] = sent or users[0]
        told.append(freshness.of([Subject.LOGS])["logs"][11:19])
    freshness.close()

    assert told == ["10:00:00"] * 3 + ["11:59:59"] * 2
    every = [None, "2026-01-01 11:59:00", "2026-01-01 11:00:00", "2025-12-31 12:00:00"]
    since = "2026-01-01 10:00:00"
    # All at first; nothing while that is kept; then what came since; and when users send, from the beginning.
    assert asked == [*every, since, since, None, "2026-01-01 11:59:00"]


def test_the_newest_of_users_is_told_again_and_again_while_the_clock_goes_on(store, monkeypatch):
    clock, now, users = [0.0], itertools.count(NOW, 13_500), "2026-01-01 10:00:00.000000000"
    monkeypatch.setattr("query.freshness.time.monotonic", lambda: clock[0])

    def answer(select):
        if "since" not in select.parameters:
            return Answer((), [(NOW - 1, 1)], 0.0, 0, 0, "")
        return newest(NOW - 7_200 * 10**9 if select.parameters["since"] <= users else 0)

    store.probe = answer
    freshness = Freshness(store, lambda: next(now), seconds=PATIENCE)
    told = []
    for after in (0, 60, 60, 60, 3_600, 60):
        clock[0] += after
        told.append(freshness.of([Subject.LOGS]).get("logs", "")[11:19])
    freshness.close()

    assert told == ["10:00:00"] * 6
