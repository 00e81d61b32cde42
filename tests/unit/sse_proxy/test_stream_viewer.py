"""A viewer gets what its client lacks, one chunk after the other, and says where it is."""

import asyncio
import json

import pytest
from stream_process import ANNA, Database, Process, Stored

from sse_proxy import cursor, watching
from sse_proxy.channel import MOST_BATCHES
from sse_proxy.feeds import LOGS
from sse_proxy.replay import AT_ONCE
from sse_proxy.tap import SECOND

WATCH = watching.watch(LOGS, {}, ANNA)


class Scene:
    """One process, one viewer."""

    def __init__(self, **settings):
        self.database = Database(LOGS)
        self.process = Process(self.database, [WATCH], by_topic=False, **settings)

    async def begin(self):
        await self.process.look()
        self.viewer = self.process.open(WATCH, "")
        return (await self.viewer.next()).decode()

    async def comes(self, *numbers):
        self.database.clock += SECOND // 100
        self.database.rows += [Stored(self.database.clock, 0, number) for number in numbers]
        await self.process.look()

    async def there(self):
        """What can be had without waiting."""
        found = b""
        while True:
            waiting = asyncio.ensure_future(self.viewer.next())
            await asyncio.sleep(0)
            if not waiting.done():
                waiting.cancel()
                await asyncio.wait([waiting])
                return found.decode()
            if (chunk := waiting.result()) is None:
                return found.decode()
            found += chunk

    def keepalive(self):
        self.viewer.keepalive(self.viewer.channel.coding.keepalive(self.viewer.channel.place()))


def play(scene, **settings):
    return asyncio.run(scene(Scene(**settings)))


def test_it_is_greeted_with_its_place_and_gets_what_comes():
    async def scene(here):
        greeting = await here.begin()
        await here.comes(1, 2)
        return greeting, await here.there()

    greeting, rows = play(scene, retry_ms=1000)
    assert greeting.startswith(": connected\n\nretry: 1")
    assert cursor.read(greeting.split("id: ")[1].strip()).feed == "logs"
    assert [line for line in rows.split("\n") if line.startswith("data")] == ["data: 1", "data: 2"]


def test_silence_is_told_at_the_second_time_and_moves_its_place():
    async def scene(here):
        await here.begin()
        told = []
        for _ in range(2):
            waiting = asyncio.ensure_future(here.viewer.next())
            await asyncio.sleep(0)
            here.keepalive()
            await asyncio.sleep(0)
            told.append(waiting.result().decode() if waiting.done() else None)
            waiting.cancel()
        return told

    first, second = play(scene)
    assert first is None
    assert second.startswith(": keepalive\nid: ")


def test_a_keepalive_never_says_that_a_client_has_what_it_was_not_given():
    async def scene(here):
        await here.begin()
        here.keepalive()  # it was silent
        waiting = asyncio.ensure_future(here.viewer.next())
        await asyncio.sleep(0)
        here.viewer.wake = lambda: None  # it has not had its turn yet
        await here.comes(1)
        here.keepalive()
        del here.viewer.wake
        here.viewer.wake()
        return (await waiting).decode()

    assert "data: 1" in play(scene)


def test_who_fell_behind_the_batches_gets_the_rest_from_the_ring():
    async def scene(here):
        await here.begin()
        for number in range(MOST_BATCHES + 20):
            await here.comes(number)
        return await here.there()

    rows = play(scene)
    assert [line for line in rows.split("\n") if line.startswith("data")] == [
        f"data: {n}" for n in range(MOST_BATCHES + 20)
    ]


def test_who_fell_out_of_the_ring_is_told_a_gap_and_goes_on():
    async def scene(here):
        await here.begin()
        for number in range(300):
            await here.comes(number)
        return await here.there()

    blocks = [block for block in play(scene, ring_rows=100).split("\n\n") if "data: " in block]
    gap, rows = blocks[0], blocks[1:]
    assert "event: gap" in gap
    assert json.loads(gap.partition("data: ")[2])["reason"] == "slow"
    assert [block.partition("data: ")[2] for block in rows] == [str(number) for number in range(200, 300)]


def test_a_replay_after_too_long_begins_with_a_gap():
    async def scene(here):
        place = (await here.begin()).split("id: ")[1].strip()
        for number in range(300):
            await here.comes(number)
            here.database.clock += SECOND
        here.viewer = here.process.open(WATCH, place)
        return await here.there()

    blocks = [block for block in play(scene, ring_rows=100).split("\n\n") if "data: " in block]
    assert json.loads(blocks[0].partition("data: ")[2])["reason"] == "late"
    assert len(blocks) == 101


@pytest.mark.parametrize("before", [0, 1])
def test_it_ends_with_a_farewell_and_then_with_nothing(before):
    async def scene(here):
        await here.begin()
        if before:
            here.viewer.tell(b": first\n\n")
        here.viewer.end("closing")
        here.viewer.end("gone")
        return await here.viewer.next(), await here.viewer.next(), here.viewer.ended

    said, nothing, why = play(scene)
    assert said.startswith(b": first\n\n: bye" if before else b": bye")
    assert (nothing, why) == (None, "closing")


def test_a_keepalive_never_says_that_a_client_has_what_fell_out_of_the_batches():
    async def scene(here):
        await here.begin()
        here.keepalive()  # it was silent
        waiting = asyncio.ensure_future(here.viewer.next())
        await asyncio.sleep(0)
        here.viewer.wake = lambda: None  # it has not had its turn yet
        for number in range(MOST_BATCHES + 1):
            await here.comes(number)
        here.keepalive()
        del here.viewer.wake
        here.viewer.wake()
        return (await waiting).decode()

    assert "data: 0" in play(scene)


def test_however_many_come_back_at_once_others_have_their_turns():
    async def scene(here):
        place = (await here.begin()).split("id: ")[1].strip()
        await here.comes(*range(5_000))
        shared, looked, most = here.process.channels[WATCH], 0, 0
        match = shared.match

        def counted(values):
            nonlocal looked
            looked += 1
            return match(values)

        shared.match = counted
        viewers = [here.process.open(WATCH, place) for _ in range(5)]
        for viewer in viewers:
            await viewer.next()
        coming = [asyncio.ensure_future(viewer.next()) for viewer in viewers]
        while not all(one.done() for one in coming):
            before = looked
            await asyncio.sleep(0)
            most = max(most, looked - before)
        return [b"data: 0\n" in one.result() for one in coming], looked, most

    told, looked, most = play(scene)
    assert all(told)
    assert looked >= 25_000
    assert most <= 2 * AT_ONCE  # one part of one client, and what its first messages look at
