"""The ClickHouse user by whom statements that agents write run: what may be read, and how that user is made.

In: a name, a password's hash, bounds, a database. Out: the statements that make the user at a server, or a file for
`users.d/`; the tables that are readable at all; and from `SHOW GRANTS` whether a user that is there has no other right.
Refused: names that are no plain identifiers, with `ValueError`.

Readable is telemetry: the tables that `sql/scopes/` divides among readers, and what bounds reads of them. What the
house keeps about itself (audit trail, dead letters) is not.
"""

import re
import string
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources

from sql import scopes

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_HASH = re.compile(r"[0-9a-f]{64}")
_GRANT = re.compile(r"GRANT (?P<rights>.+) ON (?P<what>\S+) TO (?P<who>\S+)(?P<option> WITH GRANT OPTION)?")


TREE_ROWS = 50_000
"""Rows that the syntax tree of a statement may have, which the same user reads before."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one statement may cost at most."""

    seconds: int
    memory_bytes: int
    bytes_read: int
    rows: int
    result_bytes: int
    at_once: int


@dataclass(frozen=True, slots=True)
class AgentUser:
    """The user to make."""

    username: str
    password_hash: str
    """SHA-256 of the password, 64 hexadecimal digits."""
    database: str
    bounds: Bounds

    def __post_init__(self) -> None:
        for what, name in (("user", self.username), ("database", self.database)):
            if not _NAME.fullmatch(name):
                raise ValueError(f"{what} {name!r}: give a name of letters, digits and `_`")
        if not _HASH.fullmatch(self.password_hash):
            raise ValueError("the password's hash has 64 hexadecimal digits")


def rows_of_answers(rows: int) -> int:
    """Rows that the profile lets through, where a statement may give `rows`: one more says that there are more."""
    return max(rows, TREE_ROWS) + 1


@cache
def readable_tables() -> tuple[str, ...]:
    """The tables that statements of agents may read, in order of their names."""
    return tuple(sorted(name for name, one in scopes.tables().items() if not one.closed))


@cache
def statement(name: str) -> str:
    """The statement of `sql/agents/NAME.sql`."""
    return (resources.files("sql") / "agents" / f"{name}.sql").read_text(encoding="utf-8").strip()


def as_sql(user: AgentUser) -> str:
    """The statements that make the user."""
    grants = (f"GRANT SELECT ON {user.database}.{table} TO {user.username};" for table in readable_tables())
    return "\n".join([_fill("user.sql", user), *grants, ""])


def as_xml(user: AgentUser) -> str:
    """A file for `users.d/`."""
    lines = (f"GRANT SELECT ON {user.database}.{table}" for table in readable_tables())
    grants = "\n".join(f"{'':16}<query>{line}</query>" for line in lines)
    return _fill("user.xml", user, grants=grants)


def excess(grants: Iterable[str], database: str) -> list[str]:
    """What of a user's grants is more than reading telemetry; empty for a user that is as it should be."""
    readable = {f"{database}.{table}" for table in readable_tables()}
    return [grant for grant in grants if not _is_of_reader(grant, readable)]


def _is_of_reader(grant: str, readable: set[str]) -> bool:
    match = _GRANT.fullmatch(grant.strip())
    if match is None or match["option"]:
        return False
    reads_only = re.fullmatch(r"SELECT(?:\([\w, `.]+\))?", match["rights"]) is not None
    return reads_only and match["what"].replace("`", "") in readable


def _fill(file: str, user: AgentUser, **more: str) -> str:
    text = (resources.files("sql") / "agents" / file).read_text(encoding="utf-8")
    bounds = user.bounds
    values = {
        "username": user.username,
        "profile": f"{user.username}_profile",
        "password_hash": user.password_hash,
        "seconds": str(bounds.seconds),
        "memory_bytes": str(bounds.memory_bytes),
        "bytes_read": str(bounds.bytes_read),
        "rows": str(bounds.rows),
        "result_bytes": str(bounds.result_bytes),
        "at_once": str(bounds.at_once),
    }
    return string.Template(text).substitute(values, **more)
