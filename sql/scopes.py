"""What of each table a narrowed reader sees, said to the engine and kept by it.

In: a reader's `Scope` and the statement that is asked for it. Out: ClickHouse settings for that statement:
`additional_table_filters`, which the engine applies wherever it reads the table (subqueries, joins, views, and counts
that it would take from metadata), and `readonly = 1`, which keeps the statement's own SETTINGS from taking them off.
`sql/scopes/TABLE.sql` says what belongs to whom; a table without such a file is read by no narrowed reader.

Refused, with `UndividedError`: a statement that reads what these filters do not reach: tables that are not listed,
tables of other databases, table functions (`merge()` reads past the filters), dictionaries; and one with SETTINGS in
its middle, which on servers before 26.9 go before the session's in spite of `readonly`. That is seen in its text, which
is ours and comes from no reader; whatever it does not name is closed in the engine as well.
"""

import re
import string
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib import resources

from identity.reader import Scope
from sql import schema
from store import statements
from store.port import Setting

DENIED = "otelhouse: denied by scope"
"""Stands in the engine's error where a narrowed reader's statement comes to a table that is closed to it."""

LONGEST = 60_000
"""Characters of all filters of one statement: ClickHouse parses 262,144 (`max_query_size`), and a quotation mark takes
four of them once it is quoted twice."""

DIMENSIONS = ("clusters", "namespaces", "compositions")

_CLOSED = f"throwIf(1, '{DENIED}')"
"""Loud where a row would be read; and since it gives 0, no row could pass even if it were not."""

_NO_ROW, _EVERY_ROW = "0", "1"
_ENTRY = re.compile(r"^-- (signal|clusters|namespaces|compositions|bounds|closed):(.*)$")
_PLAIN = re.compile(r"[A-Za-z0-9._:/-]+")

# What may hold a name without meaning it comes first, so that it is stepped over.
_NOT_READ = r"--[^\n]*|/\*.*?\*/|'(?:\\.|''|[^'\\])*'|\bARRAY\s+JOIN\b"
_NAME = r"(?:[\w$]+|`[^`]*`|\"[^\"]*\")"
_FLAGS = re.IGNORECASE | re.DOTALL
_READ = re.compile(
    rf"{_NOT_READ}|\b(?:FROM|JOIN|IN)\s+(?P<name>{_NAME}(?:\s*\.\s*{_NAME})*)(?P<call>\s*\()?(?P<comma>(?:\s+(?:AS\s+)?\w+)?\s*,)?",
    _FLAGS,
)
_LOCAL = re.compile(rf"{_NOT_READ}|\b(?P<name>\w+)\s+AS\s*\((?:\s|--[^\n]*\n)*(?:SELECT|WITH)\b", _FLAGS)
_PAST_FILTERS = re.compile(r"additional_table_filters|\b(?:joinGet\w*|dict\w+|dictionary)\s*\(", re.IGNORECASE)
_SETTINGS = re.compile(rf"{_NOT_READ}|\b(?P<word>SETTINGS)\b", _FLAGS)
_OWN_SETTINGS = re.compile(r"\bSETTINGS\s+(?P<list>\w+\s*=\s*[\w.]+(?:\s*,\s*\w+\s*=\s*[\w.]+)*)\s*$", re.IGNORECASE)


class UndividedError(Exception):
    """The statement reads what is not divided among readers: only one that may see everything can ask it."""


class ScopeTooLongError(Exception):
    """The scope names more than fits into a statement."""


@dataclass(frozen=True, slots=True)
class TableScope:
    """One file of sql/scopes/."""

    table: str
    signal: str = ""
    conditions: Mapping[str, str] = field(default_factory=dict)
    """By dimension, what must hold of a row; `${values}` stands for literals."""
    bounds: frozenset[str] = frozenset()
    """The questions that read it whole, and take nothing from it but bounds for other reads."""
    closed: str = ""
    """Why no narrowed reader reads it, or empty."""


@cache
def tables() -> Mapping[str, TableScope]:
    """Every listed table by name."""
    files = [file for file in (resources.files("sql") / "scopes").iterdir() if file.name.endswith(".sql")]
    return {file.name[:-4]: read_table(file.name, file.read_text(encoding="utf-8")) for file in files}


def read_table(file: str, text: str) -> TableScope:
    """Read one file. Raises `sql.schema.SchemaFileError` if it opens a table and does not say what belongs to whom."""
    entries: dict[str, list[str]] = {}
    last: list[str] = []  # a remark above the first entry
    for line in text.splitlines():
        if match := _ENTRY.match(line):
            last = entries.setdefault(match[1], [])
            last.append(match[2].strip())
        else:
            last.append(line)
    said = {key: "\n".join(lines).strip() for key, lines in entries.items()}
    conditions = {dimension: said[dimension] for dimension in DIMENSIONS if dimension in said}
    whole = said.keys() in ({"closed"}, {"signal", "bounds"}, {"signal", *DIMENSIONS})
    if not whole or not all("${values}" in condition for condition in conditions.values()):
        raise schema.SchemaFileError(
            f"sql/scopes/{file}: needs `-- closed: WHY`, or `-- signal:` with `-- bounds:`, or `-- signal:` with "
            "`-- clusters:`, `-- namespaces:` and `-- compositions:`, each with an expression that has ${values} in it"
        )
    bounds = frozenset(name.strip() for name in said.get("bounds", "").split(",") if name.strip())
    return TableScope(file.removesuffix(".sql"), said.get("signal", ""), conditions, bounds, said.get("closed", ""))


@lru_cache(maxsize=1024)
def reads(question: str, sql: str) -> frozenset[str]:
    """The tables that a question's statement reads, all of them listed. Raises `UndividedError`."""
    if found := _PAST_FILTERS.search(sql):
        raise UndividedError(f"it says `{found[0]}`, which no scope reaches")
    if sum(bool(match["word"]) for match in _SETTINGS.finditer(sql)) > bool(_OWN_SETTINGS.search(sql)):
        raise UndividedError("it has SETTINGS other than plain ones at its end, which may take a scope off")
    local = {match["name"] for match in _LOCAL.finditer(sql) if match["name"]}
    if stolen := local & _names_of_ours():
        raise UndividedError(f"it calls a part of itself `{min(stolen)}`, which is a table's name")
    named = {name for name in _names_read(sql) if name not in local}
    for name in sorted(named):
        _check_readable(question, name)
    return frozenset(named)


def _names_read(sql: str) -> Iterator[str]:
    for match in _READ.finditer(sql):
        if not match["name"]:
            continue
        if match["call"]:
            raise UndividedError(f"it reads from the table function `{match['name']}`, which no scope reaches")
        if match["comma"]:
            raise UndividedError(f"it reads from a list of tables after `{match['name']}`: write JOIN")
        yield re.sub(r"\s*\.\s*", ".", match["name"]).replace("`", "").replace('"', "")


def _check_readable(question: str, name: str) -> None:
    table = tables().get(name)
    if table is None:
        raise UndividedError(f"it reads `{name}`, which is not divided by cluster, namespace and composition")
    if table.closed:
        raise UndividedError(f"it reads `{name}`, which is closed: {table.closed}")
    if table.bounds and question not in table.bounds:
        raise UndividedError(f"it reads `{name}`, which is not divided; it is there for the bounds of other questions")


def signals(read: Iterable[str]) -> frozenset[str]:
    """The signals whose tables these are."""
    return frozenset(tables()[name].signal for name in read)


def settings(scope: Scope, question: str, sql: str) -> dict[str, Setting]:
    """What makes the engine narrow this statement; empty for a scope that narrows nothing.

    Raises `UndividedError` or `ScopeTooLongError`.
    """
    if scope.everything:
        return {}
    filters = dict.fromkeys(sorted(_names_of_ours()), _CLOSED)
    filters |= {name: condition(tables()[name], scope) for name in sorted(reads(question, sql))}
    if sum(map(len, filters.values())) > LONGEST:
        raise ScopeTooLongError(f"the filters for this scope have more than {LONGEST} characters")
    pairs = ", ".join(f"{statements.quote(name)}: {statements.quote(text)}" for name, text in filters.items())
    return {**_own_settings(sql), "additional_table_filters": f"{{{pairs}}}", "readonly": 1}


def condition(table: TableScope, scope: Scope) -> str:
    """The expression that holds of exactly those rows which the reader may see. All parts of the scope must hold."""
    if table.closed or (scope.signals and table.signal not in scope.signals):
        return _CLOSED
    if table.bounds:
        return _EVERY_ROW
    wanted = {"clusters": scope.clusters, "namespaces": scope.namespaces, "compositions": scope.compositions}
    parts = [_one_of(table.conditions[dimension], values) for dimension, values in wanted.items() if values]
    return " AND ".join(f"({part})" for part in parts) or _EVERY_ROW


def _one_of(expression: str, values: Sequence[str]) -> str:
    """Fill in the values. An empty one would match rows that do not say where they are from, so it never counts."""
    literals = ", ".join(literal(value) for value in values if value)
    return string.Template(expression).substitute(values=literals) if literals else _NO_ROW


def literal(value: str) -> str:
    """Write a text as ClickHouse's literal for it.

    A text with any character that might mean something is written in hexadecimal, so that no rule of quoting, of
    which three lie one over the other on the way to the engine, decides what a reader sees.
    https://clickhouse.com/docs/sql-reference/syntax#string
    """
    return f"'{value}'" if _PLAIN.fullmatch(value) else f"x'{value.encode('utf-8', 'surrogatepass').hex().upper()}'"


@cache
def _names_of_ours() -> frozenset[str]:
    """Every table and view of the house: what a statement does not name is closed to it."""
    return frozenset(tables()) | {item.name for item in schema.objects()}


def _own_settings(sql: str) -> dict[str, Setting]:
    """The settings at the end of the statement. In a read-only session it may only say what is in force already."""
    found = _OWN_SETTINGS.search(sql)
    if not found:
        return {}
    pairs = (pair.partition("=") for pair in found["list"].split(","))
    return {name.strip(): int(v) if (v := value.strip()).isdecimal() else v for name, _, value in pairs}
