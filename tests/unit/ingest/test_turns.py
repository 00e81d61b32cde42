"""Turns go round the senders, and whoever stalls loses its turn to those who wait."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from ingest.turns import Turns

BOUND = 10.0
"""Seconds after which a test that waits has failed."""


class Readers:
    """Requests that take turns and read until they are told to end."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.reading: list[str] = []
        self._ends: dict[str, asyncio.Event] = {}

    async def _read(self, name: str, key: str) -> None:
        async with asyncio.timeout(BOUND) as limit, self.turns.turn(limit, key):
            self.reading.append(name)
            try:
                await self._ends[name].wait()
            finally:
                self.reading.remove(name)

    async def start(self, names: str, key: str = "") -> "list[asyncio.Task[None]]":
        self._ends |= {name: asyncio.Event() for name in names}
        tasks = [asyncio.create_task(self._read(name, key)) for name in names]
        await self.settle()
        return tasks

    async def end(self, name: str) -> None:
        self._ends[name].set()
        await self.settle()

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)


def on_a_loop(places: int, play: Callable[[Readers], Awaitable[None]], *, patience: float = BOUND) -> None:
    async def run() -> None:
        readers = Readers(Turns(places, patience))
        await play(readers)
        assert readers.reading == []
        await readers.start("wxyz"[:places])
        assert len(readers.reading) == places, "every place is free again"

    asyncio.run(run())


def test_as_many_read_at_once_as_there_are_turns_and_the_others_in_order():
    async def play(readers: Readers) -> None:
        await readers.start("abcd")
        assert readers.reading == ["a", "b"]
        await readers.end("b")
        assert readers.reading == ["a", "c"]
        await readers.end("a")
        await readers.end("c")
        await readers.end("d")

    on_a_loop(2, play)


def test_who_is_given_up_while_waiting_or_at_its_turn_keeps_no_place():
    async def play(readers: Readers) -> None:
        _, second, third, _ = await readers.start("abcd")
        second.cancel()
        readers._ends["a"].set()  # in one step of the loop with the next
        third.cancel()
        await readers.settle()
        assert readers.reading == ["d"]
        await readers.end("d")

    on_a_loop(1, play)


def test_a_turn_that_comes_in_the_moment_of_being_given_up_goes_to_the_next():
    async def play(readers: Readers) -> None:
        first, second, _ = await readers.start("abc")
        first.add_done_callback(lambda _: second.cancel())  # the turn was handed on, and not yet taken
        await readers.end("a")
        assert readers.reading == ["c"]
        await readers.end("c")

    on_a_loop(1, play)


def test_who_reads_long_while_others_wait_is_cut_off_the_oldest_first():
    async def play(readers: Readers) -> None:
        slow = (await readers.start("a"))[0]
        other = (await readers.start("b"))[0]
        await readers.start("c")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(slow, BOUND / 2)
        await readers.settle()
        assert readers.reading == ["b", "c"]
        assert not other.done()
        await readers.end("b")
        await readers.end("c")

    on_a_loop(2, play, patience=0.02)


def test_who_reads_long_while_nobody_waits_is_left_in_peace():
    async def play(readers: Readers) -> None:
        await readers.start("ab")
        await readers.settle()
        assert readers.reading == ["a", "b"]
        await readers.end("a")
        await readers.end("b")

    on_a_loop(2, play, patience=0.0)


def test_the_next_turn_goes_to_the_next_sender_and_not_to_the_next_in_line():
    async def play(readers: Readers) -> None:
        await readers.start("abcd", "flood")
        await readers.start("p", "polite")
        await readers.start("o", "other")
        assert readers.reading == ["a"]
        for name, following in ("a", "b"), ("b", "p"), ("p", "o"), ("o", "c"), ("c", "d"):
            await readers.end(name)
            assert readers.reading == [following]
        await readers.end("d")

    on_a_loop(1, play)


def test_a_sender_alone_leaves_a_turn_to_whoever_comes_next():
    async def play(readers: Readers) -> None:
        await readers.start("abcd", "flood")
        assert readers.reading == ["a", "b"]
        await readers.start("p", "polite")
        assert readers.reading == ["a", "b", "p"]
        await readers.end("p")
        assert readers.reading == ["a", "b"]
        for name in "abcd":
            await readers.end(name)

    on_a_loop(3, play)


def test_beside_another_a_sender_has_no_more_than_its_share_of_the_turns():
    async def play(readers: Readers) -> None:
        await readers.start("p", "polite")
        await readers.start("abcd", "flood")
        assert readers.reading == ["p", "a", "b"]
        for name in "pabcd":
            await readers.end(name)

    on_a_loop(4, play)


def test_whoever_waits_for_a_turn_of_its_own_cuts_off_nobody_else():
    async def play(readers: Readers) -> None:
        polite = (await readers.start("p", "polite"))[0]
        flood = (await readers.start("abc", "flood"))[0]
        assert readers.reading == ["p", "a"]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(flood, BOUND / 2)
        await readers.settle()
        assert readers.reading == ["p", "b"]
        assert not polite.done()
        for name in "pbc":
            await readers.end(name)

    on_a_loop(3, play, patience=0.02)
