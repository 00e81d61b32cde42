"""Waits for a spool to empty, whoever empties it, and says how it goes.

In: statuses of a spool (`otelhouse.spool_report.of_status`), one after the other. Out: whether it is done, and lines
of progress. New telemetry may come in all the while, so done means that nothing is left of what there was at first.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from otelhouse.progress import PATIENCE

Status = Mapping[str, Any]


@dataclass(slots=True)
class Course:
    """One waiting."""

    say: Callable[[str], None]
    """Takes a line for people."""
    patience: float = PATIENCE
    """Seconds between two lines."""
    last: Status = field(default_factory=dict)
    """The newest status."""
    _began: float | None = None
    """On the spool's clock."""
    _told: float = field(default_factory=time.monotonic)

    def done(self, status: Status) -> bool:
        """Take note of the newest status; gives whether nothing is left of what there was at the first."""
        self.last = status
        if self._began is None:
            self._began = float(status["now"])
        oldest = status["oldest"]
        if not status["entries"] or oldest is None or oldest >= self._began:
            return True
        if time.monotonic() - self._told >= self.patience:
            self._told = time.monotonic()
            self.say(f"{left(status)} wait ...")
        return False

    def unfinished(self, seconds: float) -> str:
        """What to say if it was not done within `seconds`."""
        if not self.last:
            return f"not drained within {seconds:g} s; the spool keeps what it has, so drain again"
        why = reasons(self.last) or "there is more than can be inserted in that time"
        return f"after {seconds:g} s {left(self.last)} still wait: {why}; the spool keeps them, so drain again"


def left(status: Status) -> str:
    """What is in the spool, in words."""
    return f"{status['items']:,} items in {status['entries']:,} batches"


def reasons(status: Status) -> str:
    """Why ClickHouse takes nothing of what waits, or nothing at all where nothing waits; each reason once, or empty."""
    kinds: dict[str, list[str]] = {}
    for kind, why in status["waiting_because"].items():
        if kind in status["kinds"] or not status["kinds"]:
            kinds.setdefault(why, []).append(kind)
    return "; ".join(f"ClickHouse does not take {', '.join(whose)}: {why}" for why, whose in kinds.items())
