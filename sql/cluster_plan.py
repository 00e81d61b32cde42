"""What has to be said to one node of a cluster, so that its tables are those of this release.

In: a `ClusterLayout`, and one of a node's two databases as it is. Out: `Step`s in order, as `sql.migration_plan` gives
them for one server; and `script`, all of it for an empty cluster, with ON CLUSTER.

    DATABASE_shard   this node's part of each table, Replicated or not, under the table's own name
    DATABASE         the same names as Distributed tables over all parts, and all that feeds them: here the house speaks

So no question and no INSERT is another than on one server. A row's shard follows from the row (`-- sharding:` in
sql/schema/), and so does its block's token there: an INSERT sent again, to whichever node, stores nothing twice.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from sql import migration_ledger, migration_plan, rendering, schema
from sql.existing_tables import ExistingTables, UnfitTableError
from sql.migrate import Plan
from sql.migration_ledger import Entry, Ledger
from sql.migration_plan import Situation, Step
from sql.rendering import Rendering
from sql.schema import Kind, SchemaObject
from sql.server_version import ServerVersion
from sql.settings import SchemaSettings

SUFFIX = "_shard"
"""Ends the name of the database that has a node's own parts."""

_ENGINE = re.compile(r"^ENGINE = Replicated(\w*MergeTree)(?:\((.*)\))?$", re.MULTILINE)
_CREATED = re.compile(r"^CREATE TABLE IF NOT EXISTS `[^`]+`\.(\w+)", re.MULTILINE)
_DISTRIBUTED = "ENGINE = Distributed("


@dataclass(frozen=True, slots=True)
class ClusterLayout:
    """How the tables lie in a cluster."""

    cluster: str
    """Name of the cluster in `remote_servers`."""
    database: str
    """What the house speaks to; not quoted."""
    replicated: bool
    on_cluster: bool = False
    """Whether one statement is for all nodes; else each node is told by itself."""

    @property
    def shard_database(self) -> str:
        """Where a node's own parts are; not quoted."""
        return f"{self.database}{SUFFIX}"

    def values(self, database: str, settings: SchemaSettings) -> Mapping[str, str]:
        """What `${...}` stands for in a file that is about `database`."""
        name = rendering.identifier(self.cluster)
        return {
            **migration_plan.values(database, settings),
            "on_cluster": f" ON CLUSTER {name}" if self.on_cluster else "",
            "replicated": "Replicated" if self.replicated else "",
            "cluster": name,
            "shard_database": rendering.identifier(self.shard_database),
        }


def parts(layout: ClusterLayout) -> Plan:
    """The plan for DATABASE_shard."""

    def steps(situation: Situation) -> list[Step]:
        render = _part_rendering(layout, situation)
        return [
            *_parts(situation, render, layout),
            *_migrations(situation, render, layout),
            *(step for step in migration_plan.keeping(situation, render) if _is_about_what_is_here(step, situation)),
        ]

    return Plan(steps, _refuse_no_part, finds=False)


def front(layout: ClusterLayout, here: ExistingTables) -> Plan:
    """The plan for DATABASE; `here` are the node's own parts."""

    def steps(situation: Situation) -> list[Step]:
        render = _rendering(layout, layout.database, situation.settings, situation.version, situation.existing)
        return [*_distributed(situation, layout, here), *migration_plan.feeding(situation, render)]

    return Plan(steps, _refuse_undistributed, finds=False)


def script(layout: ClusterLayout, settings: SchemaSettings, version: ServerVersion) -> list[str]:
    """All statements for an empty cluster, in order; said once, at any node, where `layout.on_cluster`."""
    nothing = ExistingTables({}, {})
    part, whole = (
        Situation(database, nothing, Ledger(), settings, version)
        for database in (layout.shard_database, layout.database)
    )
    databases = [
        rendering.fill(_text("create_database"), layout.values(one.database, settings)).rstrip()
        for one in (part, whole)
    ]
    steps = [
        *_parts(part, _part_rendering(layout, part), layout),
        *_distributed(whole, layout, nothing),
        *migration_plan.feeding(whole, _rendering(layout, whole.database, settings, version, nothing)),
    ]
    return databases + [statement for step in steps for statement in step.statements]


def spread_tables() -> list[SchemaObject]:
    """The tables that are spread over shards: all but the ledger, which each node has for itself."""
    return [item for item in schema.objects() if item.kind is Kind.TABLE and item.name != migration_ledger.TABLE]


def _rendering(
    layout: ClusterLayout, database: str, settings: SchemaSettings, version: ServerVersion, existing: ExistingTables
) -> Rendering:
    columns = {table: frozenset(names) for table, names in existing.columns.items()}
    return Rendering(layout.values(database, settings), migration_plan.conditions(settings, version, columns))


def _part_rendering(layout: ClusterLayout, of: Situation) -> Rendering:
    return _rendering(layout, layout.shard_database, of.settings, of.version, of.existing)


def _parts(situation: Situation, render: Rendering, layout: ClusterLayout) -> Iterator[Step]:
    for item in spread_tables():
        if item.name not in situation.existing:
            yield Step(f"make {item.name}", (_with_replica_path(render(item.text), layout),))


def _migrations(situation: Situation, render: Rendering, layout: ClusterLayout) -> Iterator[Step]:
    """A new node begins with today's tables, and takes the migrations that come after."""
    if not any(kind == Entry.MIGRATION for kind, _ in situation.ledger.checksums):
        for one in schema.migrations():
            yield Step(f"count {one.name} as taken", (), Entry.MIGRATION, one.name, one.checksum)
        return
    for step in migration_plan.migrations(situation, render):
        statements = tuple(_with_replica_path(statement, layout) for statement in step.statements)
        yield Step(step.title, statements, step.entry, step.name, step.checksum)


def _is_about_what_is_here(step: Step, situation: Situation) -> bool:
    """A table that is yet to be made is made as the settings say."""
    return any(re.search(rf"\.{name}\b", step.statements[0]) for name in situation.existing.definitions)


def _distributed(situation: Situation, layout: ClusterLayout, here: ExistingTables) -> Iterator[Step]:
    for item in spread_tables():
        values = {
            **layout.values(layout.database, situation.settings),
            "table": item.name,
            "sharding_key": item.sharding,
        }
        statement = rendering.fill(_text("distributed"), values).rstrip()
        # It has the columns that the part had when it was made.
        columns = " ".join(f"{name} {type_}" for name, type_ in here.columns.get(item.name, {}).items())
        checksum = schema.checksum(f"{statement}\n{columns}")
        if item.name not in situation.existing:
            yield Step(f"spread {item.name}", (statement,), Entry.DISTRIBUTED, item.name, checksum)
        elif situation.ledger.checksum(Entry.DISTRIBUTED, item.name) != checksum:
            replace = statement.replace("CREATE TABLE IF NOT EXISTS", "CREATE OR REPLACE TABLE", 1)
            yield Step(f"spread {item.name} anew", (replace,), Entry.DISTRIBUTED, item.name, checksum)


def _with_replica_path(statement: str, layout: ClusterLayout) -> str:
    """Say where in Keeper the replicas of a shard find each other: by names, since each node makes its own table."""
    created = _CREATED.search(statement)
    if created is None:
        return statement
    path = f"/clickhouse/tables/{{shard}}/{layout.shard_database}/{created[1]}"

    def engine(match: re.Match[str]) -> str:
        more = f", {match[2]}" if match[2] else ""
        return f"ENGINE = Replicated{match[1]}('{path}', '{{replica}}'{more})"

    return _ENGINE.sub(engine, statement, count=1)


def _refuse_no_part(existing: ExistingTables) -> None:
    for item in spread_tables():
        if _DISTRIBUTED in existing.definitions.get(item.name, ""):
            raise UnfitTableError(
                f"{item.name} in the database of this node's own parts is a Distributed table: is store.database the "
                f"name of one that ends in {SUFFIX}? Take it without."
            )


def _refuse_undistributed(existing: ExistingTables) -> None:
    for item in spread_tables():
        if item.name in existing and _DISTRIBUTED not in existing.definitions[item.name]:
            raise UnfitTableError(
                f"{item.name} holds this node's rows alone, from before there was a cluster. Use another database, or "
                "put the tables into the one of this node's parts first: docs/cluster.md says how."
            )


@cache
def _text(name: str) -> str:
    return (resources.files("sql") / "cluster" / f"{name}.sql").read_text(encoding="utf-8")
