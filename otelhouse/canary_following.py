"""What canaries of other processes wrote down, for a process that only answers questions.

In: `StoredRecords`, a `Book` and figures; the clusters for which beats should come. Out: both as if the canary were
here, some seconds later: the beats that were done since the last look are counted, what was before the first look only
stands. Whoever is expected and never heard of becomes silent, also where no canary ever wrote anything.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from canary.book import Book
from canary.figures import Figures
from canary.finding import Beaten, Finding, LookError
from canary.watch import HOUR
from otelhouse.canary_records import StoredRecords

_log = logging.getLogger(__name__)

FIRST_HOURS = 24
"""How far the first look goes back."""
_SLACK = 10 * 60 * 10**9
"""Nanoseconds from a beat's sending until it is surely written down; the longest beat takes a minute or two."""


@dataclass(slots=True)
class Following:
    """Looks when it is told to. One thread at a time."""

    records: StoredRecords
    book: Book
    figures: Figures
    standing_in: Iterable[str] = ()
    """Clusters that are expected only until any other is heard of: nobody said for which the canary beats."""
    misses: bool = True
    """Whether beats that do not come any more are an alarm: where the canary was switched off they are not."""
    _known: dict[str, int] = field(default_factory=dict)
    """By cluster, when the latest beat was sent that was seen here."""
    _looked: bool = False

    def look(self) -> None:
        """Read what is new. What cannot be read is logged and counted."""
        back = _SLACK if self._looked else FIRST_HOURS * HOUR
        try:
            latest = self.records.latest(self.book.now() - back)
        except LookError as problem:
            _log.warning("what the canary found cannot be read: %s", problem)
            self.figures.problem("record")
            return
        for sent, findings in _by_beat(latest):
            self._take(sent, findings)
        self._looked = True

    def _take(self, sent: int, findings: Sequence[Finding]) -> None:
        clusters = dict.fromkeys(one.cluster for one in findings)
        self._meet(clusters)
        self.book.record(sent, clusters, findings)
        new = [one for one in findings if sent > self._known.get(one.cluster, 0)]
        if new and self._looked:
            self.figures.beat(Beaten(sent, {}, 0, new))
        for one in findings:
            self.figures.stand(one)
        for cluster in clusters:
            self._known[cluster] = max(sent, self._known.get(cluster, 0))

    def _meet(self, clusters: Iterable[str]) -> None:
        for cluster in clusters:
            if self.misses and cluster not in self._known:
                self.figures.expect(cluster)
        for cluster in self.standing_in:
            if cluster not in self._known and cluster not in clusters:
                self.book.forget(cluster)
                self.figures.forget(cluster)
        self.standing_in = ()


def _by_beat(latest: Iterable[tuple[Finding, int]]) -> list[tuple[int, list[Finding]]]:
    """The findings of each beat, the oldest first: a leg's latest may be of an older beat than another's."""
    beats: dict[int, list[Finding]] = {}
    for finding, sent in latest:
        beats.setdefault(sent, []).append(finding)
    return sorted(beats.items())
