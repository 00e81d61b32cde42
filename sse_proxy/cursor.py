"""Where a client stands in a stream, in a text that any process of the house can go on from.

Processes see late rows in different orders, so a place in an order means something only in the process that gave it. A
cursor therefore says what its client has: everything until a moment (`floor`), and of the rows behind that, which are
few, each by its `mark`. In the process that gave it, tap and `seq` say the same at once.
Why so: docs/decisions/0011-stream-cursor.md.

In: text from a client. Out: a `Cursor`, or None for text that is none, or that says more than any process writes. It
holds hashes and times, no content and no secret; made-up ones harm nobody but their own client, since scope and filters
are looked at anew, and cost no more than others.
"""

import base64
import binascii
import heapq
import struct
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from sse_proxy import sketch
from sse_proxy.book import Account
from sse_proxy.feeds import NUMBERS
from sse_proxy.rows import MARK_BYTES, Row
from sse_proxy.sketch import Sketch
from sse_proxy.watching import Match

LONGEST = 8_000
"""Characters of a cursor; a proxy takes no more in a header."""
MOST_MARKS = 200
"""Of one cursor; if there are more, the older ones are told by a sketch of fixed size. So a cursor has some 5,000
characters, and never more than 7,000: of a client that was elsewhere it lists twice as many."""
MOST_HALVES = 8
_VERSION = 1
_HEAD = struct.Struct(">BBBBIQq")
"""Version, feed, what follows, how many halves, tap, seq, floor."""
_SKETCH, _ACCOUNT = 1, 2
"""What may follow, before the marks."""
_OF_ACCOUNT = struct.Struct(">qqI")
_UNTIL = struct.Struct(">q")
_FEEDS = {number: name for name, number in NUMBERS.items()}


@dataclass(frozen=True, slots=True)
class Older:
    """Rows behind a cursor's floor whose marks it does not list."""

    until: int
    """None of them arrived after this moment."""
    sketch: Sketch
    """Of their marks."""


class Place(NamedTuple):
    """A place in the order of one tap; see `Cursor`."""

    feed: str
    tap: int
    seq: int
    floor: int
    account: Account | None = None


@dataclass(frozen=True, slots=True)
class Cursor:
    """What a client has."""

    feed: str
    floor: int
    """It has all rows until this moment (of `ingested`, in nanoseconds since 1970), or was told of a gap."""
    tap: int = 0
    """The process that gave it, 0 for none."""
    seq: int = 0
    """In that process's order, it has everything until this place as well."""
    marks: frozenset[bytes] = field(default_factory=frozenset)
    halves: frozenset[bytes] = field(default_factory=frozenset)
    """Of these rows, which it has not, it has the first message already."""
    older: Older | None = None
    account: Account | None = None
    """How many rows that process had given or told of, so that another one knows whether it has more."""

    def covers(self, row: Row, tap: int, match: Match = lambda _: True) -> bool:
        """Whether the client, who sees rows by `match`, has it."""
        here = self.tap == tap and row.seq <= self.seq
        return here or row.since(match) <= self.floor or row.mark in self.marks


def write(cursor: Cursor) -> bytes:
    """Give its text: letters, digits, `-` and `_`."""
    place = Place(cursor.feed, cursor.tap, cursor.seq, cursor.floor, cursor.account)
    return _text(place, cursor.halves, cursor.older, sorted(cursor.marks))


def read(text: str) -> Cursor | None:
    """Read it; None for what is none, whoever made it."""
    if not text or len(text) > LONGEST or not text.isascii():
        return None
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return _read(raw)
    except (binascii.Error, struct.error, ValueError):
        return None


def _read(raw: bytes) -> Cursor | None:
    version, number, follows, half, tap, seq, floor = _HEAD.unpack_from(raw)
    if version != _VERSION or number not in _FEEDS or follows > _SKETCH | _ACCOUNT:
        return None
    place, older, account = _HEAD.size, None, None
    if follows & _ACCOUNT:
        account = Account(*_OF_ACCOUNT.unpack_from(raw, place))
        place += _OF_ACCOUNT.size
    if follows & _SKETCH:
        begin = place + _UNTIL.size
        (until,) = _UNTIL.unpack_from(raw, place)
        older = Older(until, Sketch.from_bytes(raw[begin : begin + sketch.BYTES]))
        place = begin + sketch.BYTES
    if (len(raw) - place) % MARK_BYTES or len(raw) - place < half * MARK_BYTES:
        return None
    if half > MOST_HALVES or (len(raw) - place) // MARK_BYTES - half > 2 * MOST_MARKS:
        return None
    marks = [raw[at : at + MARK_BYTES] for at in range(place, len(raw), MARK_BYTES)]
    return Cursor(_FEEDS[number], floor, tap, seq, frozenset(marks[half:]), frozenset(marks[:half]), older, account)


def _text(place: Place, halves: Collection[bytes], older: Older | None, marks: Iterable[bytes]) -> bytes:
    feed = NUMBERS[place.feed]
    follows = (_SKETCH if older else 0) | (_ACCOUNT if place.account else 0)
    parts = [_HEAD.pack(_VERSION, feed, follows, len(halves), place.tap, place.seq, place.floor)]
    if place.account:
        parts.append(_OF_ACCOUNT.pack(*place.account))
    if older:
        parts += [_UNTIL.pack(older.until), older.sketch.to_bytes()]
    parts += halves
    parts += marks
    return base64.urlsafe_b64encode(b"".join(parts)).rstrip(b"=")


class Window:
    """The rows behind the floor that were given, as they stand in cursors. Kept up as a stream goes on."""

    def __init__(self, most: int = MOST_MARKS) -> None:
        self._most = most
        self._marks: dict[bytes, int] = {}
        """Moments by mark."""
        self._by_moment: list[tuple[int, bytes]] = []
        """A heap; what a mark's moment is no more is left in it, and stepped over."""
        self._sketched: dict[bytes, int] = {}
        """The same of those that the sketch tells."""
        self._older: list[tuple[int, bytes]] = []
        """Their heap."""
        self._older_until = 0
        self._sketch = Sketch()

    def add(self, row: Row) -> None:
        """A row was given, or came again: then it counts from its later moment."""
        mark = row.mark
        if max(self._marks.get(mark, 0), self._sketched.get(mark, 0)) >= row.ingested:
            return
        self._unsketch(mark)
        self._marks[mark] = row.ingested
        heapq.heappush(self._by_moment, (row.ingested, mark))
        if len(self._marks) > self._most:
            self._sketch_oldest()

    def leave_room(self, marks: int) -> None:
        """So many marks will stand in cursors beside those of the window: list fewer, so that all can be read."""
        self._most = max(2, min(self._most, 2 * MOST_MARKS - marks))
        if len(self._marks) > self._most:
            self._sketch_oldest()

    def advance(self, floor: int) -> None:
        """Forget what lies at the floor or below."""
        while self._by_moment and self._by_moment[0][0] <= floor:
            self._pop()
        while self._older and self._older[0][0] <= floor:
            moment, mark = heapq.heappop(self._older)
            if self._sketched.get(mark) == moment:
                self._unsketch(mark)

    def text(self, place: Place, *, halves: Collection[bytes] = (), more: Collection[bytes] = ()) -> bytes:
        """Write the cursor for this place; `more` are marks that this client has beside those of the window."""
        older = Older(self._older_until, self._sketch) if self._sketched else None
        return _text(place, halves, older, (*self._marks, *more) if more else self._marks)

    def _pop(self) -> tuple[int, bytes] | None:
        """Take the oldest out; None if that was left from a moment before."""
        moment, mark = heapq.heappop(self._by_moment)
        if self._marks.get(mark) != moment:
            return None
        del self._marks[mark]
        return moment, mark

    def _sketch_oldest(self) -> None:
        """Half of the marks, the oldest, are told by the sketch from now on."""
        while len(self._marks) > self._most // 2:
            if (oldest := self._pop()) is not None:
                moment, mark = oldest
                heapq.heappush(self._older, oldest)
                self._sketched[mark] = moment
                self._older_until = max(self._older_until, moment)
                self._sketch.add(number_of(mark))

    def _unsketch(self, mark: bytes) -> None:
        if self._sketched.pop(mark, None) is not None:
            self._sketch.add(number_of(mark), -1)


def number_of(mark: bytes) -> int:
    """A mark as a number, for a sketch."""
    return int.from_bytes(mark, "big")


def mark_of(number: int) -> bytes:
    """The mark of such a number."""
    return number.to_bytes(MARK_BYTES, "big")
