"""Places, turns and memory are taken while they last, and given back whatever happens."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from ingest.admission import Gate, Reservation, Turns
from ingest.errors import BusyError
from ingest.memory import Budget


def test_a_gate_lets_in_as_many_as_it_has_places():
    gate = Gate(2)
    with gate, gate:
        with pytest.raises(BusyError, match="all 2 places"), gate:
            pytest.fail("the third got in")
        assert gate.taken == 2
    assert gate.taken == 0


def test_a_gate_is_free_again_after_an_error():
    gate = Gate(1)
    with pytest.raises(RuntimeError), gate:
        raise RuntimeError
    with gate:
        assert gate.taken == 1


def test_a_reservation_holds_its_highest_mark_and_gives_it_back():
    budget = Budget(100)
    with Reservation(budget) as reservation:
        reservation.hold(40)
        reservation.hold(30)
        reservation.hold(100)
        assert budget.used == 100
    assert budget.used == 0
    assert budget.peak == 100


def test_a_reservation_that_does_not_fit_is_busy_and_gives_back_what_it_had():
    budget = Budget(100)
    budget.reserve(30)
    with Reservation(budget) as reservation:
        reservation.hold(60)
        with pytest.raises(BusyError):
            reservation.hold(80)
    assert budget.used == 30


BOUND = 10.0
"""Seconds after which a test that waits has failed."""


class Readers:
    """Requests that take turns and read until they are told to end."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.reading: list[str] = []
        self._ends: dict[str, asyncio.Event] = {}

    async def _read(self, name: str) -> None:
        async with asyncio.timeout(BOUND) as limit, self.turns.turn(limit):
            self.reading.append(name)
            try:
                await self._ends[name].wait()
            finally:
                self.reading.remove(name)

    async def start(self, names: str) -> "list[asyncio.Task[None]]":
        self._ends |= {name: asyncio.Event() for name in names}
        tasks = [asyncio.create_task(self._read(name)) for name in names]
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
        await readers.start("xy"[:places])
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
