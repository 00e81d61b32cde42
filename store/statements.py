"""The few words of SQL that the port itself says: INSERT, SET, DESCRIBE, KILL, and how values are written in them.

In: the port's `Insert`, settings and parameters. Out: text for ClickHouse's parser, with every name and value quoted
by its rules (https://clickhouse.com/docs/sql-reference/syntax), or in the `Escaped` form that bound parameters take.
It refuses a parameter of a type that the port does not name, with TypeError.
"""

import functools
import re
from collections.abc import Mapping, Sequence

from store.port import Insert, Parameter, Setting

CANCEL = "KILL QUERY WHERE query_id = {query_id:String} ASYNC"
CANCEL_BY_COMMENT = "KILL QUERY WHERE Settings['log_comment'] = {query_id:String} AND query_id != queryID() ASYNC"

# Shards of a cluster that answer nothing now. The subquery skips them and so names the others.
SILENT_SHARDS = """
SELECT shard_num, any(host_name) AS host, any(port) AS native_port
FROM system.clusters
WHERE cluster = {cluster:String}
    AND shard_num NOT IN (SELECT DISTINCT _shard_num FROM cluster({cluster:Identifier}, system.one))
GROUP BY shard_num
ORDER BY shard_num
"""

INSERT_SETTINGS: Mapping[str, Setting] = {
    "async_insert": 0,  # the default since 26.2 answers from a buffer; the port promises that ClickHouse has the rows
    "insert_deduplicate": 1,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
}
"""What every insert says, whatever the server's own defaults are; an insert's own settings go before these."""

_ESCAPES = str.maketrans({
    "\\": "\\\\", "'": "\\'", "\b": "\\b", "\f": "\\f", "\r": "\\r", "\n": "\\n", "\t": "\\t", "\0": "\\0",
})  # fmt: skip
_SETTING_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FORMAT_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_COMMENTS = re.compile(r"(?:\s+|--[^\n]*(?:\n|$)|#[ !][^\n]*(?:\n|$)|/\*.*?\*/|\()*", re.DOTALL)
_INSERT_INTO = re.compile(r"\bINSERT\s+INTO\b", re.IGNORECASE)
_UNION = re.compile(r"\bUNION\b", re.IGNORECASE)
_UNIONS = re.compile(
    r"--[^\n]*|#[ !][^\n]*|/\*.*?\*/|'(?:\\.|[^'\\])*'|`(?:\\.|[^`\\])*`|\"(?:\\.|[^\"\\])*\""
    r"|(?P<open>\()|(?P<close>\))|(?P<union>\bUNION\b)",
    re.DOTALL | re.IGNORECASE,
)


def quote(text: str) -> str:
    """Write a string literal."""
    return f"'{text.translate(_ESCAPES)}'"


def identifier(name: str) -> str:
    """Write a table's, column's or database's name."""
    escaped = name.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"


def settings_list(settings: Mapping[str, Setting]) -> str:
    """Write `a = 1, b = 'text'`."""
    return ", ".join(f"{_setting_name(name)} = {_setting_value(value)}" for name, value in settings.items())


def insert(what: Insert, infile: str = "") -> str:
    """Write the INSERT; its body follows after a line feed, or stands in the file `infile`."""
    settings = {**INSERT_SETTINGS, **what.settings}
    if what.token:
        settings["insert_deduplication_token"] = what.token
    columns = f" ({', '.join(map(identifier, what.columns))})" if what.columns else ""
    source = f" FROM INFILE {quote(infile)}" if infile else ""
    return (
        f"INSERT INTO {identifier(what.table)}{columns}{source}"
        f" SETTINGS {settings_list(settings)} FORMAT {_format_name(what.format)}"
    )


def describe(sql: str) -> str:
    """Ask for the columns of a question without asking the question."""
    return f"DESCRIBE TABLE (\n{sql.rstrip().rstrip(';')}\n)"


def is_question(sql: str) -> bool:
    """True if the statement's answer may be cut with the `limit` setting.

    That setting cuts what an INSERT ... SELECT or CREATE ... AS SELECT writes as well, so these never get it.
    """
    begin = _COMMENTS.match(sql)
    first = re.match(r"[A-Za-z]*", sql[begin.end() if begin else 0 :])
    word = first[0].upper() if first else ""
    return word == "SELECT" or (word in {"WITH", "FROM"} and _INSERT_INTO.search(sql) is None)


@functools.lru_cache(maxsize=256)
def members(sql: str) -> int:
    """How many SELECTs the answer is put together of, at most: one, or those of a UNION.

    The setting `limit` cuts each of them by itself, and not what they give together.
    """
    if _UNION.search(sql) is None:
        return 1
    begin = _COMMENTS.match(sql)
    in_parentheses = begin is not None and "(" in begin[0]
    depth = outside = unions = 0
    for token in _UNIONS.finditer(sql):
        depth += bool(token["open"]) - bool(token["close"])
        unions += bool(token["union"])
        outside += bool(token["union"]) and depth == 0
    return unions + 1 if outside or in_parentheses else 1


def parameters(values: Mapping[str, Parameter]) -> dict[str, str]:
    """Write values for `{name:Type}` in ClickHouse's `Escaped` form; the engine parses them by their type."""
    return {name: _parameter(name, value) for name, value in values.items()}


def _parameter(name: str, value: Parameter) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, str):
        return value.translate(_ESCAPES)
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return f"[{', '.join(_item(name, item) for item in value)}]"
    raise TypeError(f"parameter {name} is a {type(value).__name__}; give str, int, float, bool, None or a sequence")


def _item(name: str, value: object) -> str:
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, int | float):
        return _number(value)
    raise TypeError(f"parameter {name} holds a {type(value).__name__}; its items must be str, int or float")


def _number(value: float) -> str:
    return str(int(value)) if isinstance(value, bool) else repr(value)


def _format_name(name: str) -> str:
    if not _FORMAT_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of a ClickHouse format")
    return name


def _setting_name(name: str) -> str:
    if not _SETTING_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of a ClickHouse setting")
    return name


def _setting_value(value: Setting) -> str:
    return quote(value) if isinstance(value, str) else _number(value)
