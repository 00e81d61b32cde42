"""A tap finds each row once, also those that were there before it, and says what it leaves out."""

import asyncio

import pytest
from stream_process import ANNA, OVERLAP_S, Database, Process, Stored

from sse_proxy import watching
from sse_proxy.feeds import EVENTS, LOGS
from sse_proxy.rows import Hole, Row
from sse_proxy.tap import SECOND
from store.errors import NotReachableError


def process(database, **settings):
    return Process(database, [watching.watch(database.feed, {}, ANNA)], **settings)


def put(database, *numbers, at=0):
    database.rows += [Stored(database.clock + at, 0, number) for number in numbers]


def looked(one, times=1):
    async def look():
        for _ in range(times):
            await one.look()

    asyncio.run(look())
    return [int(entry.data) if isinstance(entry, Row) and entry.data else None for entry in one.tap.ring.after(0)]


def test_what_was_there_is_read_back_and_what_comes_is_found_once():
    database = Database(LOGS)
    put(database, 1, 2)
    here = process(database)
    assert looked(here) == [1, 2]
    put(database, 3, at=-SECOND)
    assert looked(here, times=3) == [1, 2, 3]


def test_a_row_is_found_until_the_overlap_is_over():
    database = Database(LOGS)
    here = process(database, late_s=0)
    looked(here)
    put(database, 1, at=-int((OVERLAP_S - 1) * SECOND))
    put(database, 2, at=-int((OVERLAP_S + 1) * SECOND))
    assert looked(here) == [1]


def test_an_event_of_before_the_ring_is_known_when_it_comes_again():
    database = Database(EVENTS)
    put(database, 1, at=-100 * SECOND)
    here = process(database, history_s=10)
    assert looked(here) == []
    put(database, 1, 2)
    assert looked(here) == [None, 2]
    assert [entry.repeat for entry in here.tap.ring.after(0)] == [True, False]


def test_a_copy_of_an_earlier_moment_moves_what_its_event_counts_from():
    database = Database(EVENTS)
    here = process(database)
    looked(here)
    put(database, 1)
    looked(here)
    put(database, 1, at=-SECOND)
    looked(here)
    row, copy = here.tap.ring.after(0)
    assert (row.first, row.ingested - copy.ingested) == (copy.ingested, SECOND)


def test_too_many_rows_become_a_hole_that_says_how_many():
    database = Database(LOGS)
    here = process(database, behind_rows=100, rows_at_once=10)
    looked(here)
    for number in range(150):
        put(database, number, at=number)
    looked(here, times=20)
    hole, *rows = here.tap.ring.after(0)
    assert isinstance(hole, Hole)
    assert (hole.rows, hole.reason, len(rows)) == (50, "flood", 100)


def test_rows_that_are_too_large_keep_their_place_and_lose_their_data():
    database = Database(LOGS)
    put(database, 10**1_100)
    assert looked(process(database, row_bytes=1024)) == [None]


class Away(Database):
    """A database that answers again at the third time."""

    asked = 0

    def select(self, select):
        self.asked += 1
        if self.asked < 3:
            raise NotReachableError("nobody there")
        return super().select(select)


class Listener:
    def __init__(self):
        self.told = []
        self.over = asyncio.Event()

    def ready(self):
        self.told.append("ready")

    def more(self, entries):
        raise AssertionError(entries)

    def trouble(self, problem):
        self.told.append("trouble" if problem else "over")
        if not problem:
            self.over.set()


def test_trouble_is_told_once_and_so_is_its_end(caplog):
    caplog.set_level("WARNING")

    async def scene():
        here, listener = process(Away(LOGS), poll_s=0.05, pause_s=0.0), Listener()
        here.tap.start(listener)
        await asyncio.wait_for(listener.over.wait(), 60)
        await here.tap.close()
        return listener.told

    assert asyncio.run(scene()) == ["trouble", "ready", "over"]
    assert sum("cannot be read" in record.message for record in caplog.records) == 1


@pytest.mark.parametrize("feed", [EVENTS, LOGS])
def test_silence_moves_the_bound_forward(feed):
    database = Database(feed)
    here = process(database)
    looked(here)
    before = here.tap.bound
    database.clock += SECOND
    looked(here)
    assert here.tap.bound == before + SECOND


def holes(one):
    return [entry for entry in one.tap.ring.after(0) if isinstance(entry, Hole)]


@pytest.mark.parametrize("feed", [EVENTS, LOGS])
def test_what_one_replica_counts_and_the_other_does_not_give_yet_is_read_when_it_does(feed):
    database = Database(feed)
    here = process(database)
    looked(here)
    database.rows += [
        Stored(database.clock, database.clock - late * SECOND, number) for number, late in ((1, 2), (2, 0))
    ]
    database.lag = SECOND
    assert looked(here) == [1]
    database.lag = 0
    assert looked(here, times=3) == [1, 2]
    assert holes(here) == []
    assert database.questions.count("rows") == 2


def test_what_is_counted_and_never_given_is_told_when_no_look_will_count_it_any_more():
    database = Database(LOGS)
    here = process(database)
    looked(here)
    moment = database.clock
    database.rows += [Stored(moment, 0, 1), Stored(moment + 1, moment, 2)]
    database.lag = 1_000 * SECOND
    assert looked(here) == [1]
    database.clock += int(OVERLAP_S * SECOND) + 1
    database.rows.append(Stored(database.clock, 0, 3))
    assert looked(here, times=2) == [1, None, 3]
    (hole,) = holes(here)
    assert (hole.after, hole.until, hole.reason) == (moment, moment + 1, "behind")


def test_what_two_replicas_hold_together_is_no_hole():
    database = Database(LOGS)
    here = process(database)
    looked(here)
    put(database, 1)
    looked(here)
    database.rows, moment = [], database.clock
    database.rows += [Stored(moment, 0, 2)]  # the other replica has this one alone
    looked(here)
    database.rows += [Stored(moment, 0, 1)]
    database.clock += int(OVERLAP_S * SECOND)
    assert looked(here) == [1, 2]


def test_an_answer_that_is_too_large_is_asked_for_in_parts():
    database = Database(LOGS, holds=3)
    here = process(database)
    looked(here)
    for number in range(10):
        put(database, number, at=number)
    assert looked(here, times=10) == list(range(10))


def test_a_moment_that_is_too_large_for_any_answer_becomes_a_hole(caplog):
    database = Database(LOGS, holds=3)
    here = process(database)
    looked(here)
    put(database, 1)
    put(database, 2, 3, 4, 5, at=1)
    put(database, 6, at=2)
    assert looked(here, times=5) == [1, None, 6]
    (hole,) = holes(here)
    assert (hole.rows, hole.reason, hole.until) == (4, "flood", database.clock + 1)
    assert "left out" in caplog.text


def test_a_census_that_was_cut_tells_what_it_did_not_count():
    database = Database(LOGS, cut=2)
    here = process(database)
    looked(here)
    moment = database.clock
    for number in range(4):
        put(database, number, at=number)
    assert looked(here) == [0, 1]  # those that were not counted will be
    database.clock += int(OVERLAP_S * SECOND) + 3
    assert looked(here) == [0, 1, None]
    (hole,) = holes(here)
    assert (hole.after, hole.until, hole.reason) == (moment + 1, moment + 3, "flood")


def test_what_a_cut_census_did_not_count_at_the_beginning_is_missing_in_the_ring():
    database = Database(LOGS, cut=2)
    for number in range(4):
        put(database, number, at=(number - 100) * SECOND)
    here = process(database)
    assert looked(here) == []
    assert here.tap.ring.since == here.tap.bound


def test_a_copy_that_adds_a_composition_is_marked_and_a_second_one_is_not():
    database = Database(EVENTS)
    here = process(database)
    looked(here)
    for at, late in enumerate((True, False, False)):
        database.rows.append(Stored(database.clock + at, 0, 1, late_composition=late))
        looked(here)
    entries = here.tap.ring.after(0)
    assert [(entry.repeat, entry.plain is not None, entry.data) for entry in entries] == [
        (False, False, b"1"),
        (True, True, b"1"),
        (True, False, b""),
    ]


def test_a_composition_that_a_merge_brought_is_found_and_read_once():
    database = Database(EVENTS)
    here = process(database)
    looked(here)
    database.rows.append(Stored(database.clock, 0, 1, late_composition=True))
    looked(here)
    database.rows.append(Stored(database.clock + 1, 0, 1))
    database.merge()
    assert looked(here, times=3) == [1, 1]
    assert database.questions.count("rows") == 2
