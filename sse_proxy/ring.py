"""The latest entries of one tap, in their order, bounded in number and bytes.

In: entries, each with the next `seq`. Out: those after a place, or asked for since a moment. What has fallen out can be
told only by its time: `since`. Holes that were found behind floors that clients had already lie before that time: they
are kept on, and where there are many, the oldest as one.
"""

import sys
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable
from itertools import islice

from sse_proxy.rows import Entry, Hole, Row

_OVERHEAD = 600
"""Bytes that an entry takes beside its data and its texts, about."""
MOST_DROPPED = 64


class Ring:
    """Belongs to one event loop."""

    def __init__(self, most_rows: int, most_bytes: int) -> None:
        self._most_rows = most_rows
        self._most_bytes = most_bytes
        self._entries: deque[Entry] = deque()
        self.bytes = 0
        self.since = 0
        """Rows until this moment may be missing here."""
        self.last = 0
        """The `seq` of the newest entry; 0 before the first."""
        self.dropped: deque[Hole] = deque()
        """Late holes that have fallen out."""
        self._clock = self._floor = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def first(self) -> int:
        """The `seq` of the oldest entry that is still here, or of the next if there is none."""
        return self.last - len(self._entries) + 1

    def add(self, entries: Iterable[Entry]) -> None:
        """Append, and let go of the oldest beyond the bounds."""
        for entry in entries:
            # Of several replicas one may have an earlier clock; in the ring they only grow. So do floors: what was
            # there before a row was there before all that follows, and marks behind a floor are forgotten.
            self._clock = entry.clock = max(self._clock, entry.clock)
            self._floor = entry.floor = max(self._floor, entry.floor)
            self.last += 1
            entry.seq = self.last
            self._entries.append(entry)
            self.bytes += _size(entry)
        while len(self._entries) > 1 and (len(self._entries) > self._most_rows or self.bytes > self._most_bytes):
            gone = self._entries.popleft()
            self.bytes -= _size(gone)
            self.since = max(self.since, gone.ingested if isinstance(gone, Row) else gone.told_until)
            if isinstance(gone, Hole) and gone.is_late:
                self._drop(gone)

    def after(self, seq: int) -> list[Entry]:
        """The entries behind `seq` that are still here."""
        found: list[Entry] = []
        for entry in reversed(self._entries):
            if entry.seq <= seq:
                break
            found.append(entry)
        found.reverse()
        return found

    def asked_since(self, moment: int) -> list[Entry]:
        """The entries that ClickHouse was asked for at `moment` or later, by its own clock."""
        begin = bisect_left(self._entries, moment, key=lambda entry: entry.clock)
        return list(islice(self._entries, begin, None))

    def _drop(self, hole: Hole) -> None:
        self.dropped.append(hole)
        if len(self.dropped) > MOST_DROPPED:
            self.dropped.appendleft(_both(self.dropped.popleft(), self.dropped.popleft()))


def _both(first: Hole, second: Hole) -> Hole:
    """One hole around two; who lacks one of them is told of it."""
    after, until = min(first.after, second.after), max(first.until, second.until)
    rows = None if first.rows is None or second.rows is None else first.rows + second.rows
    heard_by = max(first.heard_by, second.heard_by)
    return Hole(after, until, rows, second.reason, second.floor, second.clock, second.seq, heard_by)


def _size(entry: Entry) -> int:
    if not isinstance(entry, Row):
        return _OVERHEAD
    return _OVERHEAD + len(entry.data) + sum(sys.getsizeof(cell) for cell in entry.values if isinstance(cell, str))
