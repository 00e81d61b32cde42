"""Shares of the desk: how many questions one reader may have under way, so that none takes all threads.

In: readers who ask. Out: turns. A reader's questions beyond its share wait for each other, not for everybody's, and
are refused with `TooManyError` when too many wait or one waits too long. Who did not have to say who they are is one
reader with everybody else, so no bound of its own would be fair; there the desk's own bounds hold.
Lives on one event loop.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from identity.reader import Reader
from query import errors

UNNAMED = frozenset({"", "anonymous"})


@dataclass(slots=True)
class _Queue:
    turns: asyncio.Semaphore
    asking: int = 0


class Shares:
    """Turns by reader."""

    def __init__(self, at_once: int, waiting: int, seconds: float) -> None:
        """`at_once` 0 bounds nobody; `seconds` is how long a turn is waited for."""
        self._at_once = at_once
        self._waiting = waiting
        self._seconds = seconds
        self._queues: dict[str, _Queue] = {}

    @asynccontextmanager
    async def turn(self, reader: Reader) -> AsyncIterator[None]:
        """Wait for a turn and keep it for the block. Raises `TooManyError`."""
        if not self._at_once or reader.name in UNNAMED:
            yield
            return
        queue = self._queues.setdefault(reader.name, _Queue(asyncio.Semaphore(self._at_once)))
        if queue.asking >= self._at_once + self._waiting:
            raise self._too_many(f"{queue.asking} questions of yours are under way or waiting")
        queue.asking += 1
        try:
            await self._begin(queue)
            try:
                yield
            finally:
                queue.turns.release()
        finally:
            queue.asking -= 1
            if not queue.asking:
                del self._queues[reader.name]

    async def _begin(self, queue: _Queue) -> None:
        try:
            async with asyncio.timeout(self._seconds):  # `wait_for` may lose a cancelling that comes with the turn
                await queue.turns.acquire()
        except TimeoutError as late:
            raise self._too_many(f"your other questions kept this one waiting for {self._seconds:g} seconds") from late

    def _too_many(self, why: str) -> errors.TooManyError:
        return errors.TooManyError(
            f"One reader may have {self._at_once} questions at once and {self._waiting} waiting; {why}",
            mend="Ask again when some of them are answered.",
        )
