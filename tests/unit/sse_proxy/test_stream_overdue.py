"""What became visible too late for a stream is told as a gap, once, and to those who come back as well."""

import asyncio

import pytest
from stream_process import ANNA, OVERLAP_S, Database, Process, Stored

from sse_proxy import watching
from sse_proxy.cursor import Place
from sse_proxy.feeds import EVENTS, LOGS
from sse_proxy.overdue import MOST_HOLES
from sse_proxy.rows import Hole
from sse_proxy.tap import SECOND

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


async def _gaps(here, place):
    """Those that a client is told of who comes back with this place."""
    (watch,) = here.channels
    viewer = here.open(watch, place)
    found = []
    while True:
        try:
            block = await asyncio.wait_for(viewer.next(), 0.05)
        except TimeoutError:
            return found, place
        for line in block.decode().splitlines():
            place = line.removeprefix("id: ") if line.startswith("id: ") else place
            found += [line] if line == "event: gap" else []


@pytest.mark.parametrize("elsewhere", [False, True], ids=["here", "elsewhere"])
@pytest.mark.parametrize("phase", [0, 3], ids=["in step", "three seconds apart"])
@pytest.mark.parametrize("looks", [0, 1, 2])
def test_who_was_cut_before_the_gap_was_told_hears_of_it_when_coming_back(elsewhere, phase, looks):
    """`looks`: those of the process that the client has seen, the last one just before that which tells."""
    database = Database(LOGS)
    here, there = process(database), process(database)

    async def look():
        database.clock += phase * SECOND
        await there.look()
        database.clock += OVERLAP - phase * SECOND
        await here.look()

    async def scene():
        await here.look()
        await look()
        moment = database.clock
        database.rows += [Stored(moment + 1, moment + 3 * OVERLAP + SECOND, 2)]
        for _ in range(1 + looks):
            await look()
        first, place = await _gaps(here, "")
        for _ in range(4):
            await look()
        told, _ = await _gaps(there if elsewhere else here, place)
        return len(first), len(told)

    assert asyncio.run(scene()) == (0, 1)


def test_who_was_cut_between_two_gaps_of_one_look_hears_of_the_other():
    database = Database(LOGS)
    here = process(database)

    async def scene():
        await here.look()
        database.clock += OVERLAP
        await here.look()
        moment = database.clock
        late = moment + 2 * OVERLAP + SECOND
        database.rows += [Stored(moment, late, 1), Stored(moment + 1, 0, 2), Stored(moment + 2, late, 3)]
        for _ in range(4):
            database.clock += OVERLAP
            await here.look()
        both = [entry for entry in here.tap.ring.after(0) if isinstance(entry, Hole)]
        place = here.channels[next(iter(here.channels))]._known.window.text(
            Place("logs", here.tap.id, both[0].seq, both[0].floor)
        )
        told, _ = await _gaps(here, place.decode())
        return len(both), len(told)

    assert asyncio.run(scene()) == (2, 1)
