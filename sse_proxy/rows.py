"""What goes through a stream: rows, and holes where rows were left out. Both have a place in one order.

In: the rows of `sql/streams/NAME_rows.sql`. Out: `Row` with what filters look at, and the JSON that clients get.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sse_proxy.feeds import Feed
from sse_proxy.watching import Match, Values
from store.port import Cell

_MASK = (1 << 64) - 1
_BY_MOMENT, _BY_REPEAT = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F
"""Odd numbers without a pattern, so that rows that differ a little get ids that differ much."""
_BY_COMPOSITION = 11400714819323198485
"""As in sql/streams/events_census.sql."""
MARK_BYTES = 6
"""Of an id in a cursor. Among the 1,000 ids that two processes may compare, two agree once in 10^8 times."""


@dataclass(slots=True)
class Row:
    """One row. `seq` is its place in the order of one tap."""

    ingested: int
    """When ClickHouse got it, in nanoseconds since 1970."""
    id: int
    """64 bits, the same in every process."""
    values: Values
    data: bytes
    """JSON in one line, UTF-8; empty where it is too large to be sent."""
    floor: int = 0
    """All rows until this moment (of `ingested`) come before this row, or were never visible in time."""
    clock: int = 0
    """When ClickHouse was asked for it, by its own clock."""
    seq: int = 0
    repeat: bool = False
    """It was seen before, and is here only so that other processes can be told so."""
    first: int = 0
    """The least of the moments of this row and of what repeats it: ClickHouse may keep that one alone."""
    first_full: int = 0
    """The same of those that carry a composition, where this row does."""
    plain: Values | None = None
    """What a copy without the composition that this row carries says, where there is such a copy."""

    def __post_init__(self) -> None:
        self.first = self.first or self.ingested
        self.first_full = self.first_full or self.ingested

    def repeats(self, match: Match) -> bool:
        """Whether who sees rows by `match` has seen it before: also in a copy that did not carry its composition."""
        return self.repeat and (self.plain is None or match(self.plain))

    def since(self, match: Match) -> int:
        """The least of the moments of what is seen of it by `match`."""
        return self.first if self.plain is None or match(self.plain) else self.first_full

    @property
    def mark(self) -> bytes:
        """The id as it stands in a cursor."""
        return (self.id & 0xFFFF_FFFF_FFFF).to_bytes(MARK_BYTES, "big")


@dataclass(slots=True)
class Hole:
    """Rows between two moments that no client gets here."""

    after: int
    until: int
    """Included."""
    rows: int | None
    """How many, None where that is not known."""
    reason: str
    floor: int = 0
    clock: int = 0
    seq: int = 0
    heard_by: int = 0
    """A client of another process whose floor is past this was told of it there, or has the rows."""

    def __post_init__(self) -> None:
        self.heard_by = self.heard_by or self.until

    @property
    def is_late(self) -> bool:
        """Whether it was found behind floors that clients had already."""
        return self.heard_by > self.until

    @property
    def told_until(self) -> int:
        """All rows until this moment were there before it."""
        return max(self.until, self.floor)


Entry = Row | Hole


@dataclass(frozen=True, slots=True)
class Read:
    """One row as read, before it is known whether it is new."""

    ingested: int
    id: int
    values: Values
    data: str
    composed: bool = False
    """It carries a composition."""

    @property
    def mixed(self) -> int:
        """What it adds to the census's `mix`, in sql/streams/events_census.sql."""
        return self.id * _BY_COMPOSITION & _MASK if self.composed else self.id


def read(feed: Feed, answer: Iterable[tuple[Cell, ...]]) -> Iterator[Read]:
    """Give the rows of an answer, in which those that agree in everything stand together, with ids that are their own.

    Where the same thing may come again later, its id is all that it is known by. Otherwise a row is known by its moment
    as well, and of rows that agree in everything the second one is another row than the first.
    """
    before: tuple[int, int] | None = None
    repeated = 0
    composition = feed.columns.index("composition_id")
    for ingested, identity, *values, data in answer:
        moment, own = int(str(ingested)), int(str(identity))
        repeated = repeated + 1 if before == (moment, own) else 0
        before = (moment, own)
        if not feed.comes_again:
            own = (own + moment * _BY_MOMENT + repeated * _BY_REPEAT) & _MASK
        yield Read(moment, own, tuple(values), str(data), bool(values[composition]))
