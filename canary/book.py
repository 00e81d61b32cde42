"""What is known of the way now: the latest finding for each cluster, signal and leg, and when the heart last beat.

In: beats, as they are done, or as another process wrote them down. Out: `Standing`s, also of a canary that says nothing
any more: silence is a state of its own, since what stopped arriving looks like health otherwise.
"""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from canary.finding import LEGS, Finding
from canary.judging import State


@dataclass(frozen=True, slots=True)
class Known:
    """A finding, and of when it is."""

    finding: Finding
    sent: int
    """When its beat was sent, nanoseconds since 1970."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands with one cluster."""

    cluster: str
    state: str
    """ok, late, broken, silent; or starting, before the first beat is done."""
    broken_leg: str
    """The first on the way that is broken, or empty."""
    last_beat: int
    """When the last beat that was done was sent, nanoseconds since 1970; 0 before the first."""
    known: tuple[Known, ...]


class Book:
    """The latest of everything."""

    def __init__(self, clusters: Iterable[str], silent_after_s: float, now: Callable[[], int] = time.time_ns) -> None:
        """`silent_after_s`: seconds without a beat that is done. `now` gives nanoseconds since 1970."""
        self._guard = threading.Lock()
        self._silent_after = int(silent_after_s * 1e9)
        self.now = now
        self._began = now()
        self._last: dict[str, int] = dict.fromkeys(clusters, 0)
        self._known: dict[tuple[str, str, str], Known] = {}

    def record(self, sent: int, clusters: Iterable[str], findings: Iterable[Finding]) -> None:
        """Take a beat down. One that is older than what is known changes nothing."""
        with self._guard:
            for cluster in clusters:
                self._last[cluster] = max(sent, self._last.get(cluster, 0))
            for one in findings:
                at = (one.cluster, one.signal, one.leg)
                if at not in self._known or self._known[at].sent <= sent:
                    self._known[at] = Known(one, sent)

    def forget(self, cluster: str) -> None:
        """Expect no beats for a cluster any more, and know nothing of it."""
        with self._guard:
            self._last.pop(cluster, None)
            self._known = {at: known for at, known in self._known.items() if at[0] != cluster}

    def last_beat(self, cluster: str) -> int:
        """When the last beat for a cluster was sent that is done; 0 before the first."""
        with self._guard:
            return self._last.get(cluster, 0)

    def silent(self, cluster: str) -> bool:
        """Whether a beat is overdue."""
        return self.now() - max(self.last_beat(cluster), self._began) > self._silent_after

    def standings(self) -> list[Standing]:
        """How it stands with each cluster, by name."""
        with self._guard:
            clusters, known = dict(self._last), list(self._known.values())
        return [
            self._standing(name, [one for one in known if one.finding.cluster == name]) for name in sorted(clusters)
        ]

    def _standing(self, cluster: str, known: list[Known]) -> Standing:
        ordered = sorted(known, key=lambda one: (LEGS.index(one.finding.leg), one.finding.signal))
        broken = [one.finding.leg for one in ordered if one.finding.state.broken]
        late = any(one.finding.state is State.LATE for one in ordered)
        last = self.last_beat(cluster)
        if self.silent(cluster):
            state = "silent"
        elif not last:
            state = "starting"
        else:
            state = "broken" if broken else "late" if late else "ok"
        return Standing(cluster, state, broken[0] if broken else "", last, tuple(ordered))
