"""The limits of a sender's own token: bytes a second, requests at once.

In: a `Sender` with its limits, and the sizes of its requests. Out: a context to be inside of while a request is at
work, and `OverLimitError` for one over a limit. A sender without limits of its own costs nothing here.

Bytes are a token bucket of `BURST_S` seconds. How large a request is becomes known only by reading it, so one is let
in as long as there is anything in the bucket, and what it turns out to be is taken from it, below zero if need be: on
average the limit holds, and a request larger than the bucket still gets in.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from types import TracebackType

from identity.sender import Sender
from ingest.errors import OverLimitError
from ingest.memory import FIRST_PAUSE, LONGEST_PAUSE

BURST_S = 5.0
"""Seconds of a sender's rate that it may send at once after a silence."""
MOST_SENDERS = 4096
"""Senders with limits that are remembered; the longest silent is forgotten first, and starts with a full bucket."""
BUSY_PAUSE = FIRST_PAUSE
"""Seconds to wait for one's own requests to end."""


class _Account:
    __slots__ = ("at", "inside", "level")

    def __init__(self, level: float, at: float) -> None:
        self.level = level
        self.at = at
        self.inside = 0


class Allowances:
    """What senders with limits have left. Belongs to one event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._accounts: OrderedDict[str, _Account] = OrderedDict()

    def request(self, sender: Sender) -> "Request":
        """One request to be inside of; entering raises `OverLimitError`."""
        return Request(self, sender)

    def spend(self, sender: Sender, size: int) -> None:
        """Take the bytes of one request body, after decompression, from what the sender may send."""
        if sender.limits.bytes_per_second:
            self._account(sender).level -= size

    def enter(self, sender: Sender) -> None:
        """Begin a request, or raise `OverLimitError`; every one that began is to `leave`."""
        limits = sender.limits
        if not (limits.bytes_per_second or limits.requests_at_once):
            return
        account = self._account(sender)
        if limits.requests_at_once and account.inside >= limits.requests_at_once:
            message = f"{account.inside} requests of this token are at work, its limit: send the same again later"
            raise OverLimitError(message, retry_after=BUSY_PAUSE)
        rate = limits.bytes_per_second
        if rate and account.level <= 0:
            message = f"this token sends more than its {rate} bytes a second: send the same again later"
            pause = min(max(-account.level / rate, FIRST_PAUSE), LONGEST_PAUSE)
            raise OverLimitError(message, retry_after=pause)
        account.inside += 1

    def leave(self, sender: Sender) -> None:
        """End a request."""
        if sender.limits.bytes_per_second or sender.limits.requests_at_once:
            account = self._accounts.get(sender.key)
            if account is not None and account.inside:
                account.inside -= 1

    def _account(self, sender: Sender) -> _Account:
        """What is left of a sender now."""
        rate, now = sender.limits.bytes_per_second, self._clock()
        account = self._accounts.get(sender.key)
        if account is None:
            self._forget()
            account = self._accounts[sender.key] = _Account(BURST_S * rate, now)
        self._accounts.move_to_end(sender.key)
        account.level = min(account.level + rate * (now - account.at), BURST_S * rate)
        account.at = now
        return account

    def _forget(self) -> None:
        if len(self._accounts) >= MOST_SENDERS:
            idle = next((key for key, account in self._accounts.items() if not account.inside), None)
            if idle is not None:
                del self._accounts[idle]


class Request:
    """One request of a sender, for a ``with``."""

    __slots__ = ("_allowances", "_sender")

    def __init__(self, allowances: Allowances, sender: Sender) -> None:
        self._allowances = allowances
        self._sender = sender

    def __enter__(self) -> None:
        self._allowances.enter(self._sender)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._allowances.leave(self._sender)
