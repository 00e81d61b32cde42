"""What of each table a narrowed reader sees, said to the engine and kept by it.

In: a reader's `Scope` and the statement that is asked for it. Out: ClickHouse settings for that statement:
`additional_table_filters`, which the engine applies wherever it reads the table (subqueries, joins, views, and counts
that it would take from metadata), and `readonly = 1`, which keeps the statement's own SETTINGS from taking them off.
`sql/scopes/TABLE.sql` says what belongs to whom; a table without such a file is read by no narrowed reader.
The same filters keep what the house sends by itself, its canary's rows and its own telemetry, out of every answer,
whoever asks, unless it is asked for by name.

Refused, with `UndividedError`: a statement that reads what these filters do not reach: tables that are not listed,
tables of other databases, table functions (`merge()` reads past the filters), dictionaries; one with SETTINGS in its
middle, which on servers before 26.9 go before the session's in spite of `readonly`; and one that calls a part of itself
as a table of ours is called, since the engine matches a filter with a table's alias as well as with its name, and takes
the first that fits. That is seen in its text, which is ours, or ClickHouse's own writing of what an agent wrote;
whatever it does not name is closed in the engine as well.
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

LONGEST = 120_000
"""Characters of all filters of one statement, as they are written: ClickHouse takes 131,072 in a field over HTTP
(`http_max_field_value_size`), and parses 262,144 where the embedded engine quotes them once more (`max_query_size`)."""

DIMENSIONS = ("clusters", "namespaces", "compositions")

_CLOSED = f"throwIf(1, '{DENIED}')"
"""Loud where a row would be read; and since it gives 0, no row could pass even if it were not."""

_NO_ROW, _EVERY_ROW = "0", "1"
_EVERY_SIGNAL = "every"
"""Of a table that helps to read those of all signals, and is of none itself."""

SYNTHETIC = "otelhouse-canary"
"""Service, and for events namespace, of the house's own canary; `-- synthetic:` in sql/scopes/ says so of a table."""

OWN = "otelhouse-self"
"""Service of what the house tells of itself into its own tables; `-- own:` in sql/scopes/ says so of a table. Its pods
whose logs a collector reads, and another house that sends here, are called `otelhouse`, and all see them. Every table,
also one that a collector's exporter made, has the service in a column of its own, and looking at it costs little."""

OF_THE_HOUSE = frozenset({SYNTHETIC, OWN})
"""What is left out of answers unless it is asked for by that name."""

ASKED_FOR_BY: Mapping[str, frozenset[str]] = {"service": OF_THE_HOUSE, "namespace": frozenset({SYNTHETIC})}
"""Parameters of questions, and filters of streams, and the names that ask in them for rows of the house."""

_ENTRY = re.compile(r"^-- (signal|clusters|namespaces|compositions|bounds|closed|synthetic|own):(.*)$")
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
_WORD = re.compile(rf"(?:{_NOT_READ})|(?P<word>{_NAME})|(?P<sign>\S)", _FLAGS)
_BEFORE_TABLE = frozenset({"FROM", "JOIN", "IN"})
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
    left_out: Mapping[str, str] = field(default_factory=dict)
    """By name of `OF_THE_HOUSE`, what holds of its rows; without those that have none here."""


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
    of_the_house = {SYNTHETIC: said.pop("synthetic", ""), OWN: said.pop("own", "")}
    left_out = {name: condition for name, condition in of_the_house.items() if condition}
    conditions = {dimension: said[dimension] for dimension in DIMENSIONS if dimension in said}
    whole = said.keys() in ({"closed"}, {"signal", "bounds"}, {"signal", *DIMENSIONS})
    if not whole or not all("${values}" in condition for condition in conditions.values()):
        raise schema.SchemaFileError(
            f"sql/scopes/{file}: needs `-- closed: WHY`, or `-- signal:` with `-- bounds:`, or `-- signal:` with "
            "`-- clusters:`, `-- namespaces:` and `-- compositions:`, each with an expression that has ${values} in it"
        )
    bounds = frozenset(name.strip() for name in said.get("bounds", "").split(",") if name.strip())
    table, signal, closed = file.removesuffix(".sql"), said.get("signal", ""), said.get("closed", "")
    return TableScope(table, signal, conditions, bounds, closed, left_out)


@lru_cache(maxsize=1024)
def reads(question: str, sql: str) -> frozenset[str]:
    """The tables that a question's statement reads, all of them listed. Raises `UndividedError`."""
    if found := _PAST_FILTERS.search(sql):
        raise UndividedError(f"it says `{found[0]}`, which no scope reaches")
    if sum(bool(match["word"]) for match in _SETTINGS.finditer(sql)) > bool(_OWN_SETTINGS.search(sql)):
        raise UndividedError("it has SETTINGS other than plain ones at its end, which may take a scope off")
    if stolen := [use.name for use in _uses_of_ours(sql) if use.gives_name or not use.reads]:
        raise UndividedError(f"it calls a part of itself `{stolen[0]}`, which is a table's name")
    named = tables_named(sql)
    for name in sorted(named):
        _check_readable(question, name)
    return named


def tables_named(sql: str) -> frozenset[str]:
    """What a statement of ours reads from, listed or not. Raises `UndividedError` for what has no name of its own."""
    local = {match["name"] for match in _LOCAL.finditer(sql) if match["name"]}
    return frozenset(name for name in _names_read(sql) if name not in local)


def names_given(statement: str) -> frozenset[str]:
    """The names of tables and views of ours that a statement gives to parts of itself, as ClickHouse writes it back.

    That is with AS before every alias (`formatQuerySingleLine`), and without comments.
    """
    return frozenset(use.name for use in _uses_of_ours(statement) if use.gives_name)


@dataclass(frozen=True, slots=True)
class _Use:
    """A place where a name of ours stands in a statement."""

    name: str
    gives_name: bool
    """Behind AS, or before what WITH calls so, or before a parenthesis."""
    reads: bool
    """Where a table is read, or before the point that ends a column's qualifier."""


def _uses_of_ours(sql: str) -> Iterator[_Use]:
    words = [match["word"] or match["sign"] for match in _WORD.finditer(sql) if match["word"] or match["sign"]]
    words += ["", ""]
    ours = {name.lower() for name in names_of_ours()}
    before = ""
    for word, after, next_after in zip(words, words[1:], words[2:], strict=False):
        name = word.strip('`"').rpartition(".")[2]
        if name.lower() in ours:
            gives = before == "AS" or after == "(" or (after.upper() == "AS" and next_after == "(")
            yield _Use(name, gives, before in _BEFORE_TABLE or after == ".")
        before = word.upper()


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
    return frozenset(tables()[name].signal for name in read) - {_EVERY_SIGNAL}


def settings(scope: Scope, question: str, sql: str, *, asked: frozenset[str] = frozenset()) -> dict[str, Setting]:
    """What makes the engine narrow this statement; `asked`: of `OF_THE_HOUSE`, whose rows are seen too.

    A scope that narrows nothing leaves the statement its own SETTINGS. Raises `UndividedError` or `ScopeTooLongError`.
    """
    if scope.everything:
        return dict(without_house(asked))
    filters = dict.fromkeys(sorted(names_of_ours()), _CLOSED)
    filters |= {name: _filter(tables()[name], scope, asked) for name in sorted(reads(question, sql))}
    written = _written(filters)
    if (length := len(written)) > LONGEST:
        raise ScopeTooLongError(
            f"for `{question}` it makes filters of {length} characters, and at most {LONGEST} fit into a statement"
        )
    return {**own_settings(sql), "additional_table_filters": written, "readonly": 1}


def asked_for(values: Mapping[str, object], *, synthetic: bool = False) -> frozenset[str]:
    """Which of `OF_THE_HOUSE` parameters name, so that who asks wants to see these rows.

    `synthetic`: the question reads nothing but what the canary sent, so there is nothing to leave out.
    """
    if synthetic:
        return OF_THE_HOUSE
    asked = ((str(values.get(name, "")), known) for name, known in ASKED_FOR_BY.items())
    return frozenset(value for value, known in asked if value in known)


@cache
def without_house(asked: frozenset[str] = frozenset()) -> Mapping[str, Setting]:
    """The settings with which the engine leaves out what the house sent by itself, but for what is asked for."""
    filters = {name: _others(table, asked) for name, table in sorted(tables().items())}
    said = {name: others for name, others in filters.items() if others}
    return {"additional_table_filters": _written(said)} if said else {}


def _others(table: TableScope, asked: frozenset[str]) -> str:
    """What holds of rows that the house did not send by itself; empty where that is not to be looked at."""
    return " AND ".join(f"NOT ({condition})" for name, condition in table.left_out.items() if name not in asked)


def _filter(table: TableScope, scope: Scope, asked: frozenset[str]) -> str:
    narrowed, others = condition(table, scope), _others(table, asked)
    return f"({narrowed}) AND {others}" if others else narrowed


def _written(filters: Mapping[str, str]) -> str:
    pairs = ", ".join(f"{statements.quote(name)}: {statements.quote(text)}" for name, text in filters.items())
    return f"{{{pairs}}}"


def condition(table: TableScope, scope: Scope) -> str:
    """The expression that holds of exactly those rows which the reader may see. All parts of the scope must hold."""
    if table.closed or (scope.signals and table.signal not in {_EVERY_SIGNAL, *scope.signals}):
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
def names_of_ours() -> frozenset[str]:
    """Every table and view of the house: what a statement does not name is closed to it; nothing else is called so."""
    return frozenset(tables()) | {item.name for item in schema.objects()}


def own_settings(sql: str) -> dict[str, Setting]:
    """The settings at the end of a statement. In a read-only session it may only say what is in force already."""
    found = _OWN_SETTINGS.search(sql)
    if not found:
        return {}
    pairs = (pair.partition("=") for pair in found["list"].split(","))
    return {name.strip(): int(v) if (v := value.strip()).isdecimal() else v for name, _, value in pairs}
