"""Today's truth: every table and view, read from sql/schema/ and sql/decode/, one object a file.

In: the files that came with this release. Out: `SchemaObject`s, in an order in which they can be made; numbered
`Migration`s, in theirs. It refuses a file that does not say what it makes in the way the others do, naming the file.

Four kinds of objects, because they change in four ways:

    table        keeps rows: changes by a numbered migration in sql/migrations/, never by itself
    dictionary   keeps what it read from a table: is made anew when its file changes
    sink         ENGINE = Null, keeps nothing: its columns follow the file
    view         feeds a table: its query follows the file
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from hashlib import sha256
from importlib import resources

_SQL = resources.files("sql")
_CREATE = re.compile(
    r"^CREATE (TABLE|DICTIONARY|MATERIALIZED VIEW) IF NOT EXISTS \$\{database\}\.(\w+)\$\{on_cluster\}$", re.MULTILINE
)
_TARGET = re.compile(r"^TO \$\{database\}\.(\w+)$", re.MULTILINE)
_SOURCE = re.compile(r"\bFROM \$\{database\}\.(\w+)")
_EARLIER = re.compile(r"^-- earlier text: ([0-9a-f]{64})$", re.MULTILINE)
_MIGRATION = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_SEPARATOR = re.compile(r"^-- statement\b.*\n", re.MULTILINE)
_SHARDING = re.compile(r"^-- sharding: (.+)$", re.MULTILINE)
_QUERY_BEGIN = "\nAS\n"


class SchemaFileError(Exception):
    """A .sql file of this release is not as it should be; the release is broken."""


class Kind(StrEnum):
    """How an object changes from release to release."""

    TABLE = "table"
    DICTIONARY = "dictionary"
    SINK = "sink"
    VIEW = "view"


@dataclass(frozen=True, slots=True)
class SchemaObject:
    """One file of sql/schema/ or sql/decode/."""

    name: str
    kind: Kind
    text: str
    """The CREATE statement, not yet rendered."""
    target: str = ""
    """Of a view, the table that it writes to."""
    source: str = ""
    """Of a view, the table whose inserts it sees."""
    sharding: str = ""
    """Of a table, the expression that says on which shard of a cluster a row is; empty for one of each node's own."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of sql/migrations/. Once released, it changes only if what its earlier text made is as right."""

    number: int
    name: str
    statements: tuple[str, ...]
    """Not yet rendered."""
    checksum: str
    """SHA-256 of the file, so that an altered one is noticed; the values filled in do not count."""
    earlier: tuple[str, ...] = ()
    """Checksums of texts that the file had before, and that a database may be made with: ``-- earlier text: SHA``.
    For what cannot be altered and need not be, as how finely a table is laid out on disk."""


def query_of(view: str) -> str:
    """Give the SELECT of a rendered CREATE MATERIALIZED VIEW."""
    _, found, query = view.partition(_QUERY_BEGIN)
    if not found:
        raise SchemaFileError("a view needs a line that is AS alone, before its query")
    return query


def checksum(text: str) -> str:
    """Give the SHA-256 of a text, in hexadecimal."""
    return sha256(text.encode()).hexdigest()


@cache
def objects() -> tuple[SchemaObject, ...]:
    """Give all objects: tables, dictionaries, sinks, then views, each view before those that feed its source."""
    files = [*_texts("schema"), *_texts("decode")]
    found = [read_object(name, text) for name, text in files]
    views = [item for item in found if item.kind is Kind.VIEW]
    return (
        *(item for item in found if item.kind is Kind.TABLE),
        *(item for item in found if item.kind is Kind.DICTIONARY),
        *(item for item in found if item.kind is Kind.SINK),
        *downstream_first(views),
    )


@cache
def migrations() -> tuple[Migration, ...]:
    """Give all migrations in order, from number 1."""
    return read_migrations(_texts("migrations"))


def read_object(file_name: str, text: str) -> SchemaObject:
    """Read one file of sql/schema/ or sql/decode/; its name must be the object's."""
    create, target, source = _CREATE.findall(text), _TARGET.findall(text), _SOURCE.findall(text)
    if len(create) != 1 or file_name != f"{create[0][1]}.sql":
        raise SchemaFileError(
            f"{file_name}: needs one line CREATE TABLE, DICTIONARY or MATERIALIZED VIEW IF NOT EXISTS "
            "${database}.NAME${on_cluster}, with the file's own name"
        )
    what, name = create[0]
    if what == "DICTIONARY":
        return SchemaObject(name, Kind.DICTIONARY, text)
    if what == "TABLE":
        sharding = _SHARDING.search(text)
        kind = Kind.SINK if "\nENGINE = Null" in text else Kind.TABLE
        return SchemaObject(name, kind, text, sharding=sharding[1] if sharding else "")
    if len(target) != 1 or len(set(source)) != 1 or _QUERY_BEGIN not in text:
        raise SchemaFileError(
            f"{file_name}: a view needs a line TO ${{database}}.TABLE, a line AS, and one FROM ${{database}}.TABLE"
        )
    return SchemaObject(name, Kind.VIEW, text, target[0], source[0])


def read_migrations(files: Iterable[tuple[str, str]]) -> tuple[Migration, ...]:
    """Read sql/migrations/; the numbers must run from 1 without a gap, so that no two branches take the same one."""
    found = []
    for position, (file_name, text) in enumerate(sorted(files), start=1):
        match = _MIGRATION.fullmatch(file_name)
        if match is None or int(match[1]) != position:
            raise SchemaFileError(
                f"{file_name}: expected {position:04d}_name.sql; numbers run from 0001 without gap or double"
            )
        statements = tuple(part.strip() for part in _SEPARATOR.split(text) if part.strip())
        earlier = tuple(_EARLIER.findall(text))
        found.append(Migration(position, file_name.removesuffix(".sql"), statements, checksum(text), earlier))
    return tuple(found)


def downstream_first(views: Sequence[SchemaObject]) -> list[SchemaObject]:
    """Order views so that none is made while a view that takes its rows on is still missing."""
    ordered: list[SchemaObject] = []
    waiting = sorted(views, key=lambda view: view.name)
    while waiting:
        sources = {view.source for view in waiting}
        ready = [view for view in waiting if view.target not in sources]
        if not ready:
            raise SchemaFileError(f"views feed each other in a circle: {', '.join(view.name for view in waiting)}")
        ordered += ready
        waiting = [view for view in waiting if view not in ready]
    return ordered


def _texts(folder: str) -> list[tuple[str, str]]:
    entries = sorted((_SQL / folder).iterdir(), key=lambda entry: entry.name)
    return [(entry.name, entry.read_text(encoding="utf-8")) for entry in entries if entry.name.endswith(".sql")]
