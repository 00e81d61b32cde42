"""The rows of one page, as plain Python or as Arrow: how many, what is in them, and cutting them to what was asked for.

In: an answer of the port, which begins with the rows of earlier pages where a page passes over them, and ends with one
row more than wanted where there are more. Out: the page alone. Arrow is ClickHouse's own (`FORMAT ArrowStream`); the
house cuts it without looking into rows, and notes in the schema's metadata how the answer came about.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from store.port import Answer, Cell

if TYPE_CHECKING:
    import pyarrow as pa

METADATA = b"otelhouse"
"""Key of an Arrow schema's metadata under which the circumstances of the answer stand, as JSON."""


class Page(Protocol):
    """Rows of an answer."""

    @property
    def size(self) -> int:
        """How many."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns; empty where an answer without rows does not say."""

    def first(self) -> Mapping[str, Cell]:
        """The first row by column; empty where there is none."""

    def column(self, name: str) -> Sequence[Cell]:
        """The values of one column."""

    def cut(self, offset: int, most: int) -> "Page":
        """At most so many rows from `offset` on."""


class RowPage:
    """Plain rows."""

    def __init__(self, names: tuple[str, ...], rows: Sequence[tuple[Cell, ...]]) -> None:
        self.names = names
        self.rows = list(rows)

    @property
    def size(self) -> int:
        """How many."""
        return len(self.rows)

    def first(self) -> Mapping[str, Cell]:
        """The first row by column; empty where there is none."""
        return dict(zip(self.names, self.rows[0], strict=True)) if self.rows else {}

    def column(self, name: str) -> Sequence[Cell]:
        """The values of one column."""
        place = self.names.index(name)
        return [row[place] for row in self.rows]

    def cut(self, offset: int, most: int) -> "RowPage":
        """At most so many rows from `offset` on."""
        return RowPage(self.names, self.rows[offset : offset + most])


class ArrowPage:
    """A table of Arrow."""

    def __init__(self, table: "pa.Table") -> None:
        self.table = table
        self.names: tuple[str, ...] = tuple(table.column_names)

    @property
    def size(self) -> int:
        """How many."""
        return int(self.table.num_rows)

    def first(self) -> Mapping[str, Cell]:
        """The first row by column; empty where there is none."""
        found: list[dict[str, Any]] = self.table.slice(0, 1).to_pylist()
        return found[0] if found else {}

    def column(self, name: str) -> Sequence[Cell]:
        """The values of one column."""
        values: list[Cell] = self.table.column(name).to_pylist()
        return values

    def cut(self, offset: int, most: int) -> "ArrowPage":
        """At most so many rows from `offset` on; nothing is copied."""
        return ArrowPage(self.table.slice(offset, most))


def page_of(answer: Answer, *, arrow: bool) -> Page:
    """The rows of an answer of the port."""
    if not arrow:
        return RowPage(tuple(column.name for column in answer.columns), answer.rows)
    import pyarrow as pa  # noqa: PLC0415  it takes a third of a second, and most processes never need it

    with pa.ipc.open_stream(answer.body) as stream:
        return ArrowPage(stream.read_all())


def arrow_stream(page: ArrowPage, circumstances: Mapping[str, object]) -> bytes:
    """A page as an Arrow IPC stream, uncompressed, since not every reader can decompress."""
    import pyarrow as pa  # noqa: PLC0415  as above

    noted = {**(page.table.schema.metadata or {}), METADATA: json.dumps(circumstances, ensure_ascii=False).encode()}
    table = page.table.replace_schema_metadata(noted)
    out = pa.BufferOutputStream()
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table)
    return bytes(out.getvalue())
