"""Writes an answer for people: a table on a terminal, lines of tab-separated values into a pipe.

In: the JSON document of an answer. Out: text on a stream. What telemetry holds is shown, never obeyed: control
characters, by which a log line could steer a terminal, are written out (`\\x1b`).
"""

import json
from collections.abc import Mapping, Sequence
from typing import IO, Literal

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

_NUMBERS = ("UInt", "Int", "Float", "Nullable(Float", "Nullable(Int", "Nullable(UInt")
_VISIBLE = {code: f"\\x{code:02x}" for code in [*range(32), *range(127, 160)]}
_CELL = _VISIBLE | {9: "\\t", 10: "\\n", 13: "\\r"}

_Columns = Sequence[Mapping[str, object]]
_Rows = Sequence[Mapping[str, object]]


def write_table(answer: Mapping[str, object], out: IO[str], *, wide: bool) -> list[str]:
    """Draw a table as wide as the terminal; gives the names of the columns left out, none if `wide`."""
    columns, rows = _parts(answer)
    shown = [column for column in columns if wide or not column["wide"]]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in shown:
        number = str(column["type"]).startswith(_NUMBERS)
        side: Literal["left", "right"] = "right" if number else "left"
        # Numbers stay whole where a terminal is narrow; it is texts that are folded.
        table.add_column(Text(str(column["name"])), justify=side, no_wrap=number, overflow="fold")
    for row in rows:
        # Text, since a plain string would be read for rich's own markup.
        table.add_row(*(Text(cell_text(row[str(column["name"])])) for column in shown))
    Console(file=out, highlight=False).print(table)
    return [str(column["name"]) for column in columns if column not in shown]


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
    return columns, rows
