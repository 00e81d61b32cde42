"""What became visible too late for a stream is told as a gap, once; what was given in another copy is none."""

import asyncio

import pytest
from stream_process import ANNA, OVERLAP_S, Database, Process, Stored

from sse_proxy import watching
from sse_proxy.feeds import EVENTS, LOGS
from sse_proxy.overdue import MOST_GIVEN_UP, MOST_HOLES, Overdue
from sse_proxy.rows import Hole
from sse_proxy.tap import SECOND
from store.errors import LimitError, OverloadedError

OVERLAP = int(OVERLAP_S * SECOND)


def process(database, **settings):
    return Process(database, [watching.watch(database.feed, {}, ANNA)], **settings)


def looked(here, database, *, after=0):
    """Look when so much time has passed, and then when it is time to look back."""

    async def look():
        for wait in (after, OVERLAP):
            database.clock += wait
            await here.look()

    asyncio.run(look())


def told(here):
    entries = [one for one in here.tap.ring.after(0) if isinstance(one, Hole)]
    return [(one.reason, one.after, one.until, one.rows) for one in entries]


@pytest.mark.parametrize("feed", [LOGS, EVENTS])
def test_a_row_behind_the_overlap_is_a_gap_around_its_moment_and_told_once(feed):
    database = Database(feed)
    here = process(database)
    looked(here, database)
    moment = database.clock
    database.rows += [
        Stored(moment, 0, 1),
        Stored(moment + 1, moment + OVERLAP + 2 * SECOND, 2),
        Stored(moment + 2, moment + OVERLAP + 2 * SECOND, 3),
    ]
    looked(here, database, after=SECOND)
    assert told(here) == []
    looked(here, database)
    looked(here, database)
    assert told(here) == [("overdue", moment, moment + 2, 2)]


def test_a_moment_that_grew_behind_the_overlap_is_a_gap_of_what_it_grew_by():
    database = Database(LOGS)
    here = process(database)
    looked(here, database)
    moment = database.clock
    database.rows += [Stored(moment, 0, 1), Stored(moment, moment + 2 * OVERLAP, 2)]
    looked(here, database, after=SECOND)
    looked(here, database, after=OVERLAP)
    assert told(here) == [("overdue", moment - 1, moment, 1)]


def test_what_a_merge_took_away_is_no_gap():
    database = Database(EVENTS)
    here = process(database)
    looked(here, database)
    put = [Stored(database.clock + at, 0, number) for at, number in enumerate((1, 2, 1))]
    database.rows += put
    looked(here, database, after=SECOND)
    database.merge()
    looked(here, database, after=OVERLAP)
    assert told(here) == []


def test_what_was_left_out_of_a_flood_is_not_told_again():
    database = Database(LOGS)
    here = process(database, behind_rows=100, rows_at_once=10)
    looked(here, database)
    database.rows += [Stored(database.clock + number, 0, number) for number in range(150)]
    looked(here, database, after=SECOND)
    for _ in range(4):
        looked(here, database, after=SECOND)
    assert [reason for reason, *_ in told(here)] == ["flood"]


def test_a_row_beyond_late_s_is_looked_for_no_more():
    database = Database(LOGS)
    here = process(database, late_s=10)
    looked(here, database)
    database.rows.append(Stored(database.clock, database.clock + 40 * SECOND, 1))
    for _ in range(6):
        looked(here, database)
    assert told(here) == []


def test_many_late_moments_among_others_are_one_gap():
    database = Database(LOGS)
    here = process(database)
    looked(here, database)
    moment = database.clock
    for number in range(2 * MOST_HOLES + 2):
        database.rows.append(Stored(moment + number, moment + (number % 2) * 2 * OVERLAP, number))
    looked(here, database, after=SECOND)
    looked(here, database, after=OVERLAP)
    assert told(here) == [("overdue", moment, moment + 2 * MOST_HOLES + 1, MOST_HOLES + 1)]


def test_looking_back_that_counts_too_much_leaves_what_is_new_as_it_is():
    database = Database(LOGS)
    here = process(database)
    looked(here, database)
    database.rows += [Stored(database.clock + number, 0, number) for number in range(4)]
    looked(here, database, after=SECOND)
    database.clock += OVERLAP
    database.cut = 3
    database.rows.append(Stored(database.clock, 0, 9))
    looked(here, database)
    assert told(here) == []
    assert [row.data for row in here.tap.ring.after(0)] == [b"0", b"1", b"2", b"3", b"9"]


@pytest.mark.parametrize("late_s", [2, 20])
@pytest.mark.parametrize("phase", range(8))
def test_a_row_is_told_however_the_last_moment_within_late_s_falls(phase, late_s):
    database = Database(LOGS)
    here = process(database, late_s=late_s)

    async def look(times):
        for _ in range(times):
            database.clock += SECOND
            await here.look()

    asyncio.run(look(10 + phase))
    moment = database.clock
    database.rows.append(Stored(moment, moment + OVERLAP + late_s * SECOND, 1))
    asyncio.run(look(late_s + 20))
    assert told(here) == [("overdue", moment - 1, moment, 1)]


class Busy(Database):
    """Refuses to count far back while it is told to."""

    refuses = None

    def select(self, select):
        if self.refuses and select.parameters.get("after", self.clock) < self.clock - 2 * OVERLAP - SECOND:
            raise self.refuses
        return super().select(select)


REFUSALS = [LimitError("too long", code=159), LimitError("too many", code=396), OverloadedError("memory", code=241)]


@pytest.mark.parametrize("refusal", REFUSALS, ids=["time", "rows", "memory"])
def test_a_look_back_that_is_refused_costs_nothing_that_is_new_and_is_made_up_for(refusal, caplog):
    caplog.set_level("WARNING")
    database = Busy(LOGS)
    here = process(database, late_s=10)
    looked(here, database)
    looked(here, database)
    moment = database.clock
    database.rows.append(Stored(moment, moment + OVERLAP + 5 * SECOND, 1))
    database.refuses = refusal
    for _ in range(2):
        looked(here, database, after=SECOND)
    database.rows.append(Stored(database.clock, 0, 2))
    looked(here, database)
    assert [entry.data for entry in here.tap.ring.after(0)] == [b"2"]
    database.refuses = None
    looked(here, database)
    assert told(here) == [("overdue", moment - 1, moment, 1)]
    given_up = here.tap._figures.given_up.labels("logs")._value.get()
    assert given_up >= 2
    assert sum("cannot be looked for" in record.message for record in caplog.records) == 1


def test_what_looks_back_keep_does_not_grow_for_ever_while_they_are_given_up():
    overdue = Overdue(10, 5)
    for moment in range(1_000):
        overdue.passed([(moment, 1)])
        overdue.gave_up(moment)
    assert len(overdue._rows) == len(overdue._oldest) == 10 + MOST_GIVEN_UP * 5
    assert overdue.reach(1_010) == 999 - MOST_GIVEN_UP * 5 - 10


class Moment(int):
    """Counts how often one is compared."""

    compared = 0

    def __le__(self, other):
        Moment.compared += 1
        return int(self) <= int(other)

    def __lt__(self, other):
        Moment.compared += 1
        return int(self) < int(other)


def test_a_look_costs_the_same_however_much_is_kept():
    overdue = Overdue(10_000, 1)
    overdue.passed([(Moment(moment), 1) for moment in range(10_000)])
    overdue.looked(10_000)
    Moment.compared = 0
    for moment in range(10_001, 10_101):
        overdue.passed([(Moment(moment), 1)])
        overdue.looked(moment)
    assert Moment.compared < 100 * 50


def test_an_event_that_was_given_in_another_copy_is_no_gap():
    database = Database(EVENTS)
    here = process(database)
    looked(here, database)
    moment, late = database.clock, database.clock + OVERLAP + 2 * SECOND
    database.rows += [Stored(moment, 0, 1), Stored(moment + 1, 0, 2)]
    database.rows += [Stored(moment + 1, late, 1), Stored(moment + 2, late, 2)]  # as a replica that merged less has it
    before = len(database.questions)
    for _ in range(3):
        looked(here, database, after=SECOND)
    assert told(here) == []
    assert database.questions[before:].count("rows") == 2  # what is known to be no gap is not read again


def test_of_a_moment_that_grew_by_a_copy_and_an_event_the_event_is_a_gap():
    database = Database(EVENTS)
    here = process(database)
    looked(here, database)
    moment, late = database.clock, database.clock + OVERLAP + 2 * SECOND
    database.rows += [Stored(moment, 0, 1), Stored(moment + 1, late, 1), Stored(moment + 1, late, 2)]
    for _ in range(3):
        looked(here, database, after=SECOND)
    assert told(here) == [("overdue", moment, moment + 1, 1)]


def test_a_late_copy_that_is_the_first_to_carry_a_composition_is_a_gap():
    database = Database(EVENTS)
    here = process(database)
    looked(here, database)
    moment = database.clock
    database.rows.append(Stored(moment, 0, 1, late_composition=True))
    database.rows.append(Stored(moment + 1, moment + OVERLAP + 2 * SECOND, 1))
    for _ in range(3):
        looked(here, database, after=SECOND)
    assert told(here) == [("overdue", moment, moment + 1, 1)]


@pytest.mark.parametrize("settings", [{"rows_at_once": 10}, {}], ids=["in number", "in bytes"])
def test_late_copies_that_are_too_much_to_read_are_a_gap(settings):
    database = Database(EVENTS)
    here = process(database, **settings)
    looked(here, database)
    moment, late = database.clock, database.clock + OVERLAP + 2 * SECOND
    for number in range(12):
        database.rows += [Stored(moment, 0, number), Stored(moment + 1 + number % 2, late, number)]
    looked(here, database, after=SECOND)
    database.holds = None if settings else 1
    for _ in range(2):
        looked(here, database, after=SECOND)
    assert told(here) == [("overdue", moment, moment + 2, 12)]


def test_no_look_asks_for_more_than_one_census_and_one_answer_of_rows():
    database = Database(EVENTS)
    here = process(database)
    looked(here, database)
    moment = database.clock
    for number in range(20):
        delay = OVERLAP + 3 * SECOND if number % 2 else 0
        database.rows.append(Stored(moment + number * SECOND, moment + number * SECOND + delay, number))
    most = 0
    for _ in range(60):
        before = len(database.questions)
        database.clock += SECOND
        asyncio.run(here.look())
        most = max(most, len(database.questions) - before)
    assert sum(rows for *_, rows in told(here)) == 10
    assert most == 2
