"""What one request may take while it arrives: a place, a turn to be read, and memory.

In: bounds on places and turns, and the house's budget of bytes. Out: a `Gate` to enter, `Turns` to wait for, and a
`Reservation` that grows with what was read. `Gate` and `Reservation` refuse with `BusyError` and never wait, since a
sender that is told to come again holds its own data; who waits for a turn still holds it as well.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Protocol, Self

from ingest.errors import BusyError
from sql.signals import Signal


class Lease(Protocol):
    """A share of the budget."""

    def release(self) -> None:
        """Give it back. Safe twice."""


class Budget(Protocol):
    """Bytes that the house may hold; `ingest.memory.Budget` is its own."""

    def reserve(self, size: int, /) -> Lease:
        """Hold `size` bytes, or raise `BusyError` (not now) or `TooLargeError` (never)."""


class Counters(Protocol):
    """What the doors count; `ingest.counters.Counters` is the house's own."""

    def request(self, signal: Signal, transport: str, /) -> None:
        """An Export request arrived."""

    def refused(self, signal: Signal, transport: str, reason: str, /) -> None:
        """An Export request was answered with an error; `reason` is a short fixed word."""


class Gate:
    """Lets in as many requests at once as there are places. Belongs to one event loop."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._taken = 0

    @property
    def taken(self) -> int:
        """Requests inside now."""
        return self._taken

    def __enter__(self) -> Self:
        if self._taken >= self._places:
            message = f"all {self._places} places for requests are taken: send the same again later"
            raise BusyError(message)
        self._taken += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._taken -= 1


class Turns:
    """Lets so many requests at once be read whose size is known only when they are there; the others wait in order.

    Who has been reading for `patience` seconds while others wait is cut off, the oldest first: a sender that stalls, or
    sends over a slow line, shall not hold up the rest. Belongs to one event loop.
    """

    def __init__(self, places: int, patience: float) -> None:
        self._free = places
        self._patience = patience
        self._reading: dict[asyncio.Timeout, float] = {}
        """The time limits of those who read, oldest first, and when they began."""
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def turn(self, limit: asyncio.Timeout) -> AsyncIterator[None]:
        """Wait for a turn and have it. The caller is within `limit`, which may be moved up."""
        await self._enter()
        try:
            self._reading[limit] = asyncio.get_running_loop().time()
            self._arm()
            yield
        finally:
            self._reading.pop(limit, None)
            self._leave()

    async def _enter(self) -> None:
        if self._free:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._arm()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._waiting.remove(turn)
            else:  # the turn came in the moment in which the request was given up
                self._leave()
            raise

    def _leave(self) -> None:
        # One that was cancelled takes itself out when its task runs next, so it may still stand here.
        following = next((turn for turn in self._waiting if not turn.done()), None)
        if following is None:
            self._free += 1
        else:
            self._waiting.remove(following)
            following.set_result(None)

    def _arm(self) -> None:
        if self._timer is None and self._waiting and self._reading:
            begun = next(iter(self._reading.values()))
            self._timer = asyncio.get_running_loop().call_at(begun + self._patience, self._hurry)

    def _hurry(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        oldest = next(iter(self._reading.items()), None)
        if self._waiting and oldest is not None and now >= oldest[1] + self._patience:
            limit = oldest[0]
            del self._reading[limit]
            if not limit.expired():
                limit.reschedule(now)
            return  # whoever takes this turn looks after the others that wait
        self._arm()


class Reservation:
    """The memory of one request while it is read. Leaving the context gives it back.

    The doors give it back in the same step in which they hand the body on, so that behind the seam the same
    bytes can be counted anew without being counted twice.
    """

    __slots__ = ("_budget", "_leases", "_size")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._leases: list[Lease] = []
        self._size = 0

    def hold(self, size: int) -> None:
        """Hold at least `size` bytes in all from now on; raises what `Budget.reserve` raises."""
        if size > self._size:
            self._leases.append(self._budget.reserve(size - self._size))
            self._size = size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for lease in self._leases:
            lease.release()
        self._leases.clear()
        self._size = 0
