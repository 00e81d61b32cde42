"""How much the house may hold in memory between the doors and ClickHouse, and how much of it for one sender.

In: sizes in bytes. Out: a `Lease` for each, which its holder shrinks and gives back. Refuses what does not
fit now with `BusyError`, what is over its sender's share (`ingest.shares`) with `OverShareError`, and what can never
fit with `TooLargeError`. Nothing waits here: a sender that is told to come back holds its own data, a sender that
waits makes the house hold it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from ingest.errors import BusyError, OverShareError, TooLargeError
from ingest.shares import DEFAULT_SHARE, Account, Shares, Verdict

FIRST_PAUSE = 1.0
"""Seconds a sender is asked to wait at the first refusal."""
LONGEST_PAUSE = 5.0
"""Seconds at most: SDK exporters give up after about ten."""
PAUSE_STEP = 0.02
"""Seconds more for each refusal in a row: 200 refused requests reach the longest pause."""
WANTED_FOR = 0.5
"""Seconds for which a sender is taken to want what it was refused: less than it was asked to wait."""


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"


def pause_after(refusals: int) -> float:
    """Seconds to wait after so many refusals in a row, the first being 1."""
    return min(FIRST_PAUSE + PAUSE_STEP * (refusals - 1), LONGEST_PAUSE)


class Lease:
    """Bytes of the budget. It is given back once, however often `release` is called."""

    __slots__ = ("_budget", "_given_back", "_sender_key", "_size")

    def __init__(self, budget: Budget, size: int, sender_key: str = "") -> None:
        self._budget = budget
        self._size = size
        self._sender_key = sender_key
        self._given_back = False

    @property
    def size(self) -> int:
        """Bytes held now."""
        return self._size

    def resize(self, size: int) -> None:
        """Hold `size` bytes from now on. Growing is never refused: the bytes are already there."""
        before, self._size = self._size, size
        self._budget._move(self._sender_key, size - before)  # noqa: SLF001 - the two classes are one thing

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

    def __init__(
        self,
        limit_bytes: int,
        watch: Callable[[int], None] | None = None,
        *,
        share: float = DEFAULT_SHARE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`watch` hears the bytes in use after every change, for a gauge; it must be quick and not raise.

        `share` is the part of the limit that one sender may hold while others are active.
        """
        self.limit = limit_bytes
        self._watch = watch
        self._clock = clock
        self._lock = threading.Lock()
        self._shares = Shares(limit_bytes, share, clock)
        self._peak = 0
        self._refusals = 0

    @property
    def used(self) -> int:
        """Bytes held now."""
        return self._shares.used

    @property
    def peak(self) -> int:
        """The most bytes ever held at once."""
        return self._peak

    def held_by(self, sender_key: str) -> int:
        """Bytes that one sender holds now."""
        return self._shares.held(sender_key)

    def reserve(self, size: int, sender_key: str = "") -> Lease:
        """Hold `size` bytes. Raises `BusyError` if they are not free, `TooLargeError` if never.

        `OverShareError`, a `BusyError`, where the sender holds too much already. The key ``""`` is the house itself,
        which has no share.
        """
        lease = Lease(self, 0, sender_key)
        lease.grow(size)
        return lease

    def expect(self, sender_key: str) -> None:
        """Refuse, before anything of it is read, a request that is likely to be refused after.

        How much it will need is not known; what the sender was refused a moment ago is the best guess.
        """
        with self._lock:
            account = self._shares.account(sender_key)
            wanted = account.wanted if self._clock() < account.wanted_until else 1
            self._refuse_unless(self._shares.verdict(sender_key, wanted), account)

    def _grow(self, lease: Lease, size: int) -> None:
        if size > self.limit:
            message = (
                f"the request needs {_mebibytes(size)} of memory to be read, and ingest may use "
                f"{_mebibytes(self.limit)} in all: send smaller requests, or raise the memory limit of ingest"
            )
            raise TooLargeError(message)
        key = lease._sender_key  # noqa: SLF001 - the two classes are one thing
        with self._lock:
            if lease._given_back:  # noqa: SLF001 - the two classes are one thing
                raise BusyError("the request was given up: send the same again")
            more = max(0, size - lease.size)
            account = self._shares.account(key)
            verdict = self._shares.verdict(key, more, own=lease.size)
            if verdict is not Verdict.FITS:
                account.wanted, account.wanted_until = more, self._clock() + WANTED_FOR
            self._refuse_unless(verdict, account)
            self._refusals = account.refusals = 0
            lease._size += more  # noqa: SLF001 - the two classes are one thing
            used = self._add(key, more)
        self._tell(used)

    def _release(self, lease: Lease) -> None:
        with self._lock:
            lease._given_back = True  # noqa: SLF001 - the two classes are one thing
            size, lease._size = lease._size, 0  # noqa: SLF001 - the two classes are one thing
            used = self._add(lease._sender_key, -size)  # noqa: SLF001 - the two classes are one thing
        if size:
            self._tell(used)

    def _refuse_unless(self, verdict: Verdict, account: Account) -> None:
        if verdict is Verdict.FULL:
            self._refusals += 1
            held, limit = _mebibytes(self.used), _mebibytes(self.limit)
            message = f"ingest holds {held} of its {limit}: send the same again later"
            raise BusyError(message, retry_after=pause_after(self._refusals))
        if verdict is Verdict.OVER_SHARE:
            account.refusals += 1
            message = (
                f"ingest holds {_mebibytes(account.held)} of this sender already, its share beside others: send the "
                "same again later"
            )
            raise OverShareError(message, retry_after=pause_after(account.refusals))

    def _move(self, sender_key: str, difference: int) -> None:
        if not difference:
            return
        with self._lock:
            used = self._add(sender_key, difference)
        self._tell(used)

    def _add(self, sender_key: str, difference: int) -> int:
        self._shares.add(sender_key, difference)
        self._peak = max(self._peak, self._shares.used)
        return self._shares.used

    def _tell(self, used: int) -> None:
        if self._watch is not None:
            self._watch(used)
