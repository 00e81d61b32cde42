"""What ClickHouse holds, read back exactly: strings as bytes, floats to the bit, times as the number in the column.

`rows` gives rows in the oracle's shape (see `oracle.rows`); `comparable` makes any such row hashable, so that two lots
of rows are compared whatever their order.
"""

import itertools
import json
import re
import struct

from store.port import Select


def statement(store, sql):
    return store.select(Select(sql)).rows


def columns(store, table):
    """{column: type} of a table of the store's database."""
    sql = "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {table:String}"
    return dict(store.select(Select(sql, {"table": table})).rows)


def rows(store, table, names):
    """The rows of `table`, each a dict of the columns `names`."""
    types = columns(store, table)
    missing = set(names) - set(types)
    assert not missing, f"{table} has no column {missing}"
    cells = ", ".join(exact(f"`{name}`", types[name]) for name in names)
    sql = f"SELECT toJSONString([{cells}]) FROM {table}"  # noqa: S608 - names from the oracle's own rows
    return [
        {name: value(cell, types[name]) for name, cell in zip(names, map(json.loads, json.loads(row)), strict=True)}
        for (row,) in statement(store, sql)
    ]


def exact(expression, kind):
    """SQL that gives the value of `expression` as JSON text without losing anything."""
    return f"toJSONString({plain(expression, kind)})"


def plain(expression, kind):  # noqa: PLR0911 - one way out for each kind
    inner = re.fullmatch(r"Array\((.*)\)", kind)
    if inner:
        return f"arrayMap(x -> {plain('x', inner[1])}, {expression})"
    if kind.startswith("Map("):
        pairs = f"CAST({expression} AS Array(Tuple(String, String)))"
        return f"arrayMap(p -> [hex(p.1), hex(p.2)], {pairs})"
    if kind in ("String", "LowCardinality(String)"):
        return f"hex({expression})"
    if kind == "Float64":
        return f"toString(reinterpretAsUInt64({expression}))"
    if kind.startswith("DateTime64"):
        return f"toString(toUnixTimestamp64Nano({expression}))"
    if kind.startswith("DateTime"):
        return f"toString(toUnixTimestamp({expression}))"
    return f"toString({expression})"


def value(cell, kind):
    inner = re.fullmatch(r"Array\((.*)\)", kind)
    if inner:
        return [value(item, inner[1]) for item in cell]
    if kind.startswith("Map("):
        return settled([(bytes.fromhex(key), bytes.fromhex(text)) for key, text in cell])
    if kind in ("String", "LowCardinality(String)"):
        return bytes.fromhex(cell)
    if kind == "Float64":
        return struct.unpack("<d", struct.pack("<Q", int(cell)))[0]
    if kind == "Bool":
        return cell == "true"
    return int(cell)


def settled(pairs):
    """Equal keys that stand side by side, by their values; keys out of order stay so, and are a difference."""
    runs = itertools.groupby(pairs, key=lambda pair: pair[0])
    return [pair for _, run in runs for pair in sorted(run)]


def comparable(row):
    """As text: there NaN equals NaN, and -0.0 does not equal 0.0."""
    return repr(sorted(row.items()))
