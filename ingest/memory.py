"""How much the house may hold in memory between the doors and ClickHouse.

In: sizes in bytes. Out: a `Lease` for each, which its holder shrinks and gives back. Refuses what does not
fit now with `BusyError`, and what can never fit with `TooLargeError`. Nothing waits here: a sender that is
told to come back holds its own data, a sender that waits makes the house hold it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from ingest.errors import BusyError, TooLargeError

FIRST_PAUSE = 1.0
"""Seconds a sender is asked to wait at the first refusal."""
LONGEST_PAUSE = 5.0
"""Seconds at most: SDK exporters give up after about ten."""
PAUSE_STEP = 0.02
"""Seconds more for each refusal in a row: 200 refused requests reach the longest pause."""


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"


class Lease:
    """A share of the budget. It is given back once, however often `release` is called."""

    __slots__ = ("_budget", "_given_back", "_size")

    def __init__(self, budget: Budget, size: int) -> None:
        self._budget = budget
        self._size = size
        self._given_back = False

    @property
    def size(self) -> int:
        """Bytes held now."""
        return self._size

    def resize(self, size: int) -> None:
        """Hold `size` bytes from now on. Growing is never refused: the bytes are already there."""
        before, self._size = self._size, size
        self._budget._move(size - before)  # noqa: SLF001 - the two classes are one thing

    def grow(self, size: int) -> None:
        """Hold at least `size` bytes from now on, for bytes that are not there yet.

        Raises what `Budget.reserve` raises, and `BusyError` once the lease was given back: a thread may still be at
        work for a sender who has gone away.
        """
        self._budget._grow(self, size)  # noqa: SLF001 - the two classes are one thing

    def release(self) -> None:
        """Give everything back."""
        self._budget._release(self)  # noqa: SLF001 - the two classes are one thing


class Budget:
    """Counts bytes up to a limit. Safe to use from the event loop and from executor threads."""

    def __init__(self, limit_bytes: int, watch: Callable[[int], None] | None = None) -> None:
        """`watch` hears the bytes in use after every change, for a gauge; it must be quick and not raise."""
        self.limit = limit_bytes
        self._watch = watch
        self._lock = threading.Lock()
        self._used = 0
        self._peak = 0
        self._refusals = 0

    @property
    def used(self) -> int:
        """Bytes held now."""
        return self._used

    @property
    def peak(self) -> int:
        """The most bytes ever held at once."""
        return self._peak

    def reserve(self, size: int) -> Lease:
        """Hold `size` bytes. Raises `BusyError` if they are not free, `TooLargeError` if never."""
        lease = Lease(self, 0)
        lease.grow(size)
        return lease

    def _grow(self, lease: Lease, size: int) -> None:
        if size > self.limit:
            message = (
                f"the request needs {_mebibytes(size)} of memory to be read, and ingest may use "
                f"{_mebibytes(self.limit)} in all: send smaller requests, or raise the memory limit of ingest"
            )
            raise TooLargeError(message)
        with self._lock:
            if lease._given_back:  # noqa: SLF001 - the two classes are one thing
                raise BusyError("the request was given up: send the same again")
            more = max(0, size - lease.size)
            if more > self.limit - self._used:
                self._refusals += 1
                raise self._busy()
            self._refusals = 0
            lease._size += more  # noqa: SLF001 - the two classes are one thing
            used = self._add(more)
        self._tell(used)

    def _release(self, lease: Lease) -> None:
        with self._lock:
            lease._given_back = True  # noqa: SLF001 - the two classes are one thing
            size, lease._size = lease._size, 0  # noqa: SLF001 - the two classes are one thing
            used = self._add(-size)
        if size:
            self._tell(used)

    def _busy(self) -> BusyError:
        pause = min(FIRST_PAUSE + PAUSE_STEP * (self._refusals - 1), LONGEST_PAUSE)
        held, limit = _mebibytes(self._used), _mebibytes(self.limit)
        message = f"ingest holds {held} of its {limit}: send the same again later"
        return BusyError(message, retry_after=pause)

    def _move(self, difference: int) -> None:
        if not difference:
            return
        with self._lock:
            used = self._add(difference)
        self._tell(used)

    def _add(self, difference: int) -> int:
        self._used += difference
        self._peak = max(self._peak, self._used)
        return self._used

    def _tell(self, used: int) -> None:
        if self._watch is not None:
            self._watch(used)
