"""Brings one client to where the others are: from its cursor through the ring, with what it has left out.

In: a channel and a cursor, whichever process gave it. Out: messages whose cursors say what this client has, which is
not what the others have: rows that it got elsewhere, but stand later in this tap's order, or are not visible here yet.
What can no longer be told is told as a gap. Looking through a full ring takes a while: every `AT_ONCE` entries a `TURN`
comes in the place of a message, and whoever reads on lets others have theirs first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from sse_proxy.book import Account
from sse_proxy.channel import Channel, Known
from sse_proxy.coding import Chunk, Gap
from sse_proxy.cursor import Cursor, Older, Place, Window, mark_of, number_of, write
from sse_proxy.rows import Entry, Hole, Row
from sse_proxy.sketch import Sketch

_T = TypeVar("_T")
AT_ONCE = 1_000
"""Entries that are looked at before others have their turn: some 3 ms."""


class Turn:
    """No message: others have their turn."""


TURN = Turn()


class Replay:
    """Of one client; made when the tap is ready."""

    def __init__(self, channel: Channel, cursor: Cursor, *, slow: bool = False) -> None:
        """`slow`: the client was here all the time, and fell out of the ring."""
        self.seq = 0
        """What it has been through, in this tap's order."""
        self.gaps: list[str] = []
        """Reasons of the gaps that were told, for counting."""
        self.rows = 0
        """That were given."""
        self._channel = channel
        self._cursor = cursor
        self._slow = slow
        self._window = Window()
        self._owed: set[bytes] = set()
        self._halves = cursor.halves
        self._lacks: set[bytes] = set()
        """Marks of the rows that it is given here."""
        self._last_had = 0
        """The last row in this tap's order that the client brought."""
        self._until = channel.tap.now()

    @property
    def is_over(self) -> bool:
        """Whether the client is where the others are, and may go on with them."""
        caught_up = self.seq >= self._channel.tap.ring.last
        return caught_up and (not (self._owed or self._halves) or self._channel.tap.bound >= self._until)

    def begin(self) -> Iterator[Chunk | Turn]:
        """Go through what is in the ring now; to be read to its end."""
        tap = self._channel.tap
        entries = tap.ring.asked_since(self._cursor.floor - self._channel.overlap)
        self.seq = tap.ring.last
        seen: list[Entry] = []
        for some in _parts(entries):
            if len(entries) > AT_ONCE:
                yield TURN
            seen += [entry for entry in some if self._sees(entry)]
        yield from self._first_gaps(seen)
        self._owed = set(self._cursor.marks)
        # First what the client has, since some of it may come behind what it lacks: all cursors here must say so.
        lacking: list[Entry] = []
        for some in _parts(seen):
            if len(seen) > AT_ONCE:
                yield TURN
            lacking += [entry for entry in some if not self._has(entry)]
        self._window.leave_room(len(self._owed))
        for entry in lacking:
            yield from self._written(entry, anchored=entry.seq > self._last_had)

    def go_on(self) -> Iterator[Chunk]:
        """Go through what came since; to be read to its end."""
        ring = self._channel.tap.ring
        if self.seq + 1 < ring.first:
            yield from self._dropped([hole for hole in ring.dropped if hole.seq > self.seq])
            yield self._gap("slow", ring.since)
        entries = ring.after(self.seq)
        self.seq = ring.last
        for entry in entries:
            if self._sees(entry) and not self._has(entry):
                yield from self._written(entry, anchored=True)

    def _sees(self, entry: Entry) -> bool:
        return isinstance(entry, Hole) or self._channel.match(entry.values)

    def _has(self, entry: Entry) -> bool:
        """Whether the client has what it sees here; its cursors will say so."""
        cursor, tap, match = self._cursor, self._channel.tap.id, self._channel.match
        if isinstance(entry, Hole):
            # One that was found behind floors that clients have already is known by its place alone where there is one.
            late = entry.is_late and cursor.tap == tap
            return (cursor.tap == tap and entry.seq <= cursor.seq) or (not late and entry.heard_by <= cursor.floor)
        repeats = entry.repeats(match)
        if repeats and entry.mark in self._lacks:
            return False  # what it repeats comes first: until then no cursor may say that the client has it
        if not repeats and not cursor.covers(entry, tap, match):
            self._lacks.add(entry.mark)
            return False
        if not repeats:
            self._last_had = entry.seq
        self._owed.discard(entry.mark)
        self._window.add(entry)
        return True

    def _written(self, entry: Entry, *, anchored: bool) -> Iterator[Chunk]:
        if isinstance(entry, Hole):
            self.gaps.append(entry.reason)
        elif not entry.repeats(self._channel.match):
            self.rows += 1
        floor = max(entry.floor, self._cursor.floor)
        known = Known(self._window, self._owed, self._halves, anchored=anchored, account=self._cursor.account)
        yield from self._channel.written(entry, floor, known)
        if isinstance(entry, Row):
            self._halves -= {entry.mark}

    def _first_gaps(self, seen: Sequence[Entry]) -> Iterator[Chunk | Turn]:
        """What fell out of the ring, and what the cursor only counts and cannot be made out."""
        tap, cursor = self._channel.tap, self._cursor
        here = cursor.tap == tap.id
        yield from self._dropped([hole for hole in tap.ring.dropped if not self._has(hole)])
        if not here and cursor.account is not None:
            yield from self._held_to(cursor.account, seen)
            cursor = self._cursor
        lost = cursor.seq + 1 < tap.ring.first if here else cursor.floor < tap.ring.since
        if lost and cursor.floor < tap.ring.since:
            yield self._gap("slow" if self._slow else "late", tap.ring.since)
        elif cursor.older is not None and not here:
            yield from self._list_older(cursor.older, seen)

    def _held_to(self, account: Account, seen: Sequence[Entry]) -> Iterator[Chunk]:
        """Tell of rows at or below its floor that the process where the client was had not seen, and this one has."""
        more = self._channel.tap.more_than(account)
        holes = [one for one in (*self._channel.tap.ring.dropped, *seen) if isinstance(one, Hole) and one.is_late]
        told = sum(hole.rows or 0 for hole in holes if hole.until <= account.until and not self._has(hole))
        if more > told:
            self.gaps.append("overdue")
            self._cursor = replace(self._cursor, account=None)
            gap = Gap("overdue", account.after, account.until, more - told)
            yield self._channel.gap(gap, write(self._cursor))

    def _dropped(self, holes: Sequence[Hole]) -> Iterator[Chunk]:
        """Late holes that no other gap reaches back to. They leave the client's place where it is."""
        for hole in holes:
            if hole.after < self._cursor.floor:
                self.gaps.append(hole.reason)
                yield self._channel.gap(Gap(hole.reason, hole.after, hole.until, hole.rows), b"")

    def _list_older(self, older: Older, seen: Sequence[Entry]) -> Iterator[Chunk | Turn]:
        """Find out which rows a cursor means that it does not list: those that are here but for a few, or more."""
        cursor = self._cursor
        here = Sketch()
        marks = {
            entry.mark
            for entry in seen
            if isinstance(entry, Row)
            and cursor.floor < entry.ingested <= older.until
            and entry.mark not in cursor.marks
        }
        for some in _parts(list(marks)):
            if len(marks) > AT_ONCE:
                yield TURN
            for mark in some:
                here.add(number_of(mark))
        difference = here.differs(older.sketch)
        if difference is not None:
            has = marks.difference(map(mark_of, difference.only_first)).union(map(mark_of, difference.only_second))
            self._cursor = replace(cursor, marks=cursor.marks | has, older=None)
        else:
            yield self._gap("late", older.until)

    def _gap(self, reason: str, until: int) -> Chunk:
        """Say that rows are missing until a moment, and go on behind it."""
        cursor = self._cursor
        self.gaps.append(reason)
        self._cursor = replace(cursor, floor=max(cursor.floor, until), older=None)
        place = Place(cursor.feed, 0, 0, self._cursor.floor, cursor.account)
        text = self._window.text(place, halves=self._halves, more=cursor.marks)
        return self._channel.gap(Gap(reason, cursor.floor, until), text)


def _parts(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    return (items[at : at + AT_ONCE] for at in range(0, len(items), AT_ONCE))
