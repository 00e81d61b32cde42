"""What one request may take while it arrives: a place, and memory.

In: a bound on places, and the house's budget of bytes. Out: a `Gate` to enter, and a `Reservation` that grows
with what was read. Both refuse with `BusyError`; nothing waits here, since a sender that is told to come
again holds its own data.
"""

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
