"""What a tool found, before it is written down for a model.

In: the replies of questions. Out: a `Finding`: tables with their circumstances, frozen. Refuses nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from query.reply import Reply, Window
from store.port import Cell


class Freshness(StrEnum):
    """Whether the telemetry behind an answer reaches to the end of its window."""

    FRESH = "fresh"
    STALE = "stale"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one kind."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]]
    more: bool = False
    """Whether there are more rows than these."""
    least: int = 5
    """Rows that it gets before the tables after it get any."""


@dataclass(frozen=True, slots=True)
class Paging:
    """How the rows that did not fit are asked for. It is about the last table."""

    offset: int
    """Rows of earlier pages."""
    window: Window | None
    digest: str
    """Of the arguments that a page belongs to."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one call of a tool found."""

    tables: tuple[Table, ...]
    summary: str = ""
    """The answer in a sentence, where a tool draws one; of our own words and numbers."""
    notes: tuple[str, ...] = ()
    """What a reader has to know to read the tables rightly, in our own words."""
    window: Window | None = None
    cluster: str = ""
    """The cluster that was asked about; empty for all that the reader may see."""
    data_through: Mapping[str, str] = field(default_factory=dict)
    signals: tuple[str, ...] = ()
    """Whose freshness the answer depends on."""
    query_ids: tuple[str, ...] = ()
    scope: Mapping[str, Sequence[str]] = field(default_factory=dict)
    missing_shards: tuple[str, ...] = ()
    """Shards of ClickHouse's cluster that did not answer: what they hold is not known."""
    paging: Paging | None = None
    narrow: tuple[str, ...] = ()
    """Parameters that would make the answer smaller."""
    facts: Mapping[str, object] = field(default_factory=dict)
    """What programs want beside the tables, such as a verdict."""
    next: tuple[str, ...] = ()
    """Calls that look closer, of our own words and of ids that were checked: they stand outside of the rows."""
    unanswered: bool = False
    """The rows are no answer but help with the next question, such as names that there are."""

    @property
    def empty(self) -> bool:
        """Whether nothing answers what was asked."""
        return self.unanswered or not any(table.rows for table in self.tables)


def of_reply(reply: Reply, title: str = "", *, full: bool = False, offset: int = 0) -> Finding:
    """The answer of one question as a finding. Wide columns come with `full` alone, columns for machines never."""
    shown = [place for place, one in enumerate(reply.columns) if not one.machines and (full or not one.wide)]
    rows = [tuple(row[place] for place in shown) for row in reply.rows[offset:]]
    columns = tuple(reply.columns[place].name for place in shown)
    notes = tuple(f"{name}: {number} left out" for name, number in reply.left_out.items())
    return Finding(
        (Table(title, columns, rows, reply.truncated),),
        notes=notes,
        window=reply.window,
        cluster=str(reply.parameters.get("cluster", "")),
        data_through=reply.data_through,
        query_ids=(reply.query_id,),
        scope=reply.scope,
        missing_shards=reply.missing_shards,
    )


def together(*findings: Finding) -> Finding:
    """One finding of several; what they say of window and cluster is the first's."""
    first, *others = findings
    for other in others:
        first = replace(
            first,
            tables=(*first.tables, *other.tables),
            notes=(*first.notes, *(note for note in other.notes if note not in first.notes)),
            window=first.window or other.window,
            cluster=first.cluster or other.cluster,
            data_through={**other.data_through, **first.data_through},
            signals=tuple(dict.fromkeys((*first.signals, *other.signals))),
            query_ids=(*first.query_ids, *other.query_ids),
            scope=first.scope or other.scope,
            missing_shards=tuple(dict.fromkeys((*first.missing_shards, *other.missing_shards))),
        )
    return first
