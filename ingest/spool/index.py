"""What is in the spool, in memory: the entries of each kind, oldest first.

In: entries, as they come and go. Out: lists and sums. Refuses nothing; it is not thread-safe, its owner locks.
A hundred thousand entries cost some 36 MB; to add or remove one moves at most the end of one list.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from dataclasses import dataclass, field

from ingest.spool.entry import SpoolEntry


def _order(entry: SpoolEntry) -> tuple[int, str]:
    """Numbers are unique but for files that came back after a power loss."""
    return entry.number, entry.token


@dataclass(slots=True)
class _Shelf:
    """The entries of one kind and when each was born, two lists side by side."""

    entries: list[SpoolEntry] = field(default_factory=list)
    births: list[float] = field(default_factory=list)
    items: int = 0
    size: int = 0


class Index:
    """The entries of one spool."""

    def __init__(self) -> None:
        self._shelves: dict[str, _Shelf] = {}
        self.size = 0
        """Bytes of all entries."""

    def add(self, entry: SpoolEntry, born: float) -> None:
        """Put an entry in its place; `born` is on a clock of the caller's that nobody can set."""
        shelf = self._shelves.setdefault(entry.kind, _Shelf())
        place = len(shelf.entries)
        if place and _order(shelf.entries[-1]) > _order(entry):  # appends that overlapped, mostly none
            place = bisect_left(shelf.entries, _order(entry), key=_order)
        shelf.entries.insert(place, entry)
        shelf.births.insert(place, born)
        shelf.items += entry.items
        shelf.size += entry.size
        self.size += entry.size

    def remove(self, entry: SpoolEntry) -> float | None:
        """Take an entry out and say when it was born; None if it is not there."""
        if entry not in self:
            return None
        shelf = self._shelves[entry.kind]
        place = bisect_left(shelf.entries, _order(entry), key=_order)
        del shelf.entries[place]
        born = shelf.births.pop(place)
        shelf.items -= entry.items
        shelf.size -= entry.size
        self.size -= entry.size
        if not shelf.entries:
            del self._shelves[entry.kind]
        return born

    def __contains__(self, entry: SpoolEntry) -> bool:
        shelf = self._shelves.get(entry.kind)
        if shelf is None:
            return False
        place = bisect_left(shelf.entries, _order(entry), key=_order)
        return place < len(shelf.entries) and shelf.entries[place] == entry

    def entries(self, kind: str, limit: int) -> list[SpoolEntry]:
        """Give the oldest entries of a kind, or of all kinds where it is empty; `limit` 0 for no bound."""
        if not kind:
            merged = heapq.merge(*(shelf.entries for shelf in self._shelves.values()), key=_order)
            return [entry for _, entry in zip(range(limit), merged, strict=False)] if limit else list(merged)
        shelf = self._shelves.get(kind)
        return shelf.entries[: limit or None] if shelf else []

    def oldest(self) -> tuple[SpoolEntry, float] | None:
        """Give the entry that was born first, and when."""
        heads = [(shelf.births[0], shelf.entries[0]) for shelf in self._shelves.values()]
        if not heads:
            return None
        born, entry = min(heads, key=lambda head: head[0])
        return entry, born

    def by_kind(self) -> dict[str, tuple[int, int, int]]:
        """Give entries, items and bytes of each kind that has any."""
        return {kind: (len(shelf.entries), shelf.items, shelf.size) for kind, shelf in self._shelves.items()}
