"""What is in the database already: tables of ours, and those that a collector's exporter made.

In: a store. Out: `ExistingTables`. All three generations of the exporter's tables are welcome as they are: an insert
names only the columns that its table has, and nobody's table is altered unless `adopt` says so. Refused are tables
whose attributes are JSON columns (the exporter's `json: true`): the questions and the views read maps. A probe that
fails raises its `StoreError`; it is never read as "the table is not there".
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from store.port import Limits, Select, Store

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
