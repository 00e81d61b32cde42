"""Who comes in, and what one request may take while it arrives: a place, a turn to be read, memory.

In: the sender's credential and address, bounds, and the house's budget of bytes. Out: an `identity.sender.Sender`, a
`Gate` to enter, a `Reservation` that grows with what was read; `ingest.turns` has the turns. `Gate` and `Reservation`
refuse with `BusyError` and never wait, since a sender that is told to come again holds its own data.
"""

import asyncio
import random
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from identity.sender import Sender
from ingest.allowance import Allowances
from ingest.errors import BusyError, OverShareError
from ingest.pressure import Pressure
from ingest.refusal_log import RefusalLog
from ingest.shares import DEFAULT_SHARE, Shares, Verdict
from sql.signals import Signal

Admit = Callable[[str | None, str, str], Sender]
"""Takes the authorization header as it came, the peer's address and the subject of its certificate (or nothing). Gives
the sender, or raises `identity.errors.IdentityError`. Quick: it runs on the event loop."""


def anybody(_authorization: str | None, peer: str, _certificate_subject: str, /) -> Sender:
    """Let everybody in, known by their address alone."""
    return Sender(peer)


DELAY = 1.0
"""Seconds that the answer to a sender over its share or its limits, or not let in, is held back, give or take a half so
that a flood does not come back all at once. Who sends the next request only after the answer to the last one, or has so
many streams and no more, is slowed down by it at no cost, while a refusal by itself takes nearly as much of the
processor as gRPC's part of any call. Not more than the pause that a refused sender is asked for."""
DELAYED = frozenset({"over_share", "over_limit", "locked_out", "unauthenticated", "forbidden"})
"""Reasons of refusals that are the sender's own doing."""
MOST_DELAYED = 1024
"""Answers held back at once, each with up to 64 KiB that gRPC received already; above it they go out at once."""


class Admission:
    """What both doors know of senders, so that nobody gains by coming through both. Belongs to one event loop."""

    def __init__(self, admit: Admit = anybody) -> None:
        self.admit = admit
        self.allowances = Allowances()
        self.refusals = RefusalLog()
        self.pressure = Pressure()
        self._delayed = 0

    async def hold_back(self, reason: str) -> None:
        """Wait before a refusal is sent, if its reason calls for it."""
        if reason not in DELAYED or self._delayed >= MOST_DELAYED:
            return
        self._delayed += 1
        try:
            await asyncio.sleep(DELAY * (0.5 + random.random()))  # noqa: S311  spreads load, hides nothing
        finally:
            self._delayed -= 1


class Lease(Protocol):
    """Bytes of the budget."""

    def grow(self, size: int, /) -> None:
        """Hold at least `size` bytes; raises what `Budget.reserve` raises."""

    def release(self) -> None:
        """Give it back. Safe twice."""


class Budget(Protocol):
    """Bytes that the house may hold; `ingest.memory.Budget` is its own."""

    def reserve(self, size: int, sender_key: str = "", /) -> Lease:
        """Hold `size` bytes, or raise `BusyError` (not now) or `TooLargeError` (never)."""

    def expect(self, sender_key: str, /) -> None:
        """Raise `BusyError` where a request of this sender would be refused anyway."""


class Counters(Protocol):
    """What the doors count; `ingest.counters.Counters` is the house's own."""

    def request(self, signal: Signal, transport: str, /) -> None:
        """An Export request arrived."""

    def refused(self, signal: Signal, transport: str, reason: str, /) -> None:
        """An Export request was answered with an error; `reason` is a short fixed word."""


class Gate:
    """Lets in as many requests at once as there are places, and of one sender its share. Belongs to one event loop."""

    def __init__(self, places: int, share: float = DEFAULT_SHARE, pressure: Pressure | None = None) -> None:
        """`share` is the part of the places that one sender may have while others are active; `pressure` narrows it."""
        self.shares = Shares(places, share)
        self.pressure = pressure

    @property
    def taken(self) -> int:
        """Requests inside now."""
        return self.shares.used

    def place(self, sender_key: str) -> "Place":
        """A place to enter, which raises `BusyError` where there is none."""
        return Place(self, sender_key)

    def verdict(self, sender_key: str) -> Verdict:
        """Tell whether a sender may have one more place."""
        verdict = self.shares.verdict(sender_key, 1)
        if verdict is Verdict.FITS and self.pressure is not None and self.shares.active > 1:
            most = self.pressure.requests_at_once(self.shares.limit)
            return Verdict.FITS if self.shares.held(sender_key) < most else Verdict.OVER_SHARE
        return verdict


class Place:
    """Room for one request. It is taken on entering the context, and free again after it."""

    __slots__ = ("_gate", "_key")

    def __init__(self, gate: Gate, key: str) -> None:
        self._gate = gate
        self._key = key

    def __enter__(self) -> None:
        shares = self._gate.shares
        match self._gate.verdict(self._key):
            case Verdict.FULL:
                raise BusyError(f"all {shares.limit} places for requests are taken: send the same again later")
            case Verdict.OVER_SHARE:
                # Without figures: the answer is then written once and not for each of a flood.
                raise OverShareError("this sender has its share of requests at work: send the same again later")
        shares.add(self._key, 1)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._gate.shares.add(self._key, -1)


class Reservation:
    """The memory of one request while it is read. Leaving the context gives it back.

    The doors give it back in the same step in which they hand the body on, so that behind the seam the same
    bytes can be counted anew without being counted twice.
    """

    __slots__ = ("_budget", "_key", "_lease")

    def __init__(self, budget: Budget, sender_key: str = "") -> None:
        self._budget = budget
        self._key = sender_key
        self._lease: Lease | None = None

    def hold(self, size: int) -> None:
        """Hold at least `size` bytes in all from now on; raises what `Budget.reserve` raises."""
        if self._lease is None:
            self._lease = self._budget.reserve(size, self._key)
        else:
            self._lease.grow(size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lease is not None:
            self._lease.release()
            self._lease = None
