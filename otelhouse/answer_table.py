"""Writes an answer for people: a table on a terminal, lines of tab-separated values into a pipe.

In: the JSON document of an answer. Out: text on a stream. What telemetry holds is shown, never obeyed: control
characters, by which a log line could steer a terminal, are written out (`\\x1b`, `\\u202e`). Columns that are of use to
machines alone are never written.

A table is never wider than its terminal, and ids, names and numbers are never cut: columns that have no room are left
out from the right, and told. Only prose and maps are folded; where what a row says would have no room, it stands below
the row. Times are shortened to milliseconds, and a date that a whole column has in common stands below its name; all
columns asked for, they are exact.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Literal

from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.table import Table
from rich.text import Text

_NUMBERS = ("UInt", "Int", "Float", "Nullable(Float", "Nullable(Int", "Nullable(UInt")
_VISIBLE = {code: f"\\x{code:02x}" for code in [*range(32), *range(127, 160)]}
_TURNING = (0x061C, *range(0x200E, 0x2010), *range(0x2028, 0x202F), *range(0x2066, 0x206A))
"""They turn the direction of text or end a line, so that a log line could seem to say something else."""
_VISIBLE |= {code: f"\\u{code:04x}" for code in _TURNING}
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

_SAID = frozenset({"message", "body"})
"""Columns for whose sake a person asks: never left out, however narrow the terminal is."""

_INDENT = 4

_TIME = re.compile(r"(?P<date>\d{4}-\d\d-\d\d)T(?P<clock>\d\d:\d\d:\d\d)(?:\.(?P<fraction>\d+))?Z")


@dataclass(frozen=True, slots=True)
class _Drawn:
    """One column as it would be drawn; widths in terminal cells."""

    name: str
    date: str
    """What all its times have in common and stands below the name, or empty."""
    cells: Sequence[str]
    number: bool
    widest: int
    least: int
    """Equal to `widest` unless the column may be folded."""

    @property
    def head(self) -> str:
        return f"{self.name}\n{self.date}" if self.date else self.name


def write_table(answer: Mapping[str, object], out: IO[str], *, wide: bool, width: int) -> list[str]:
    """Draw a table of at most `width` terminal cells; gives the names of the columns left out, none if `wide`.

    Where fewer than two columns have room, or not all of them if `wide`, each row becomes a block of lines.
    """
    columns, rows = _parts(answer)
    wanted = [column for column in columns if wide or not column["wide"]]
    drawn = [_drawn(column, rows, exact=wide) for column in wanted]
    fitting = _fitting(drawn, width)
    below = [] if wide else [column for column in drawn[len(fitting) :] if column.name in _SAID]
    if below:
        fitting = _fitting([column for column in drawn if column not in below], width)
    if len(fitting) < (len(drawn) if wide else min(2, len(drawn))):
        fitting, below = [_drawn(column, rows, exact=True) for column in wanted], []
        _write_blocks(fitting, len(rows), out)
    elif below:
        _draw_with_text_below(fitting, below, len(rows), out, width)
    else:
        _draw(fitting, len(rows), out, width)
    shown = {column.name for column in (*fitting, *below)}
    return [str(column["name"]) for column in columns if column["name"] not in shown]


def _drawn(column: Mapping[str, object], rows: _Rows, *, exact: bool) -> _Drawn:
    name, kind = str(column["name"]), str(column["type"])
    cells = [cell_text(row[name]) for row in rows]
    date, cells = ("", cells) if exact else _shortened(cells)
    widest = max(cell_len(text) for text in (name, date, *cells))
    folds = kind.startswith("Map(") or any(cell_len(text) > _NAME and not _NAME_LIKE.fullmatch(text) for text in cells)
    least = min(widest, max(_PROSE_LEAST, cell_len(name), _longest_word(cells))) if folds else widest
    return _Drawn(name, date, cells, kind.startswith(_NUMBERS), widest, least)


def _shortened(cells: list[str]) -> tuple[str, list[str]]:
    """Times as people read them, and the date that they have in common; other cells as they are."""
    found = [_TIME.fullmatch(text) for text in cells if text]
    times = [time for time in found if time]
    if not times or len(times) < len(found):
        return "", cells
    dates = {time["date"] for time in times}
    fine = any((time["fraction"] or "").strip("0") for time in times)
    front = "" if len(dates) == 1 else r"\g<date>T"
    shorter = [_TIME.sub(lambda time: time.expand(front) + _clock(time, fine=fine), text) for text in cells]
    return (dates.pop() if len(dates) == 1 else ""), shorter


def _clock(time: re.Match[str], *, fine: bool) -> str:
    return f"{time['clock']}.{(time['fraction'] or '')[:3]:0<3}Z" if fine else f"{time['clock']}Z"


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
        table.add_column(Text(column.head), justify=side, no_wrap=whole, overflow="fold", width=column.least + more)
    for row in range(rows):
        # Text, since a plain string would be read for rich's own markup.
        table.add_row(*(Text(column.cells[row]) for column in columns))
    Console(file=out, highlight=False, width=width).print(table)


def _draw_with_text_below(
    columns: Sequence[_Drawn], below: Sequence[_Drawn], rows: int, out: IO[str], width: int
) -> None:
    """Each row in a line, and what it says below it, over the whole width."""
    console = Console(file=out, highlight=False, width=width)
    heads = [column.head.split("\n") for column in columns]
    for line in range(max(len(head) for head in heads)):
        _write_line(columns, [head[line] if line < len(head) else "" for head in heads], out)
    out.write("─" * (sum(column.widest for column in columns) + _GAP * (len(columns) - 1)) + "\n")
    for row in range(rows):
        _write_line(columns, [column.cells[row] for column in columns], out)
        for text in (column.cells[row] for column in below if column.cells[row]):
            for part in Text(text, overflow="fold").wrap(console, width - _INDENT):
                out.write(f"{' ' * _INDENT}{part.plain.rstrip()}\n")


def _write_line(columns: Sequence[_Drawn], cells: Sequence[str], out: IO[str]) -> None:
    padded = (
        " " * (column.widest - cell_len(text)) + text if column.number else set_cell_size(text, column.widest)
        for column, text in zip(columns, cells, strict=True)
    )
    out.write((" " * _GAP).join(padded).rstrip() + "\n")


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
