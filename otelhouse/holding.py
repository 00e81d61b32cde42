"""Several watchers may hold back what goes to ClickHouse; it goes on when the last of them lets go.

In: a reason from each watcher, and its end. Out: the pipeline held back for all reasons that stand, or let go.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


class Held(Protocol):
    """What can be held back."""

    def hold_back(self, reason: str) -> None:
        """Send nothing to ClickHouse until `let_go`."""

    def let_go(self) -> None:
        """Go on."""


class Holding:
    """The reasons for which a pipeline is held back, by watcher. Used on one event loop."""

    def __init__(self, pipeline: Held) -> None:
        self._pipeline = pipeline
        self._reasons: dict[str, str] = {}

    def of(self, watcher: str) -> "Hand":
        """What the watcher with this name holds back and lets go with."""
        return Hand(lambda reason: self._note(watcher, reason))

    def _note(self, watcher: str, reason: str) -> None:
        if self._reasons.get(watcher, "") == reason:
            return
        self._reasons.pop(watcher, None)
        if reason:
            self._reasons[watcher] = reason
        if self._reasons:
            self._pipeline.hold_back("; ".join(self._reasons.values()))
        else:
            self._pipeline.let_go()


@dataclass(frozen=True, slots=True)
class Hand:
    """One watcher's hand on the pipeline."""

    _note: Callable[[str], None]

    def hold_back(self, reason: str) -> None:
        """Send nothing to ClickHouse, for this reason."""
        self._note(reason)

    def let_go(self) -> None:
        """This watcher has no reason any more."""
        self._note("")
