"""Writes an answer for people: a table on a terminal, lines of tab-separated values into a pipe.

In: the JSON document of an answer. Out: text on a stream. What telemetry holds is shown, never obeyed: control
characters, by which a log line could steer a terminal, are written out (`\\x1b`). Columns that are of use to machines
alone are never written.

A table is never wider than its terminal, and ids, names, times and numbers are never cut: columns that have no room are
left out from the right, and told. Only prose and maps are folded.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Literal

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

_NUMBERS = ("UInt", "Int", "Float", "Nullable(Float", "Nullable(Int", "Nullable(UInt")
_VISIBLE = {code: f"\\x{code:02x}" for code in [*range(32), *range(127, 160)]}
_CELL = _VISIBLE | {9: "\\t", 10: "\\n", 13: "\\r"}

_Columns = Sequence[Mapping[str, object]]
_Rows = Sequence[Mapping[str, object]]


_GAP = 2
"""Cells between two columns."""

_NAME = 40
"""Longer texts are prose and may be folded, unless they look like a name."""

_NAME_LIKE = re.compile(r"[\w.:/@+-]*")

_PROSE_LEAST = 20
"""Cells below which folded prose is not worth its lines."""


@dataclass(frozen=True, slots=True)
class _Drawn:
    """One column as it would be drawn; widths in terminal cells."""

    name: str
    cells: Sequence[str]
    number: bool
    widest: int
    least: int
    """Equal to `widest` unless the column may be folded."""


def write_table(answer: Mapping[str, object], out: IO[str], *, wide: bool, width: int) -> list[str]:
    """Draw a table of at most `width` terminal cells; gives the names of the columns left out, none if `wide`.

    Where fewer than two columns have room, or not all of them if `wide`, each row becomes a block of lines.
    """
    columns, rows = _parts(answer)
    wanted = [_drawn(column, rows) for column in columns if wide or not column["wide"]]
    fitting = _fitting(wanted, width)
    if len(fitting) < (len(wanted) if wide else min(2, len(wanted))):
        _write_blocks(wanted, len(rows), out)
        fitting = wanted
    else:
        _draw(fitting, len(rows), out, width)
    shown = {column.name for column in fitting}
    return [str(column["name"]) for column in columns if column["name"] not in shown]


def _drawn(column: Mapping[str, object], rows: _Rows) -> _Drawn:
    name, kind = str(column["name"]), str(column["type"])
    cells = [cell_text(row[name]) for row in rows]
    widest = max(cell_len(text) for text in (name, *cells))
    folds = kind.startswith("Map(") or any(cell_len(text) > _NAME and not _NAME_LIKE.fullmatch(text) for text in cells)
    least = min(widest, max(_PROSE_LEAST, cell_len(name), _longest_word(cells))) if folds else widest
    return _Drawn(name, cells, kind.startswith(_NUMBERS), widest, least)


def _longest_word(cells: Sequence[str]) -> int:
    """So that ids and keys stay whole in what is folded; words longer than any id do not count."""
    widths = (cell_len(word) for text in cells for word in text.split())
    return max((width for width in widths if width <= _NAME), default=0)


def _fitting(columns: Sequence[_Drawn], width: int) -> Sequence[_Drawn]:
    """The first columns that have room side by side."""
    taken = -_GAP
    for index, column in enumerate(columns):
        taken += _GAP + column.least
        if taken > width:
            return columns[:index]
    return columns


def _draw(columns: Sequence[_Drawn], rows: int, out: IO[str], width: int) -> None:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    spare = width - sum(column.least for column in columns) - _GAP * (len(columns) - 1)
    for column in columns:
        more = min(spare, column.widest - column.least)
        spare -= more
        side: Literal["left", "right"] = "right" if column.number else "left"
        whole = column.least == column.widest
        table.add_column(Text(column.name), justify=side, no_wrap=whole, overflow="fold", width=column.least + more)
    for row in range(rows):
        # Text, since a plain string would be read for rich's own markup.
        table.add_row(*(Text(column.cells[row]) for column in columns))
    Console(file=out, highlight=False, width=width).print(table)


def _write_blocks(columns: Sequence[_Drawn], rows: int, out: IO[str]) -> None:
    """Write ``name: value`` lines, an empty line between two rows."""
    blocks = ("".join(f"{column.name}: {column.cells[row]}\n" for column in columns) for row in range(rows))
    out.write("\n".join(blocks))


def write_lines(answer: Mapping[str, object], out: IO[str]) -> None:
    """Write a line of names and a line for each row, parted by tabs."""
    columns, rows = _parts(answer)
    names = [str(column["name"]) for column in columns]
    lines = [names, *([cell_text(row[name]) for name in names] for row in rows)]
    out.writelines("\t".join(line) + "\n" for line in lines)


def cell_text(value: object) -> str:
    """One cell in one line."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        text = " ".join(f"{key}={cell_text(member)}" for key, member in value.items())
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.translate(_CELL)


def _parts(answer: Mapping[str, object]) -> tuple[_Columns, _Rows]:
    columns, rows = answer["columns"], answer["rows"]
    if not isinstance(columns, list) or not isinstance(rows, list):
        raise TypeError("an answer has lists of columns and rows")
    return [column for column in columns if not column.get("machines")], rows
