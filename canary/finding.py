"""What a beat found out, in the words in which it is shown, counted and stored.

Data, and nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from canary.items import EVERY_WAY, Item, items
from canary.judging import State

ACCEPT, STORED, REST, STREAM, MCP, KEPT = "accept", "stored", "rest", "stream", "mcp", "kept"
LEGS = ("accept-grpc", "accept-http", STORED, REST, STREAM, MCP, KEPT)
"""In the order of the way: of several broken legs the first is where to look."""
EXCUSED = "the stream need not have it"
"""In the problem of a finding that is excused so."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One leg of the way, for one signal of one cluster."""

    cluster: str
    signal: str
    """A kind of `canary.items.KINDS`."""
    leg: str
    """One of `LEGS`."""
    state: State
    milliseconds: float = 0.0
    """From sending until it was seen there; 0 if it was not."""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Past:
    """A beat of before, by which its items can be made again."""

    cluster: str
    run: str
    number: int
    sent: int
    stored: frozenset[tuple[str, str]] = EVERY_WAY
    """Door and kind of those that were stored in their time."""

    @property
    def items(self) -> list[Item]:
        """What should be there."""
        everything = items(self.run, self.number, self.sent, self.cluster)
        return [item for item in everything if (item.door, item.kind) in self.stored]


@dataclass(frozen=True, slots=True)
class Beaten:
    """One beat, done."""

    sent: int
    """Nanoseconds since 1970."""
    runs: dict[str, str]
    """By cluster."""
    number: int
    findings: Sequence[Finding]

    @property
    def broken(self) -> list[Finding]:
        """Those that somebody should look after, in the order of the way."""
        return sorted((one for one in self.findings if one.state.broken), key=lambda one: LEGS.index(one.leg))

    @property
    def well(self) -> bool:
        """Whether nothing is broken."""
        return not self.broken


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A row that ClickHouse holds."""

    kind: str
    line: str
    """Text that has the item's line in it."""
    fields: tuple[str, ...]
    """In the order of `canary.items.Item.fields`."""
    ingested: int
    """When ClickHouse got it, nanoseconds since 1970."""


class Records(Protocol):
    """What the canary asks of ClickHouse. Every method may raise `LookError`."""

    def rows(self, since: int, until: int) -> Sequence[StoredRow]:
        """All that canaries sent with times from `since` until `until` (nanoseconds since 1970), both included."""

    def past(self, since: int, until: int, every: int) -> Sequence[Past]:
        """Beats between two moments, with what was stored of them, the newest first; none of which something was lost.

        Of so many one, the same ones whenever this is asked.
        """

    def write(self, beaten: Beaten) -> None:
        """Keep what was found."""


class LookError(Exception):
    """A place could not be looked at. The message says why."""


class NotKnownError(LookError):
    """A place is of a release that cannot be asked so; that says nothing of the way."""
