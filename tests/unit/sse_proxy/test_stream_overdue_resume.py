"""Who was cut before a late row was told hears of it when coming back, wherever to, and of nothing else."""

import asyncio
import json

import pytest
from stream_process import ANNA, OVERLAP_S, Database, Process, Stored

from sql.parameter import iso_time
from sse_proxy import watching
from sse_proxy.cursor import Place
from sse_proxy.feeds import EVENTS, LOGS
from sse_proxy.rows import Hole
from sse_proxy.tap import SECOND

OVERLAP = int(OVERLAP_S * SECOND)


def process(database, **settings):
    return Process(database, [watching.watch(database.feed, {}, ANNA)], **settings)


def told(here):
    return [one.reason for one in here.tap.ring.after(0) if isinstance(one, Hole)]


async def _gaps(here, place):
    """Those that a client is told of who comes back with this place."""
    (watch,) = here.channels
    return await _gaps_of(here.open(watch, place), place)


async def _gaps_of(viewer, place=""):
    found = []
    while True:
        try:
            block = await asyncio.wait_for(viewer.next(), 0.05)
        except TimeoutError:
            return found, place
        for line in block.decode().splitlines():
            place = line.removeprefix("id: ") if line.startswith("id: ") else place
            found += [json.loads(line.removeprefix("data: "))] if line.startswith('data: {"reason"') else []


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


def _place(here):
    (channel,) = here.channels.values()
    return channel.place().decode()


async def _late_when_nobody_looks(database, here, *, late):
    """Two rows in time, and perhaps one between them that becomes visible after the last look.

    Gives its moment, and the place of a client after the last of these rows.
    """
    for _ in range(3):
        database.clock += OVERLAP
        await here.look()
    moment = database.clock - SECOND // 2
    database.rows += [Stored(moment - 1, 0, 1), Stored(moment + 1, 0, 2)]
    if late:
        database.rows.append(Stored(moment, moment + 2 * OVERLAP, 4))
    (watch,) = here.channels
    viewer = here.open(watch, "")
    for wait in (OVERLAP, OVERLAP - SECOND):
        database.clock += wait
        await here.look()
    database.clock += 3 * SECOND
    return moment, (await _gaps_of(viewer))[1]


@pytest.mark.parametrize("late", [False, True], ids=["no late row", "a late row"])
@pytest.mark.parametrize("cut", ["after a row", "after a silence"])
@pytest.mark.parametrize("feed", [LOGS, EVENTS])
def test_what_became_visible_late_while_no_process_looked_is_told_to_who_comes_back(feed, cut, late):
    database = Database(feed)
    here, there = process(database), process(database)

    async def scene():
        moment, after_row = await _late_when_nobody_looks(database, here, late=late)
        await there.look()
        gaps, place = await _gaps(there, after_row if cut == "after a row" else _place(here))
        again, _ = await _gaps(there, place)
        return moment, gaps, again

    moment, gaps, again = asyncio.run(scene())
    assert [(gap["reason"], gap["rows"]) for gap in gaps] == [("overdue", 1)] * late
    assert all(gap["from"] < iso_time(moment) <= gap["to"] for gap in gaps)
    assert (told(here), again) == ([], [])


def test_who_heard_of_the_late_row_in_the_process_before_is_told_nothing_by_the_next():
    database = Database(LOGS)
    here, there = process(database), process(database)

    async def scene():
        await _late_when_nobody_looks(database, here, late=True)
        for _ in range(2):
            await here.look()
            database.clock += OVERLAP
        await there.look()
        return (await _gaps(there, _place(here)))[0]

    assert asyncio.run(scene()) == []
    assert told(here) == ["overdue"]


def test_a_row_that_was_late_here_and_in_time_there_is_told_to_who_moves_there():
    database = Database(LOGS)
    here, there = process(database), process(database)

    async def scene():
        for _ in range(30):
            database.clock += SECOND // 2
            await there.look()
            database.clock += SECOND // 2
            await here.look()
        late = database.clock + SECOND // 10
        database.rows.append(Stored(database.clock - OVERLAP - SECOND // 10, late, 1))
        place = _place(here)
        database.clock += SECOND // 2
        await there.look()
        database.clock += SECOND
        await there.look()
        return (await _gaps(there, place))[0]

    gaps = asyncio.run(scene())
    assert [entry.data for entry in there.tap.ring.after(0)] == [b"1"]
    assert [(gap["reason"], gap["rows"]) for gap in gaps] == [("overdue", 1)]


def test_events_that_were_left_out_or_came_again_are_no_reason_for_a_gap_elsewhere():
    database = Database(EVENTS)
    here = process(database, behind_rows=100, rows_at_once=10)
    there = process(database)

    async def scene():
        await here.look()
        moment = database.clock
        database.rows += [Stored(moment + number, 0, number) for number in range(150)]
        database.rows += [Stored(moment + SECOND, 0, number) for number in range(140, 150)]
        for _ in range(20):
            database.clock += SECOND
            await here.look()
        await there.look()
        return (await _gaps(there, _place(here)))[0]

    assert asyncio.run(scene()) == []
    assert told(here) == ["flood"]


def test_a_copy_of_an_old_event_that_only_the_next_process_sees_is_no_gap():
    database = Database(EVENTS)
    settings = {"late_s": 5, "history_s": 100}
    here, there = process(database, **settings), process(database, **settings)

    async def scene():
        database.rows.append(Stored(database.clock - 200 * SECOND, 0, 1))
        for _ in range(3):
            database.clock += OVERLAP
            await here.look()
        late = database.clock + SECOND
        database.rows.append(Stored(late - OVERLAP - 2 * SECOND, late, 1))
        database.clock += 2 * SECOND
        await there.look()
        return (await _gaps(there, _place(here)))[0]

    assert asyncio.run(scene()) == []


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


@pytest.mark.parametrize("way", ["here", "elsewhere", "slow"])
def test_a_late_gap_that_has_left_the_ring_is_told_to_who_did_not_hear_of_it(way):
    database = Database(LOGS)
    here, there = process(database, ring_rows=100), process(database, ring_rows=100)

    async def look(wait):
        database.clock += wait
        await here.look()
        await there.look()

    async def scene():
        for _ in range(3):
            await look(OVERLAP)
        (watch,) = here.channels
        viewer = here.open(watch, "")
        _, place = await _gaps_of(viewer)
        database.rows.append(Stored(database.clock - OVERLAP - SECOND, database.clock + SECOND, 0))
        await look(2 * OVERLAP)
        for number in range(1, 150):
            database.rows.append(Stored(database.clock, 0, number))
            await look(SECOND // 10)
        if way == "slow":
            return (await _gaps_of(viewer))[0]
        back = there if way == "elsewhere" else here
        return (await _gaps(back, place))[0]

    assert [gap["reason"] for gap in asyncio.run(scene())] == ["overdue", "slow" if way == "slow" else "late"]


@pytest.mark.parametrize("feed", [LOGS, EVENTS], ids=["logs", "events"])
def test_a_row_that_a_replica_never_gave_is_told_once_also_to_who_goes_elsewhere(feed):
    database = Database(feed)
    here, there = process(database), process(database)

    async def scene():
        for _ in range(4):
            database.clock += SECOND
            await here.look()
        (watch,) = here.channels
        viewer = here.open(watch, "")
        moment = database.clock + SECOND // 2
        database.rows.append(Stored(moment, moment, 1))
        database.lag = 60 * SECOND  # counted by one replica, not given by the other
        for _ in range(9):
            database.clock += SECOND
            await here.look()
        database.lag = 0
        await there.look()
        heard, place = await _gaps_of(viewer)
        assert [one["reason"] for one in heard] == ["behind"]
        assert (await _gaps(there, place))[0] == []

    asyncio.run(scene())
