"""`otelhouse migrate`: bring a database to the tables of this release.

In: a store on the database, `SchemaSettings`. Out: a `MigrationReport`. Running it twice does nothing the second
time.

    numbered migrations   once each, forward only, written down with their checksum
    sinks and views       follow their files, by MODIFY COLUMN and MODIFY QUERY; never dropped and made again, so that
                          no row is lost or doubled while inserts go on
    retention             follows the settings, on tables that we made

Refused: a ClickHouse that cannot do the work (`UnsupportedVersionError`), a table that cannot take our rows
(`UnfitTableError`), a history that is not this release's (`LedgerError`), two migrators at once (`LockHeldError`). A
step that fails leaves the steps before it done and written down; run again, it goes on from there. Each statement may
be said twice without harm.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

from sql import (
    existing_tables,
    migration_ledger,
    migration_lock,
    migration_plan,
    rendering,
    schema,
    server_version,
    stored_level,
)
from sql.existing_tables import ExistingTables, UnfitTableError
from sql.migration_ledger import Entry
from sql.migration_plan import Situation, Step
from sql.schema import Kind
from sql.settings import SchemaSettings
from store.errors import MisconfiguredError, StoreError
from store.port import Limits, Select, Store

_DDL_LIMITS = Limits(seconds=migration_lock.STATEMENT_SECONDS)
_DISTRIBUTED = "ENGINE = Distributed("


class MigrationError(Exception):
    """A step failed; the message names it, the cause is the `StoreError` in `__cause__`."""


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """What was done, or would be."""

    applied: list[str] = field(default_factory=list)
    """Titles of the steps done in this run."""
    pending: list[str] = field(default_factory=list)
    """Titles of the steps still to be done; after a real run there are none."""
    statements: list[str] = field(default_factory=list)
    """The SQL of both, in order."""
    left_alone: list[str] = field(default_factory=list)
    """Tables and views that were here before us and are not altered; `adopt` would."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be made of one database of one server."""

    steps: Callable[[Situation], list[Step]]
    refuse: Callable[[ExistingTables], None]
    """Raises `UnfitTableError` for a table that is in the way."""
    finds: bool = True
    """Whether tables that were there before us are somebody else's, and left alone."""


def _refuse_parts_of_a_cluster(existing: ExistingTables) -> None:
    existing_tables.refuse_unfit(existing, frozenset(_names(Kind.TABLE)))
    if spread := sorted(name for name in _names(Kind.TABLE) if _DISTRIBUTED in existing.definitions.get(name, "")):
        raise UnfitTableError(
            f"{spread[0]} is spread over a cluster: set store.cluster to the cluster's name, or use another database"
        )


ONE_SERVER = Plan(migration_plan.steps, _refuse_parts_of_a_cluster)
"""Tables and all that feeds them in one database."""


def create_database(store: Store, name: str) -> None:
    """Make the database if it is missing. The store must stand on another one: a door opens only on what is there."""
    store.select(Select(rendering.fill(_text("create_database"), {"database": rendering.identifier(name)})))


def migrate(
    store: Store,
    settings: SchemaSettings,
    *,
    adopt: bool = False,
    dry_run: bool = False,
    said: Callable[[str], object] | None = None,
) -> MigrationReport:
    """Bring the store's database up to date.

    `adopt` alters tables that a collector's exporter made: our extra columns and deduplication windows are added.
    `dry_run` says nothing to ClickHouse but questions. `said` is called with each statement before it runs.
    """
    return carry_out(store, settings, ONE_SERVER, adopt=adopt, dry_run=dry_run, said=said)


def carry_out(
    store: Store,
    settings: SchemaSettings,
    plan: Plan,
    *,
    adopt: bool = False,
    dry_run: bool = False,
    said: Callable[[str], object] | None = None,
) -> MigrationReport:
    """Do what `plan` says of the store's database, as `migrate` does."""
    situation = _look(store, settings, plan, adopt=adopt)
    steps = plan.steps(situation)
    if dry_run:
        return _report(situation, pending=steps)
    if not steps and situation.ledger.begun:
        return _report(situation)
    quoted = rendering.identifier(situation.database)
    with migration_lock.hold(store, quoted, wait_seconds=settings.lock_wait_seconds) as lock:
        _begin(store, situation.database, lock, finds=plan.finds)
        # What was pending before the lock was ours may be done by now.
        situation = _look(store, settings, plan, adopt=adopt)
        steps = plan.steps(situation)
        for step in steps:
            _take(store, quoted, step, lock, said)
    return _report(_look(store, settings, plan), applied=steps)


def check(store: Store, settings: SchemaSettings) -> MigrationReport:
    """Say what is pending; alters nothing."""
    return migrate(store, settings, dry_run=True)


def _look(store: Store, settings: SchemaSettings, plan: Plan, *, adopt: bool = False) -> Situation:
    version = server_version.read(store)
    server_version.check(version)
    database = str(store.select(Select(_text("database"))).rows[0][0])
    existing = existing_tables.read(store)
    plan.refuse(existing)
    stored_level.refuse_foreign(store, database, existing, adopt=adopt)
    ledger = migration_ledger.read(store, rendering.identifier(database), existing)
    return Situation(database, existing, ledger, settings, version, adopt)


def _begin(store: Store, database: str, lock: migration_lock.MigrationLock, *, finds: bool) -> None:
    """Write down, once, what was here before us (`finds`): later it could not be told from what we made."""
    quoted = rendering.identifier(database)
    existing = existing_tables.read(store)
    if migration_ledger.read(store, quoted, existing).begun:
        return
    lock.renew()
    make = next(item for item in schema.objects() if item.name == migration_ledger.TABLE)
    store.select(
        Select(rendering.fill(make.text, {"database": quoted, "on_cluster": "", "replicated": ""}), limits=_DDL_LIMITS)
    )
    for name in [*_names(Kind.TABLE), *_names(Kind.VIEW)]:
        if finds and name in existing and name != migration_ledger.TABLE:
            migration_ledger.write(store, quoted, Entry.FOUND, name)
    migration_ledger.write(store, quoted, Entry.BEGUN, "")


def _take(
    store: Store,
    database: str,
    step: Step,
    lock: migration_lock.MigrationLock,
    said: Callable[[str], object] | None,
) -> None:
    with _named(step):
        if step.target:
            _refuse_missing_columns(store, step)
        for statement in step.statements:
            lock.renew()
            if said is not None:
                said(statement)
            store.select(Select(statement, limits=_DDL_LIMITS))
        if step.entry is not None:
            migration_ledger.write(store, database, step.entry, step.name, step.checksum)


def _refuse_missing_columns(store: Store, step: Step) -> None:
    """ClickHouse checks this when a view is made, but drops such a column in silence when its query is replaced."""
    query = schema.query_of(step.statements[0].replace(" MODIFY QUERY\n", "\nAS\n", 1))
    described = store.select(Select(rendering.fill(_text("describe"), {"query": query}))).rows
    given = [str(row[0]) for row in described]
    taken = existing_tables.existing_columns(store, step.target)
    if missing := [name for name in given if name not in taken]:
        raise MisconfiguredError(
            f"{step.target} has no column {', '.join(missing)}, which {step.name} fills. The table is not as this "
            "release expects it; add the column, or let `otelhouse migrate --adopt` do it."
        )


@contextmanager
def _named(step: Step) -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        raise MigrationError(f"{step.title} failed: {error}") from error


def _report(
    situation: Situation, *, applied: list[Step] | None = None, pending: list[Step] | None = None
) -> MigrationReport:
    done, waiting = applied or [], pending or []
    return MigrationReport(
        applied=[step.title for step in done],
        pending=[step.title for step in waiting],
        statements=[statement for step in [*done, *waiting] for statement in step.statements],
        left_alone=[name for name in [*_names(Kind.TABLE), *_names(Kind.VIEW)] if _left_alone(situation, name)],
    )


def _left_alone(situation: Situation, name: str) -> bool:
    return name != migration_ledger.TABLE and name in situation.existing and situation.foreign(name)


def _names(kind: Kind) -> list[str]:
    return [item.name for item in schema.objects() if item.kind is kind]


@cache
def _text(name: str) -> str:
    return (resources.files("sql") / "state" / f"{name}.sql").read_text(encoding="utf-8")
