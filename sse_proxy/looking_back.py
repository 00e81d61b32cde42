"""A tap's looks back, for rows that became visible behind its bound.

In: a census that counts further back than the bound, or the word that there was too much to count. Out: the holes to
tell. Where rows come again, replicas merge copies each in its own time, so a number alone says little: the rows of the
moments that lack some are read, and what was given in another copy is no gap. What is too much to read is told, since a
gap too many costs a client a question, and one too few costs it a row. A ClickHouse that does not answer is a
`StoreError`: nothing was told then, and the next look looks back again.
"""

import logging
from collections.abc import Mapping, Sequence

from sse_proxy.asking import Asking, Census
from sse_proxy.book import Account, Book
from sse_proxy.feeds import Feed
from sse_proxy.figures import Figures
from sse_proxy.overdue import Overdue
from sse_proxy.rows import Hole, Read
from sse_proxy.seen import Group, Seen, batches
from sse_proxy.settings import StreamSettings
from store.errors import LimitError, OverloadedError

_log = logging.getLogger(__name__)
_SECOND = 10**9


class LookBack:
    """Of one tap."""

    def __init__(self, feed: Feed, settings: StreamSettings, seen: Seen, asking: Asking, figures: Figures) -> None:
        self._span = int(settings.late_s * _SECOND)
        self._kept = self._span + int((settings.overlap_s + settings.history_s) * _SECOND)
        self.overdue = Overdue(self._span, int(settings.overlap_s * _SECOND))
        self.book = Book()
        self.account: Account | None = None
        """As of the last look that was brought to its end."""
        self._feed = feed
        self._at_once = settings.rows_at_once
        self._seen = seen
        self._asking = asking
        self._given_up = figures.given_up.labels(feed.name)
        self._fails = False

    def begin(self, since: int) -> None:
        """What is not behind this moment was told otherwise."""
        self.overdue.begin(since)
        self.book.begin(since)

    def passed(self, counted: Sequence[tuple[int, int]], given: Sequence[tuple[int, int]], bound: int) -> None:
        """The bound is here, past these moments, with their rows as counted, and without those that came again."""
        self.overdue.passed(counted)
        if self._span:
            self.book.add(given)
            self.book.begin(bound - self._kept)
            self.account = self.book.account(self.overdue.edge, bound)

    def gave_up(self, bound: int, why: str) -> None:
        """There was too much to count."""
        self._given_up.inc()
        self.overdue.gave_up(bound)
        if not self._fails:
            _log.warning("late %s cannot be looked for; streams go on without: %s", self._feed.name, why)
        self._fails = True

    async def holes(self, census: Census, bound: int) -> tuple[list[Hole], bool]:
        """What this census, which looked back, found behind the bound; and whether rows were asked for."""
        lacking = self.overdue.lacking(census.groups, bound)
        asked = bool(lacking) and self._feed.comes_again
        lacks: Mapping[Group, int] = {group: self.overdue.lacks(group) for group in lacking}
        if asked:
            lacks = await self._never_given(lacking) or lacks
        found = self.overdue.holes(census.groups, lacks, bound, census.clock)
        self.overdue.looked(bound)
        self.book.add((group.moment, number) for group, number in lacks.items() if number)
        if self._fails:
            _log.info("late %s can be looked for again", self._feed.name)
        self._fails = False
        return found, asked

    async def _never_given(self, lacking: Sequence[Group]) -> dict[Group, int]:
        """How many rows of each moment are in no copy that was given; nothing where that is too much to read."""
        if len(batches(lacking, self._at_once)) > 1:
            return {}
        try:
            found, cut = await self._asking.rows(lacking)
        except (LimitError, OverloadedError):
            return {}
        return {} if cut else {group: self._unknown(group, found) for group in lacking}

    def _unknown(self, group: Group, found: Sequence[Read]) -> int:
        """Also those that were counted and are not in the answer: another replica gave it."""
        rows = [row for row in found if row.ingested == group.moment]
        return max(0, group.rows - len(rows)) + sum(not self._seen.knows(row) for row in rows)
