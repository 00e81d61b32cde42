"""The text of an answer, read as a model reads it: its first line, its tables, the calls that it proposes.

In: the text that a tool gave. Out: a `Page`. Nothing else of an answer is read here: what an agent knows is what was
counted.
"""

import re
from dataclasses import dataclass, field

_TITLE = re.compile(r"# (.+): \d+ of (?:more than )?\d+")
_SAME = re.compile(r"\(in all rows: (.*)\)")

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Page:
    """What an answer says."""

    outcome: str
    """answered, no data, denied or failed."""
    head: str
    """The first lines, before any row."""
    tables: tuple[tuple[str, tuple[Row, ...]], ...]
    """Title and rows."""
    next: tuple[str, ...]
    """Calls that the answer proposes."""

    def rows_with(self, column: str) -> list[Row]:
        """The rows of the first table that has this column."""
        return next((list(rows) for _, rows in self.tables if rows and column in rows[0]), [])


@dataclass(slots=True)
class _Table:
    title: str
    same: Row = field(default_factory=dict)
    columns: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)


def read(text: str) -> Page:
    """Read it."""
    head, _, rest = text.partition("\n<data-")
    lines = rest.split("\n")
    tables: list[_Table] = []
    proposed: list[str] = []
    for line in lines if rest else []:
        if found := _TITLE.fullmatch(line):
            tables.append(_Table(found[1]))
        elif line.startswith("Next: "):
            proposed += line.removeprefix("Next: ").split("; or ")
        elif tables and not line.startswith("</data-"):
            _take(tables[-1], line)
    outcome = head.partition(": ")[2].partition(".")[0].partition(",")[0]
    return Page(outcome, head, tuple((one.title, tuple(one.rows)) for one in tables), tuple(proposed))


def _take(table: _Table, line: str) -> None:
    """A line of a table: what is the same in all rows, the names of its columns, or a row."""
    if not table.columns and (same := _SAME.fullmatch(line)):
        pairs = (part.partition("=") for part in same[1].split("; "))
        table.same = {name: value for name, sign, value in pairs if sign}
    elif not table.columns:
        table.columns = line.split("\t")
    elif len(cells := line.split("\t")) == len(table.columns):
        table.rows.append(table.same | dict(zip(table.columns, cells, strict=True)))


def call_of(words: str) -> tuple[str, dict[str, str]]:
    """A proposed call, `tool name=value name=value`, as a tool and its arguments."""
    tool, *arguments = words.split()
    return tool, dict(argument.split("=", 1) for argument in arguments)
