"""Column Level of otel_logs is ours or it is somebody else's, which must not be taken for ours.

In: a store, its tables as they are. Out: nothing. It refuses a table whose Level is not what this release adds under
that name, where questions would read it as such: one that has our other columns, or that is to be adopted. A table that
nobody adopted may have any.
"""

import re
from functools import cache
from importlib import resources

from sql import rendering, schema
from sql.existing_tables import ExistingTables, UnfitTableError
from store.port import Select, Store

TABLE, COLUMN = "otel_logs", "Level"
_OURS_TOO = "CompositionId"
_DISTRIBUTED = "ENGINE = Distributed("
_DEFINED = re.compile(rf"^    `{COLUMN}` UInt8 MATERIALIZED (.+?) COMMENT '([^']+)'", re.MULTILINE | re.DOTALL)


def refuse_foreign(store: Store, database: str, existing: ExistingTables, *, adopt: bool) -> None:
    """Raise `UnfitTableError` if otel_logs has a column Level that is none of ours and would be read as ours."""
    columns = existing.columns.get(TABLE, {})
    if COLUMN not in columns or not (adopt or _OURS_TOO in columns):
        return
    if _DISTRIBUTED in existing.definitions[TABLE]:
        return  # it has the columns of the parts, which are looked at by themselves
    expression, comment = _ours()
    bound = {"expression": expression, "comment": comment}
    for type_name, kind, ours in store.select(Select(_text("level"), bound)).rows:
        if not ours:
            table = f"{rendering.identifier(database)}.{TABLE}"
            raise UnfitTableError(
                f"{TABLE}.{COLUMN} is {' '.join(filter(None, (str(type_name), str(kind))))} of somebody else's, and "
                "otelhouse adds a column of its own under this name. Nothing is altered before it has another: "
                f"ALTER TABLE {table} RENAME COLUMN {COLUMN} TO Other{COLUMN}"
            )


@cache
def _ours() -> tuple[str, str]:
    """Expression and comment."""
    text = next(item.text for item in schema.objects() if item.name == TABLE)
    found = _DEFINED.search(text)
    if found is None:
        raise schema.SchemaFileError(f"{TABLE}.sql: expected a line `{COLUMN}` UInt8 MATERIALIZED ... COMMENT")
    return found[1], found[2]


@cache
def _text(name: str) -> str:
    return (resources.files("sql") / "state" / f"{name}.sql").read_text(encoding="utf-8")
