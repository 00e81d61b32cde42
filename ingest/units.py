"""Entries of the spool, put together to INSERTs: telemetry that carries one token is one unit, inserted together.

In: entries as they are written. Out: units, oldest first, each in the hands of one worker at a time. Nothing here waits
or touches the disk.

While the spool fills, a commit to disk is as small as the moment allows and an INSERT as large as is good for
ClickHouse. So commits share the token of the open unit until it is full or old; then it is closed and may be taken. A
unit never grows once it was taken, and after a restart all units are closed: so the same token always means the same
rows. (After a crash between the removals of a unit's files some are gone, but then ClickHouse held the rows already,
and drops what is left by its token. Not so for a unit that had to be halved, whose rows stand under other tokens: its
files that are left are stored again. It takes a view that throws and a kill in the same milliseconds.)
"""

import asyncio
import heapq
import secrets
from dataclasses import dataclass, field

from ingest.spool.entry import SpoolEntry


def new_token() -> str:
    """A deduplication token that no other INSERT will ever carry: 128 random bits as hex."""
    return secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class UnitLimits:
    """When a unit is full or old."""

    max_bytes: int
    max_items: int
    max_age: float
    """Seconds that a unit stays open for company, if somebody is free to insert it."""


@dataclass(slots=True, eq=False)
class Unit:
    """What one INSERT takes from the spool."""

    kind: str
    token: str
    opened: float = 0.0
    """On the event loop's clock."""
    entries: list[SpoolEntry] = field(default_factory=list)
    pending: int = 0
    """Commits under way that belong to it; it cannot be taken before they ended."""
    closed: bool = False
    told: set[int] = field(default_factory=set)
    """Numbers of the entries whose damage was told."""
    refused: int = 0
    """Times that ClickHouse refused it for a reason that is not about its rows."""
    stored_then: int = 0
    """What `Queue.stored` was when it was refused last."""
    failures: int = 0
    """Times that ClickHouse refused it, for whatever reason."""
    not_before: float = 0.0
    """When it may be tried again, on the event loop's clock."""

    @property
    def items(self) -> int:
        """Log records, spans, data points or rows."""
        return sum(entry.items for entry in self.entries)

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(entry.size for entry in self.entries)

    def __lt__(self, other: "Unit") -> bool:
        return self.entries[0].number < other.entries[0].number


class Queue:
    """The units of one kind. Used on one event loop."""

    def __init__(self, kind: str, limits: UnitLimits) -> None:
        self._kind = kind
        self._limits = limits
        self._waiting: list[Unit] = []
        """A heap of closed units."""
        self._open: Unit | None = None
        self.offered = asyncio.Event()
        """Set by each change that may let a unit be taken; who waits for one clears it before looking."""
        self.units = 0
        """Units in the spool, those in somebody's hands included."""
        self.stored = 0
        """Units that ClickHouse took since the start."""

    @property
    def waiting(self) -> int:
        """Units in nobody's hands."""
        return len(self._waiting)

    def begin(self, now: float) -> Unit:
        """The unit that the next commit belongs to; call `end` after it."""
        unit = self._open
        if unit is None:
            unit = self._open = Unit(self._kind, new_token(), now)
        unit.pending += 1
        return unit

    def end(self, unit: Unit, entry: SpoolEntry | None) -> None:
        """A commit ended, with its entry, or failed, with None."""
        unit.pending -= 1
        if entry is not None:
            self.units += not unit.entries
            unit.entries.append(entry)
        if unit.items >= self._limits.max_items or unit.size >= self._limits.max_bytes:
            self._close(unit)
        self._settle(unit)
        self.offered.set()

    def hold(self, unit: Unit) -> None:
        """Count a unit that was written whole and is in the caller's hands; `offer` or `forget` it."""
        unit.closed = True
        self.units += 1

    def offer(self, unit: Unit) -> None:
        """Let it be taken."""
        heapq.heappush(self._waiting, unit)
        self.offered.set()

    def forget(self) -> None:
        """ClickHouse holds a unit that was taken."""
        self.units -= 1
        self.stored += 1

    def take(self, now: float) -> Unit | None:
        """The oldest unit that may be tried, the open one if it is old enough."""
        self._close_if_old(now)
        passed_over: list[Unit] = []
        found = None
        while self._waiting and found is None:
            unit = heapq.heappop(self._waiting)
            if unit.not_before <= now:
                found = unit
            else:
                passed_over.append(unit)
        for unit in passed_over:
            heapq.heappush(self._waiting, unit)
        return found

    def next_try(self) -> float | None:
        """When a unit may be taken that may not yet, or None if there is none."""
        moments = [unit.not_before for unit in self._waiting]
        if self._open is not None and self._open.entries:
            moments.append(self._open.opened + self._limits.max_age)
        return min(moments, default=None)

    def close_open(self) -> None:
        """Let the open unit be taken as it is."""
        if self._open is not None and self._open.entries:
            unit = self._open
            self._close(unit)
            self._settle(unit)
            self.offered.set()

    def _close_if_old(self, now: float) -> None:
        if self._open is not None and now >= self._open.opened + self._limits.max_age:
            self.close_open()

    def _close(self, unit: Unit) -> None:
        unit.closed = True
        if self._open is unit:
            self._open = None

    def _settle(self, unit: Unit) -> None:
        """Offer a closed unit once nothing more is to come."""
        if unit.closed and not unit.pending and unit.entries and unit not in self._waiting:
            heapq.heappush(self._waiting, unit)
