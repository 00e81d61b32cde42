"""Sending one OTLP request by one door, as a well-behaved sender does: it comes again where it is asked to.

In: a signal, a serialised request, how long it may take. Out: nothing, when the house has acknowledged every item.
Refused, with `NotAcceptedError`: what the house says no to, also to a part of it, and a house that does not answer.
"""

import threading
import time
from typing import Protocol

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0
"""Seconds before coming again where the house does not say."""


class NotAcceptedError(Exception):
    """The request was not acknowledged. The message says why."""

    def __init__(self, message: str, *, again_after: float | None = None) -> None:
        super().__init__(message)
        self.again_after = again_after
        """Seconds after which it may be sent again, 0 where the house does not say; None where that is of no use."""


class Sender(Protocol):
    """One front door."""

    def ready(self, seconds: float) -> None:
        """Open what can be opened before; where it cannot, `send` says why."""

    def send(self, signal: str, request: bytes, seconds: float) -> None:
        """Send once. Raises `NotAcceptedError`."""

    def close(self) -> None:
        """Let go of connections."""


def send(sender: Sender, signal: str, request: bytes, deadline: float, stop: threading.Event) -> None:
    """Send until it is acknowledged or refused for good, or `deadline` (monotonic) comes. Raises `NotAcceptedError`."""
    pause = FIRST_PAUSE
    while True:
        try:
            sender.send(signal, request, max(0.1, deadline - time.monotonic()))
        except NotAcceptedError as problem:
            wait = None if problem.again_after is None else max(pause, min(problem.again_after, LONGEST_PAUSE))
            if wait is None or time.monotonic() + wait >= deadline or stop.wait(wait):
                raise
            pause = min(2 * pause, LONGEST_PAUSE)
        else:
            return
