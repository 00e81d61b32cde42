"""How many requests one sender may have at work beside others, when the processor is what is scarce.

In: how busy the event loop's thread was. Out: a number of requests. A thousand small requests at once take little
memory and few places, yet each costs the event loop some 0.3 ms, and gRPC serves them first come, first served: whoever
comes behind them waits. So while the loop is busy the number is halved, down to `FEWEST`, and while it is not it grows
again.

A thread that is ready to run and has to wait for a core is busy as well; Linux tells, elsewhere it is not counted.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path

FEWEST = 64
"""Requests that a sender may always have at work: more than a Collector sends at once."""
BUSY = 0.75
"""Part of a core from which on the loop counts as busy: senders begin to wait for each other."""
INTERVAL = 0.25
"""Seconds between two looks."""
_GROWTH = 1.05
"""By which the number grows from look to look: from `FEWEST` to 500 in 11 seconds."""


def thread_seconds() -> float:
    """Seconds that this thread has run or waited for a core, counted from some moment on."""
    try:
        ran, waited, _ = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat").read_bytes().split()
    except (OSError, ValueError):  # not Linux, or a kernel without it
        return time.thread_time()
    return (int(ran) + int(waited)) / 1e9


class Pressure:
    """Follows one event loop, and belongs to it."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, spent: Callable[[], float] = thread_seconds
    ) -> None:
        self._clock = clock
        self._spent = spent
        self._at = float("-inf")
        self._before = 0.0
        self._width = float("inf")

    def requests_at_once(self, most: int) -> float:
        """How many of at most `most` requests one sender may have at work now, beside others."""
        now = self._clock()
        if now - self._at >= INTERVAL:
            self._look(now, most)
        return min(self._width, most)

    def _look(self, now: float, most: int) -> None:
        spent = self._spent()
        if spent - self._before >= BUSY * (now - self._at):
            self._width = max(FEWEST, min(self._width, most) / 2)
        else:
            self._width *= _GROWTH
        self._at, self._before = now, spent
