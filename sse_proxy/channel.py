"""Everybody who watches the same, in the same way: each row is looked at, written and counted once for all of them.

In: the entries of a tap. Out: batches of written messages, of which each viewer takes those behind its own place. Few
are kept: who falls behind further reads from the ring again (`sse_proxy.replay`).
"""

import asyncio
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from sse_proxy.book import Account
from sse_proxy.coding import Chunk, Coding, Gap
from sse_proxy.cursor import MOST_HALVES, Place, Window
from sse_proxy.rows import Entry, Hole, Row
from sse_proxy.tap import Tap
from sse_proxy.watching import Watch

MOST_BATCHES = 64
"""Kept for viewers who are a little behind; what is older they get from the ring."""
WOKEN_AT_ONCE = 250
"""Viewers; writing to so many takes some milliseconds."""
MOST_BYTES = 2 * 1024**2
"""Of messages in them, with their cursors."""


class Waiting(Protocol):
    """A viewer."""

    def wake(self) -> None:
        """There is something."""

    def tell(self, message: Chunk) -> None:
        """Say this beside the rows."""

    def keepalive(self, chunk: Chunk) -> None:
        """Say this if there was nothing else to say."""

    def end(self, reason: str) -> None:
        """End the stream."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one look of the tap brought."""

    last: int
    """The `seq` of its last entry."""
    floor: int
    """That of its last entry."""
    chunk: Chunk
    rows: int
    gaps: tuple[str, ...]
    """By reason."""
    size: int


@dataclass(frozen=True, slots=True)
class Known:
    """What a client has, for its cursors."""

    window: Window
    more: Collection[bytes] = ()
    """Marks beside the window's."""
    halves: frozenset[bytes] = frozenset()
    """Rows whose first message it has, and nothing else of them."""
    anchored: bool = True
    """It has nothing that comes later in this tap's order, so that its place there says something."""
    account: Account | None = None
    """What the tap that it has this from had given or told of."""


class Channel:
    """Belongs to one event loop."""

    def __init__(self, watch: Watch, coding: Coding, tap: Tap, overlap: int) -> None:
        self.watch = watch
        self.coding = coding
        self.tap = tap
        self.overlap = overlap
        self.match = watch.match()
        self.viewers: set[Waiting] = set()
        self._known = Known(Window())
        self._batches: deque[Batch] = deque()
        self._bytes = 0
        self._whole_after = 0
        self.first_place = b""
        """The cursor of who has everything that was there when the channel began; empty before."""
        self.primed_at = 0
        """The floor at that time."""
        if tap.is_ready:
            self.prime()

    def prime(self) -> None:
        """Begin at the end of the ring: what stands there behind the floor counts as given."""
        self.primed_at = self.tap.bound
        self._whole_after = self.tap.ring.last
        for entry in self.tap.ring.asked_since(self.tap.bound - self.overlap):
            if isinstance(entry, Row) and self.match(entry.values):
                self._known.window.add(entry)
        self.first_place = self.place()

    def more(self, entries: Sequence[Entry]) -> None:
        """Write what is seen of these, and wake the viewers."""
        chunks: list[Chunk] = []
        gaps: list[str] = []
        rows = 0
        known = replace(self._known, account=self.tap.account)
        for entry in entries:
            written = list(self.written(entry, entry.floor, known))
            chunks += written
            if isinstance(entry, Hole):
                gaps.append(entry.reason)
            elif written and not entry.data:
                gaps.append("too_large")
            elif written:
                rows += 1
        if not chunks:
            return
        chunk = self.coding.join(chunks)
        size = self.coding.size(chunk)
        self._keep(Batch(entries[-1].seq, entries[-1].floor, chunk, rows, tuple(gaps), size))
        self._wake(tuple(self.viewers))

    def written(self, entry: Entry, floor: int, known: "Known") -> Iterator[Chunk]:
        """The messages of one entry, if it is seen; the client then has it. `floor` is where its cursors begin."""
        known.window.advance(floor)
        if isinstance(entry, Hole):
            place = self._cursor(entry.seq, floor, known, known.halves)
            yield self.gap(Gap(entry.reason, entry.after, entry.until, entry.rows), place)
            return
        if not self.match(entry.values):
            return
        if entry.repeats(self.match):
            known.window.add(entry)
            return
        if not entry.data:
            known.window.add(entry)
            gap = Gap("too_large", entry.ingested - 1, entry.ingested, 1)
            yield self.gap(gap, self._cursor(entry.seq, floor, known, known.halves))
            return
        *first, last = self.coding.topics(entry)
        for topic in first:
            if entry.mark not in known.halves:
                halves = known.halves | {entry.mark}
                # With more than a cursor holds, the client's place stays, and it may get this message twice.
                before = self._cursor(entry.seq - 1, floor, known, halves) if len(halves) <= MOST_HALVES else b""
                yield self.coding.message(topic, before, entry.data)
        known.window.add(entry)
        yield self.coding.message(last, self._cursor(entry.seq, floor, known, known.halves - {entry.mark}), entry.data)

    def _cursor(self, seq: int, floor: int, known: "Known", halves: frozenset[bytes]) -> bytes:
        tap, seq = (self.tap.id, seq) if known.anchored else (0, 0)
        place = Place(self.watch.feed.name, tap, seq, floor, known.account)
        return known.window.text(place, halves=halves, more=known.more)

    def gap(self, gap: Gap, place: bytes) -> Chunk:
        """Say that there is a gap."""
        return self.coding.message("gap", place, gap.told(self.watch))

    def place(self) -> bytes:
        """The cursor of who has everything."""
        tap = self.tap
        self._known.window.advance(tap.bound)
        return self._known.window.text(Place(self.watch.feed.name, tap.id, tap.ring.last, tap.bound, tap.account))

    def pending(self, seq: int) -> list[Batch] | None:
        """The batches behind `seq`; None where they are not all here any more."""
        if seq < self._whole_after:
            return None
        found: list[Batch] = []
        for batch in reversed(self._batches):
            if batch.last <= seq:
                break
            found.append(batch)
        found.reverse()
        return found

    def _wake(self, viewers: Sequence[Waiting]) -> None:
        """Some now, the others when whatever else waits on the loop had its turn."""
        for viewer in viewers[:WOKEN_AT_ONCE]:
            viewer.wake()
        if len(viewers) > WOKEN_AT_ONCE:
            asyncio.get_running_loop().call_soon(self._wake, viewers[WOKEN_AT_ONCE:])

    def _keep(self, batch: Batch) -> None:
        self._batches.append(batch)
        self._bytes += batch.size
        while len(self._batches) > 1 and (len(self._batches) > MOST_BATCHES or self._bytes > MOST_BYTES):
            gone = self._batches.popleft()
            self._bytes -= gone.size
            self._whole_after = gone.last
