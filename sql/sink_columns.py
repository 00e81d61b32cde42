"""How a table of the engine Null gets new columns while inserts and views go on.

In: its CREATE statement as this release has it, and the columns that it has. Out: one ALTER TABLE. Refused are
changed constraints, which ClickHouse cannot alter on such a table.
"""

import re
from collections.abc import Iterator, Mapping

_CONSTRAINT = re.compile(r"\bCONSTRAINT (\w+)")
_COMMENT = re.compile(r"--[^\n]*")
_STRING_OR_BRACKET = re.compile(r"'(?:\\.|''|[^'\\])*'|[(),]")


class ConstraintError(Exception):
    """A constraint of a Null table differs from this release's."""


def alter(table: str, database: str, create: str, existing: Mapping[str, str]) -> tuple[str, ...]:
    """Give the statement that brings `table` to the columns of its CREATE statement; `database` is quoted."""
    wanted = dict(_declared(create))
    changes = [
        f"{'MODIFY COLUMN' if name in existing else 'ADD COLUMN'} {name} {type_name}"
        for name, type_name in wanted.items()
    ]
    changes += [f"DROP COLUMN {name}" for name in existing if name not in wanted]
    return (f"ALTER TABLE {database}.{table}\n    " + ",\n    ".join(changes),)


def refuse_other_constraints(table: str, create: str, definition: str) -> None:
    """Raise `ConstraintError` unless both statements name the same constraints."""
    wanted, found = (sorted(_CONSTRAINT.findall(_COMMENT.sub("", text))) for text in (create, definition))
    if wanted != found:
        raise ConstraintError(
            f"{table} has the constraints {found}, this release wants {wanted}. ClickHouse cannot change them in "
            f"place: stop what inserts, drop the table {table} (it keeps no rows), and migrate again."
        )


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
