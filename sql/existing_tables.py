"""What is in the database already: tables of ours, and those that a collector's exporter made.

In: a store. Out: `ExistingTables`. All three generations of the exporter's tables are welcome as they are: an insert
names only the columns that its table has, and nobody's table is altered unless `adopt` says so. Refused are tables
whose attributes are JSON columns (the exporter's `json: true`): the questions and the views read maps. A probe that
fails raises its `StoreError`; it is never read as "the table is not there".
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from sql import schema
from sql.schema import Kind
from store.port import Limits, Select, Store

_WORD = re.compile(r"[\w.]+")
_COLUMN = re.compile(r"^    `([^`]+)`", re.MULTILINE)
_ALL_COLUMNS = Limits(rows=100_000)


class UnfitTableError(Exception):
    """A table is in the way: it has the name of one of ours, and rows of ours cannot go into it."""


@dataclass(frozen=True, slots=True)
class ExistingTables:
    """Tables and views whose names begin with `otel_` or `otlp_`."""

    columns: Mapping[str, Mapping[str, str]]
    """Table name -> column name -> ClickHouse type, in the order of the table."""
    definitions: Mapping[str, str]
    """Table name -> the CREATE statement, as ClickHouse writes it."""

    def __contains__(self, table: str) -> bool:
        return table in self.definitions


def read(store: Store) -> ExistingTables:
    """Look at the store's database; raises a `StoreError` if that fails."""
    columns: dict[str, dict[str, str]] = defaultdict(dict)
    for table, name, type_name in store.select(Select(_question("columns"), limits=_ALL_COLUMNS)).rows:
        columns[str(table)][str(name)] = str(type_name)
    tables = store.select(Select(_question("tables"), limits=_ALL_COLUMNS)).rows
    return ExistingTables(
        columns={str(name): columns[str(name)] for name, *_ in tables},
        definitions={str(name): str(definition) for name, _, definition in tables},
    )


def existing_columns(store: Store, table: str) -> Mapping[str, str]:
    """Give the table's columns and their types; empty if there is no such table."""
    return read(store).columns.get(table, {})


def columns_of_ours(table: str) -> list[str]:
    """The columns that the table has where we make it; none for a table that is none of ours."""
    return [name for item in schema.objects() if item.name == table for name in _COLUMN.findall(item.text)]


def lacking(existing: ExistingTables, sql: str) -> Mapping[str, tuple[str, ...]]:
    """By table, columns of ours that a statement names and the table that is here lacks; of tables that it names."""
    words = frozenset(_WORD.findall(sql))
    found = {}
    for table in (item for item in schema.objects() if item.kind is Kind.TABLE and item.name in words):
        here = existing.columns.get(table.name)
        ours = [name for name in columns_of_ours(table.name) if name in words]
        if here is not None and (missing := tuple(name for name in ours if name not in here)):
            found[table.name] = missing
    return found


def refuse_unfit(existing: ExistingTables, tables: frozenset[str]) -> None:
    """Raise `UnfitTableError` for the first of `tables` that is here and cannot take our rows."""
    for table in sorted(tables & set(existing.definitions)):
        for name, type_name in existing.columns[table].items():
            if name.endswith("Attributes") and not type_name.startswith(("Map(", "Array(Map(")):
                raise UnfitTableError(
                    f"{table}.{name} is {type_name}, not a Map: this is the JSON variant of the exporter's tables, "
                    "which is not supported. Use another database, or rename the table."
                )


@cache
def _question(name: str) -> str:
    return (resources.files("sql") / "state" / f"{name}.sql").read_text(encoding="utf-8")
