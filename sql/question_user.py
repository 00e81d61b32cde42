"""The ClickHouse user by whom the house asks its questions and reads for streams: what it may, and how it is made.

In: a name, a password's hash, bounds, the database, and the cluster if there is one. Out: the statements that make the
user at a server, or a file for `users.d/`; and its rights one by one, for who looks whether it has them.
Refused: names that are no plain identifiers, and what is no hash, with `ValueError`.

It reads the house's database, those tables of ClickHouse's own that questions read, and what KILL QUERY of its own
statements looks at. It writes nothing and makes nothing, and what it reads from other nodes is their tables.
"""

import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources

SYSTEM_TABLES = ("columns", "disks", "parts", "tables")
"""Those of `system` that questions read."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_HASH = re.compile(r"[0-9a-f]{64}")
_PROCESSES = "SELECT(query_id, user, query) ON system.processes"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one statement may cost at most; 0 for no bound, where the house has none."""

    seconds: int
    memory_bytes: int
    bytes_read: int
    rows: int
    result_bytes: int


@dataclass(frozen=True, slots=True)
class QuestionUser:
    """The user to make."""

    username: str
    password_hash: str
    """SHA-256 of the password, 64 hexadecimal digits."""
    database: str
    bounds: Bounds
    cluster: str = ""

    def __post_init__(self) -> None:
        for what, name in (("user", self.username), ("database", self.database)):
            if not _NAME.fullmatch(name):
                raise ValueError(f"{what} {name!r}: give a name of letters, digits and `_`")
        if not _HASH.fullmatch(self.password_hash):
            raise ValueError("the password's hash has 64 hexadecimal digits")


def rights(database: str, cluster: str = "") -> Iterator[str]:
    """What the user may, as it stands after GRANT. `database`: as it is written in SQL."""
    yield f"SELECT ON {database}.*"
    for table in SYSTEM_TABLES:
        yield f"SELECT ON system.{table}"
    yield _PROCESSES
    if cluster:
        parts = f"{database[:-1]}_shard`" if database.endswith("`") else f"{database}_shard"
        yield f"SELECT ON {parts}.*"
        yield "SELECT ON system.clusters"
        yield "SELECT ON system.one"
        yield "READ ON REMOTE"


def as_sql(user: QuestionUser) -> str:
    """The statements that make the user."""
    grants = (f"GRANT {right} TO {user.username};" for right in rights(user.database, user.cluster))
    return "\n".join([_fill("user.sql", user), *grants, ""])


def as_xml(user: QuestionUser) -> str:
    """A file for `users.d/`."""
    lines = (f"{'':16}<query>GRANT {right}</query>" for right in rights(user.database, user.cluster))
    return _fill("user.xml", user, grants="\n".join(lines))


def _fill(file: str, user: QuestionUser, **more: str) -> str:
    text = (resources.files("sql") / "asking" / file).read_text(encoding="utf-8")
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
    }
    return string.Template(text).substitute(values, **more)
