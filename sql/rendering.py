"""From a .sql file to a statement: placeholders are filled in, lines that do not apply are left out.

In: the text of a DDL file, values for its `${name}` placeholders, and an answer to which conditions hold. Out: the
statement. It refuses an unknown placeholder, an unknown condition, and a value that could be more than the identifier
or the number it stands for. The values of questions are never filled in here, the engine binds them; only `include`
serves them, which puts an expression that several share in the place of its name.

    TTL toDateTime(Timestamp) + toIntervalDay(${logs_days}) -- when: logs_days
    record.event_name AS EventName, -- when: otel_logs.EventName

A line that ends in `-- when: X` stays only if X holds, one that ends in `-- unless: X` only if X does not. X is the
name of a flag, or `table.Column`: does the table, as it is or as it will be made, have the column?
"""

import re
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Condition = Callable[[str], bool]
"""Does it hold? Raises `RenderError` for a condition that is not known."""

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,199}")
_GUARD = re.compile(r"^(?P<line>.*?)\s*-- (?P<sense>when|unless): (?P<condition>\S+)\s*$")
_GUARDS = re.compile(r"(?:\s*-- (?:when|unless): \S+(?: = \w+(?:, \w+)*)?)+\s*$")


class RenderError(Exception):
    """The file and what it is filled in with do not fit together; one of them is wrong."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """What all files of one run are filled in with."""

    values: Mapping[str, str]
    holds: Condition

    def __call__(self, text: str) -> str:
        """Give the statement that `text` stands for, without its trailing line end."""
        return fill(select_lines(text, self.holds), self.values).rstrip()


def identifier(name: str) -> str:
    """Quote the name of a database, table or column, in backticks; refuse one that needs escaping."""
    if not _IDENTIFIER.fullmatch(name):
        raise RenderError(f"{name!r} is no name for a database, table or column: use letters, digits, _ . -")
    return f"`{name}`"


def number(value: int) -> str:
    """Write a whole number of 0 or more."""
    if value < 0:
        raise RenderError(f"{value} must not be negative")
    return str(int(value))


def select_lines(text: str, holds: Condition) -> str:
    """Leave out the lines whose guard says so, and take the guards off the others."""
    return "\n".join(line for line in (_guarded(line, holds) for line in text.splitlines()) if line is not None)


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put `values` in the place of `${name}`; `$$` is a dollar sign."""
    try:
        return string.Template(text).substitute(values)
    except KeyError as error:
        raise RenderError(f"unknown placeholder ${{{error.args[0]}}}; known: {', '.join(sorted(values))}") from None
    except ValueError as error:
        raise RenderError(f"a $ that begins no placeholder: {error}; write $$ for the sign itself") from None


def include(text: str, fragments: Mapping[str, str]) -> tuple[str, list[int]]:
    """Put fragments in the place of their `${name}`; give the text, and of which line each of its lines was, from 0.

    What stands before the name on its line indents every line of the fragment, and a guard behind it guards every one.
    `$$` is a dollar sign.
    """
    lines: list[str] = []
    origins: list[int] = []
    for number, line in enumerate(text.splitlines()):
        indent = line[: len(line) - len(line.lstrip())]
        before, behind = _without_guards(line)
        made = fill(before, fragments).split("\n")
        lines += [f"{made[0]}{behind}", *(f"{indent}{more}{behind}" if more else more for more in made[1:])]
        origins += [number] * len(made)
    return "\n".join(lines), origins


def _without_guards(line: str) -> tuple[str, str]:
    """Part a line from its guards, of which there may be several, also such as `sql.guards` knows."""
    guards = _GUARDS.search(line)
    return (line[: guards.start()], f" {guards[0].strip()}") if guards else (line, "")


def _guarded(line: str, holds: Condition) -> str | None:
    guard = _GUARD.match(line)
    if guard is None:
        return line
    return guard["line"] if holds(guard["condition"]) == (guard["sense"] == "when") else None
