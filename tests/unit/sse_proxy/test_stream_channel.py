"""All who watch the same share what was written; what is kept for them is bounded."""

import asyncio

from stream_process import ANNA, Database, Process, Stored

from sse_proxy import channel, cursor, watching
from sse_proxy.feeds import LOGS


class Sleeper:
    """A viewer that only counts how often it was woken."""

    def __init__(self):
        self.woken = 0

    def wake(self):
        self.woken += 1


def channel_of(database, **wanted):
    watch = watching.watch(LOGS, wanted, ANNA)
    here = Process(database, [watch], by_topic=False)
    return here, here.channels[watch]


async def comes(database, here, *numbers):
    database.clock += 1_000
    database.rows += [Stored(database.clock, 0, number) for number in numbers]
    await here.look()


def test_a_batch_is_written_once_and_each_takes_what_lies_behind_its_place():
    async def scene():
        database = Database(LOGS)
        here, shared = channel_of(database)
        await here.look()
        for number in (1, 2, 3):
            await comes(database, here, number)
        return [[batch.last for batch in shared.pending(seq)] for seq in (0, 1, 3)], shared.pending(1)[0]

    taken, second = asyncio.run(scene())
    assert taken == [[1, 2, 3], [2, 3], []]
    assert (second.rows, b"data: 2\n\n" in second.chunk) == (1, True)


def test_rows_that_nobody_here_sees_wake_nobody():
    async def scene():
        database = Database(LOGS)
        here, shared = channel_of(database, composition_id=["c-1"])
        sleeper = Sleeper()
        shared.viewers.add(sleeper)
        await here.look()
        await comes(database, here, 2)
        before = sleeper.woken
        await comes(database, here, 1)
        return before, sleeper.woken

    assert asyncio.run(scene()) == (0, 1)


def test_batches_are_bounded_and_who_is_behind_them_is_sent_to_the_ring():
    async def scene():
        database = Database(LOGS)
        here, shared = channel_of(database)
        await here.look()
        for number in range(channel.MOST_BATCHES + 5):
            await comes(database, here, number)
        return shared.pending(0), shared.pending(5)

    behind, kept = asyncio.run(scene())
    assert (behind, len(kept)) == (None, channel.MOST_BATCHES)


def test_many_are_woken_in_turns():
    async def scene():
        database = Database(LOGS)
        here, shared = channel_of(database)
        sleepers = [Sleeper() for _ in range(channel.WOKEN_AT_ONCE + 1)]
        shared.viewers |= set(sleepers)
        await here.look()
        database.rows.append(Stored(database.clock, 0, 1))
        here.tap._publish(await here.tap._fetch((await here.tap._census(0)).groups, 0, database.clock))
        at_once = sum(one.woken for one in sleepers)
        await asyncio.sleep(0)
        return at_once, sum(one.woken for one in sleepers)

    assert asyncio.run(scene()) == (channel.WOKEN_AT_ONCE, channel.WOKEN_AT_ONCE + 1)


def test_its_place_lists_what_lies_behind_the_floor():
    async def scene():
        database = Database(LOGS)
        here, shared = channel_of(database, composition_id=["c-1"])
        await here.look()
        await comes(database, here, 1, 2, 4)
        return cursor.read(shared.place().decode()), here.tap

    place, tap = asyncio.run(scene())
    assert (place.tap, place.seq, place.floor, len(place.marks)) == (tap.id, 3, tap.bound, 2)


def test_messages_are_bounded_with_the_cursors_in_them(monkeypatch):
    monkeypatch.setattr(channel, "MOST_BYTES", 1_000)

    async def scene():
        database = Database(LOGS)
        here, shared = channel_of(database)
        await here.look()
        for number in range(60):
            await comes(database, here, number)
        return len(shared._batches), shared._batches[-1]

    kept, last = asyncio.run(scene())
    assert last.size == len(last.chunk) > 400  # its data has two bytes
    assert kept <= 2
