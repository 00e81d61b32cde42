"""How a table of the engine Null gets new columns and constraints while inserts and views go on.

In: its CREATE statement as this release has it, and the columns and constraints that it has. Out: one ALTER TABLE for
columns. Constraints cannot be altered on such a table, so a new one is made and takes its name in one step: the views
belong to the name. Constraints are compared by their names, and each checks one MATERIALIZED column: a rule changes
with that column's expression, which is a change of columns.
"""

import re
from collections.abc import Iterator, Mapping

_CONSTRAINT = re.compile(r"\bCONSTRAINT (\w+)")
_COMMENT = re.compile(r"--[^\n]*")
_STRING_OR_BRACKET = re.compile(r"'(?:\\.|''|[^'\\])*'|[(),]")


def alter(table: str, database: str, create: str, existing: Mapping[str, str]) -> tuple[str, ...]:
    """Give the statement that brings `table` to the columns of its CREATE statement; `database` is quoted."""
    wanted = dict(_declared(create))
    changes = [
        f"{'MODIFY COLUMN' if name in existing else 'ADD COLUMN'} {name} {type_name}"
        for name, type_name in wanted.items()
    ]
    changes += [f"DROP COLUMN {name}" for name in existing if name not in wanted]
    return (f"ALTER TABLE {database}.{table}\n    " + ",\n    ".join(changes),)


def replace(table: str, database: str, create: str) -> tuple[str, ...]:
    """Give the statements that put a new table in the place of `table`; `database` is quoted.

    Run again after a crash between any two of them, they end the same.
    """
    old, new = f"{database}.{table}", f"{database}.{table}_next"
    if create.count(old) != 1:
        raise ValueError(f"the CREATE statement of {table} must name it once")
    drop = f"DROP TABLE IF EXISTS {new}"
    return (drop, create.replace(old, new), f"EXCHANGE TABLES {old} AND {new}", drop)


def same_constraints(create: str, definition: str) -> bool:
    """Whether both statements name the same constraints."""
    wanted, found = (sorted(_CONSTRAINT.findall(_COMMENT.sub("", text))) for text in (create, definition))
    return wanted == found


def _declared(create: str) -> Iterator[tuple[str, str]]:
    text = _COMMENT.sub("", create)
    body = text[text.index("(") + 1 : text.rindex(")")]
    for part in _split(body):
        name, _, type_name = " ".join(part.split()).partition(" ")
        if name != "CONSTRAINT":
            yield name.strip("`"), type_name


def _split(body: str) -> Iterator[str]:
    """Cut at the commas that stand in no bracket and no string."""
    depth = begin = 0
    for token in _STRING_OR_BRACKET.finditer(body):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        if token[0] == "," and depth == 0:
            yield body[begin : token.start()]
            begin = token.end()
    if body[begin:].strip():
        yield body[begin:]
