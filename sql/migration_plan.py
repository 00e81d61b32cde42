"""What has to be said to ClickHouse so that its tables are those of this release.

In: the tables as they are, the ledger, the settings, the server's version. Out: `Step`s in order, each with its
statements rendered. Nothing is asked and nothing is done here, so a dry run prints exactly what a real run would say.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from sql import migration_ledger, otlp, rendering, schema, server_version, sink_columns, time_bounds
from sql.existing_tables import ExistingTables
from sql.migration_ledger import Entry, Ledger
from sql.rendering import RenderError, Rendering
from sql.schema import Kind, SchemaObject
from sql.server_version import ServerVersion
from sql.settings import SchemaSettings
from sql.signals import Signal

_ONLY_WITH = re.compile(r"^-- only with: (\w+)\.(\w+)$", re.MULTILINE)
_UNLESS_HERE = re.compile(r"^-- unless here: (\w+)\.(\w+)$", re.MULTILINE)
_ADDED_COLUMN = re.compile(r"ADD COLUMN IF NOT EXISTS `([^`]+)`")
_RETENTION = re.compile(r"^TTL toDateTime\((\w+)\) \+ toIntervalDay\(\$\{(\w+)\}\)", re.MULTILINE)
_TTL_IN_FORCE = re.compile(r" TTL (.+?) SETTINGS ")
_FSYNC = "fsync_after_insert"
_OUR_TTL = re.compile(r"toDateTime\(\w+\) \+ toIntervalDay\((\d+)\)")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, and what to write into the ledger when it is done."""

    title: str
    statements: tuple[str, ...]
    entry: Entry | None = None
    name: str = ""
    checksum: str = ""
    target: str = ""
    """Of a view whose query is replaced: the table that must have all its columns."""


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a plan depends on."""

    database: str
    """Not quoted."""
    existing: ExistingTables
    ledger: Ledger
    settings: SchemaSettings
    version: ServerVersion
    adopt: bool = False

    def foreign(self, name: str) -> bool:
        """True for an object that must be left as it is."""
        if self.adopt:
            return False
        return self.ledger.foreign(name) if self.ledger.begun else name in self.existing

    def adoptable(self, name: str) -> bool:
        """True for an object that was here before us and is to become ours in this run."""
        if not self.adopt:
            return False
        return self.ledger.foreign(name) if self.ledger.begun else name in self.existing

    def ours_from_birth(self, name: str) -> bool:
        """True for an object that we made."""
        return self.ledger.begun and self.ledger.ours_from_birth(name)


def values(database: str, settings: SchemaSettings) -> Mapping[str, str]:
    """Give what `${...}` stands for in sql/schema/, sql/decode/, sql/migrations/ and sql/adopt/.

    `on_cluster` and `replicated` are empty: one server. `sql.cluster_plan` fills them in for a cluster.
    """
    reach = time_bounds.bounds(settings.retention)
    return {
        **otlp.fragments(),
        "database": rendering.identifier(database),
        "on_cluster": "",
        "replicated": "",
        "deduplication_window": rendering.number(settings.deduplication_window),
        "deduplication_seconds": rendering.number(settings.deduplication_seconds),
        **{name: rendering.number(days) for name, days in settings.retention.model_dump().items()},
        **{f"{signal}_reach_days": rendering.number(reach(signal).reach_days) for signal in Signal},
        "ahead_days": rendering.number(time_bounds.AHEAD_DAYS),
    }


def conditions(
    settings: SchemaSettings, version: ServerVersion, columns: Mapping[str, frozenset[str]] | None = None
) -> rendering.Condition:
    """Give the answers to `-- when:`.

    `columns` are those of the tables that are here; the others will be as this release makes them.
    """
    here = columns or {}
    flags = {
        "text_index": version >= server_version.TEXT_INDEX,
        "size_streams": version >= server_version.SIZE_STREAMS,
    }
    flags |= {name: days > 0 for name, days in settings.retention.model_dump().items()}
    flags["fsync_inserts"] = settings.fsync_inserts
    tables = {item.name for item in schema.objects() if item.kind is Kind.TABLE}

    def holds(condition: str) -> bool:
        table, dot, column = condition.partition(".")
        if not dot and condition in flags:
            return flags[condition]
        if dot and table in tables:
            return table not in here or column in here[table]
        raise RenderError(f"unknown condition {condition!r}; known: {', '.join(sorted(flags))}, and TABLE.Column")

    return holds


def steps(situation: Situation) -> list[Step]:
    """Give everything that is still to be done, in order; nothing if the database is up to date."""
    render = Rendering(
        values(situation.database, situation.settings),
        conditions(situation.settings, situation.version, _columns_after_adoption(situation)),
    )
    return [
        *migrations(situation, render),
        *_adoptions(situation, render),
        *feeding(situation, render),
        *keeping(situation, render),
    ]


def feeding(situation: Situation, render: Rendering) -> Iterator[Step]:
    """Make what keeps no rows follow its files: dictionaries, the Null tables that rows come in by, views."""
    followers: Mapping[Kind, Callable[[Situation, SchemaObject, Rendering], Iterator[Step]]]
    followers = {Kind.DICTIONARY: _dictionary, Kind.SINK: _sink, Kind.VIEW: _view}
    for item in schema.objects():  # in this order
        if item.kind in followers:
            yield from followers[item.kind](situation, item, render)


def keeping(situation: Situation, render: Rendering) -> Iterator[Step]:
    """Make how tables keep rows follow the settings."""
    yield from _retention(situation, render)
    yield from _durability(situation, render)


def migrations(situation: Situation, render: Rendering) -> Iterator[Step]:
    """Take the migrations that are outstanding."""
    for migration in migration_ledger.outstanding(situation.ledger, schema.migrations()):
        wanted = (statement for statement in migration.statements if not _done(statement, situation.existing))
        statements = tuple(render(statement) for statement in wanted)
        yield Step(f"migration {migration.name}", statements, Entry.MIGRATION, migration.name, migration.checksum)


def _done(statement: str, existing: ExistingTables) -> bool:
    """True for a statement that says `-- unless here: TABLE.Column` where the table has the column by now.

    For what may not be said twice, such as EXCHANGE TABLES, when a migration is taken up again. True as well for one
    that says `-- only with: TABLE.Column` where somebody else's table lacks the column: it is not ours to alter, and
    `adopt` does the same.
    """
    here, only_with = _UNLESS_HERE.search(statement), _ONLY_WITH.search(statement)
    if only_with is not None and only_with[2] not in existing.columns.get(only_with[1], {only_with[2]}):
        return True
    return here is not None and here[2] in existing.columns.get(here[1], {})


def _adoptions(situation: Situation, render: Rendering) -> Iterator[Step]:
    for name, text in _adoption_files().items():
        if situation.adoptable(name):
            yield Step(f"adopt {name}", (render(text),), Entry.ADOPTED, name)


def _dictionary(situation: Situation, item: SchemaObject, render: Rendering) -> Iterator[Step]:
    statement = render(item.text)
    checksum = schema.checksum(statement)
    if situation.ledger.checksum(Entry.DICTIONARY, item.name) != checksum:
        replace = statement.replace("CREATE DICTIONARY IF NOT EXISTS", "CREATE OR REPLACE DICTIONARY", 1)
        title = "change" if item.name in situation.existing else "make"
        yield Step(f"{title} {item.name}", (replace,), Entry.DICTIONARY, item.name, checksum)


def _sink(situation: Situation, item: SchemaObject, render: Rendering) -> Iterator[Step]:
    statement = render(item.text)
    checksum = schema.checksum(statement)
    if item.name not in situation.existing:
        yield Step(f"make {item.name}", (statement,), Entry.SINK, item.name, checksum)
    elif situation.ledger.checksum(Entry.SINK, item.name) != checksum:
        database = render.values["database"]
        if sink_columns.same_constraints(statement, situation.existing.definitions[item.name]):
            changes = sink_columns.alter(item.name, database, statement, situation.existing.columns[item.name])
        else:
            changes = sink_columns.replace(item.name, database, statement)
        yield Step(f"change {item.name}", changes, Entry.SINK, item.name, checksum)


def _view(situation: Situation, item: SchemaObject, render: Rendering) -> Iterator[Step]:
    statement = render(item.text)
    checksum = schema.checksum(statement)
    if item.name not in situation.existing:
        yield Step(f"make {item.name}", (statement,), Entry.VIEW, item.name, checksum)
    elif situation.foreign(item.name):
        return
    elif situation.ledger.checksum(Entry.VIEW, item.name) != checksum:
        replace = f"ALTER TABLE {render.values['database']}.{item.name} MODIFY QUERY\n{schema.query_of(statement)}"
        yield Step(f"change {item.name}", (replace,), Entry.VIEW, item.name, checksum, item.target)


def _retention(situation: Situation, render: Rendering) -> Iterator[Step]:
    """Make the TTL of our tables follow the settings; that of a table that was here is its owner's business."""
    retention = situation.settings.retention.model_dump()
    for item in schema.objects():
        said = _RETENTION.search(item.text)
        if said is None or item.name not in situation.existing or not situation.ours_from_birth(item.name):
            continue
        wanted = retention[said[2]]
        if retention_in_force(situation.existing.definitions[item.name]) not in {wanted, None}:
            names = {"table": item.name, "time_column": said[1], "days": rendering.number(wanted)}
            text = _text("retention", "set" if wanted else "keep")
            statement = rendering.fill(text, {**render.values, **names}).rstrip()
            yield Step(f"keep {item.name} {f'for {wanted} days' if wanted else 'for ever'}", (statement,))


def _durability(situation: Situation, render: Rendering) -> Iterator[Step]:
    """Make our tables fsync what is inserted, or not. Migrations make them without: these come after."""
    wanted = situation.settings.fsync_inserts
    for item in schema.objects():
        if _FSYNC not in item.text or situation.foreign(item.name):
            continue
        if fsync_in_force(situation.existing.definitions.get(item.name, "")) != wanted:
            names = {"table": item.name, "fsync": rendering.number(wanted)}
            statement = rendering.fill(_text("durability", "set"), {**render.values, **names}).rstrip()
            yield Step(f"{'fsync' if wanted else 'do not fsync'} inserts into {item.name}", (statement,))


def fsync_in_force(definition: str) -> bool:
    """Read from a table's definition whether an INSERT is on the disk before it is answered."""
    return all(f"{setting} = 1" in definition for setting in (_FSYNC, "fsync_part_directory"))


def retention_in_force(definition: str) -> int | None:
    """Read the days from a table's definition: 0 without a TTL, None for a TTL that is not of our form."""
    ttl = _TTL_IN_FORCE.search(definition)
    if ttl is None:
        return 0
    ours = _OUR_TTL.fullmatch(ttl[1])
    return int(ours[1]) if ours else None


def _columns_after_adoption(situation: Situation) -> dict[str, frozenset[str]]:
    added = {
        name: frozenset(_ADDED_COLUMN.findall(text))
        for name, text in _adoption_files().items()
        if situation.adoptable(name)
    }
    return {
        table: frozenset(columns) | added.get(table, frozenset())
        for table, columns in situation.existing.columns.items()
    }


@cache
def _adoption_files() -> Mapping[str, str]:
    folder = resources.files("sql") / "adopt"
    entries = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".sql")), key=lambda entry: entry.name)
    return {entry.name.removesuffix(".sql"): entry.read_text(encoding="utf-8") for entry in entries}


@cache
def _text(folder: str, name: str) -> str:
    return (resources.files("sql") / folder / f"{name}.sql").read_text(encoding="utf-8")
