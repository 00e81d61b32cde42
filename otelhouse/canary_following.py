"""What canaries of other processes wrote down, for a process that only answers questions.

In: `StoredRecords`, a `Book` and figures; the clusters for which beats should come. Out: both as if the canary were
here, some seconds later: the beats that were done since the last look are counted, what was before the first look only
stands. Whoever is expected and never heard of becomes silent, also where no canary ever wrote anything.
For one cluster one canary is followed: of two the one that sent later is what stands.
"""

import logging
from collections.abc import Sequence
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
    named: frozenset[str] = frozenset()
    """Clusters that the settings name: their beats alone are missed, and those of others told while they come."""
    standing_in: tuple[str, ...] = ()
    """Where none is named: what is expected until any other is heard of. Whoever is heard of is missed for a day."""
    misses: bool = True
    """Whether beats that do not come, or were broken, are an alarm: where the canary was switched off they are not."""
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
        if any(cluster not in self.standing_in for cluster in self._known):
            self._end_standing_in()
        self._let_go()

    def _take(self, sent: int, findings: Sequence[Finding]) -> None:
        clusters = dict.fromkeys(one.cluster for one in findings)
        for cluster in clusters:
            if self._missed(cluster) and cluster not in self._known:
                self.figures.expect(cluster)
        self.book.record(sent, clusters, findings)
        new = [one for one in findings if sent > self._known.get(one.cluster, 0)]
        if new and self._looked:
            self.figures.beat(Beaten(sent, {}, 0, new))
        for one in findings:
            if self.misses or not one.state.broken:
                self.figures.stand(one)
        for cluster in clusters:
            self._known[cluster] = max(sent, self._known.get(cluster, 0))

    def _missed(self, cluster: str) -> bool:
        return self.misses and (not self.named or cluster in self.named)

    def _end_standing_in(self) -> None:
        for cluster in self.standing_in:
            if cluster not in self._known:
                self._forget(cluster)
        self.standing_in = ()

    def _let_go(self) -> None:
        """Clusters of which nothing is heard any more, and which nobody named: they were renamed, or are no more."""
        day_ago = self.book.now() - FIRST_HOURS * HOUR
        for cluster, sent in list(self._known.items()):
            if cluster in self.named:
                continue
            if self._missed(cluster) and sent < day_ago:
                del self._known[cluster]
                self._forget(cluster)
            elif not self._missed(cluster) and self.book.silent(cluster):
                self._forget(cluster)

    def _forget(self, cluster: str) -> None:
        self.book.forget(cluster)
        self.figures.forget(cluster)


def _by_beat(latest: Sequence[tuple[Finding, int]]) -> list[tuple[int, list[Finding]]]:
    """The findings of each beat, the oldest first: a leg's latest may be of an older beat than another's.

    A leg that the newest beats of its cluster do not have any more (MCP was switched off) is left out.
    """
    newest: dict[str, int] = {}
    for finding, sent in latest:
        newest[finding.cluster] = max(sent, newest.get(finding.cluster, 0))
    beats: dict[int, list[Finding]] = {}
    for finding, sent in latest:
        if sent >= newest[finding.cluster] - _SLACK:
            beats.setdefault(sent, []).append(finding)
    return sorted(beats.items())
