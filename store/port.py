"""The port to ClickHouse: two verbs, and the values they take and give.

In: an `Insert` (bytes in a ClickHouse input format, for one table) or a `Select` (a statement from a .sql file with
bound parameters). Out: an `InsertReceipt` or an `Answer`. Every failure is one of `store.errors`.
The port refuses nothing by itself: which statements may be said is the catalogue's business, limits are the engine's.
Both verbs are synchronous and may be called from several threads at once; an asynchronous caller hands them to a
thread.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

Setting = str | int | float
"""A ClickHouse setting's value as it is sent."""

Parameter = str | int | float | bool | None | Sequence[str] | Sequence[int]
"""A value for `{name:Type}`; the engine binds it, nothing is pasted into the text."""

Cell = object
"""One value of an answer, as plain Python: str, int, float, bool, None, datetime (UTC), list, tuple or dict.

`store.values` says which type of ClickHouse becomes which; DateTime64(9) is text, since a datetime has no nanoseconds.
"""


@dataclass(frozen=True, slots=True)
class Insert:
    """Bytes for one table."""

    table: str
    format: str
    """ClickHouse input format of the bytes: Protobuf, Native, JSONEachRow."""
    chunks: Sequence[bytes]
    """The body, in order; it is sent as it is."""
    columns: Sequence[str] = ()
    """The columns in the body; empty for all of the table's."""
    settings: Mapping[str, Setting] = field(default_factory=dict)
    token: str = ""
    """`insert_deduplication_token`: the same token twice stores the rows once. Empty for none."""


@dataclass(frozen=True, slots=True)
class InsertReceipt:
    """ClickHouse holds the rows."""

    elapsed: float
    """Seconds from the first byte sent to the answer."""
    query_id: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one question may cost. The engine enforces them; going over is a `LimitError`."""

    seconds: float = 30.0
    rows: int = 10_000
    """Rows in the answer. One more than this is never sent; `Answer.truncated` says that there were more."""
    bytes_read: int = 0
    """Bytes the engine may read, 0 for no bound."""
    memory_bytes: int = 0
    """Memory the engine may use, 0 for its own default."""
    result_bytes: int = 0
    """Bytes that the answer may have in the engine's memory, 0 for no bound."""


@dataclass(frozen=True, slots=True)
class Select:
    """One statement with its bound values."""

    sql: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    settings: Mapping[str, Setting] = field(default_factory=dict)
    query_id: str = ""
    """Chosen by the caller, so that it can be found in `system.query_log` and cancelled; empty lets the door choose."""
    format: str = ""
    """ClickHouse output format (ArrowStream) in which the caller wants the answer as bytes; empty for rows."""
    partial: bool = False
    """Whether an answer without the rows of shards that do not answer is welcome; `Answer.missing` names those.
    Without it, such an answer is a `ShardsMissingError`."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of an answer: its name and ClickHouse's name of its type."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a question found."""

    columns: tuple[Column, ...]
    rows: list[tuple[Cell, ...]]
    elapsed: float
    """Seconds."""
    rows_read: int
    bytes_read: int
    query_id: str
    truncated: bool = False
    """True exactly when rows were left out because of `Limits.rows`."""
    body: bytes = b""
    """The answer in `Select.format`, where one was asked for: `columns` and `rows` are empty then, `truncated` is not
    known, and one row more than `Limits.rows` may be in it."""
    missing: tuple[str, ...] = ()
    """Shards of the cluster whose rows are not in it; empty for an answer that is whole."""


class Store(Protocol):
    """A door to ClickHouse. `store.opening.open_store` gives one for an address."""

    def insert(self, insert: Insert) -> InsertReceipt:
        """Write; returns only when ClickHouse holds every row, or raises a `StoreError`."""

    def select(self, select: Select) -> Answer:
        """Ask; also used for statements with an empty answer (DDL), since ClickHouse makes no difference."""

    def cancel(self, query_id: str) -> None:
        """Stop a running statement; an unknown id is no error, since it may just have ended."""

    def close(self) -> None:
        """Let go of connections or of the engine's folder. Safe twice."""
