"""Whether ClickHouse takes inserts of one kind, as far as the last ones tell.

In: how each INSERT ended. Out: `good`, and for people since when it is not and why. Nothing here waits or measures: the
drain, which always has something to try with while the outlook is bad, is what finds out that it has turned.
Each kind has an outlook of its own: a broken view of metrics is no reason to keep logs on disk.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(slots=True)
class Outlook:
    """The outlook of one kind. Used on one event loop."""

    reason: str = ""
    """Why the last INSERT failed; empty while all is well."""
    since: float = 0.0
    """Unix seconds of the first failure in a row."""

    @property
    def good(self) -> bool:
        """Whether the next batch may go to ClickHouse at once."""
        return not self.reason

    def turned_bad(self, reason: str) -> bool:
        """An INSERT failed, or had no answer in time; gives whether that is news."""
        news = self.good
        if news:
            self.since = time.time()
        self.reason = reason or "no reason given"
        return news

    def turned_good(self) -> bool:
        """An INSERT succeeded; gives whether that is news."""
        news = not self.good
        self.reason, self.since = "", 0.0
        return news


class Outlooks(dict[str, Outlook]):
    """The outlook of each kind, good until the contrary is known."""

    def __missing__(self, kind: str) -> Outlook:
        self[kind] = outlook = Outlook()
        return outlook

    def bad(self, kinds: Iterable[str] = ()) -> dict[str, str]:
        """The kinds that ClickHouse does not take, with the reason; `kinds` narrows."""
        wanted = set(kinds)
        return {kind: one.reason for kind, one in self.items() if not one.good and (not wanted or kind in wanted)}
