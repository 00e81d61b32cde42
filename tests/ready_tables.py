"""Tables as `otelhouse migrate` makes them, for tests that are about something else.

In: a store on an empty database, `SchemaSettings`. Out: that database as `migrate` leaves it, to the ledger's last row.

Migrating walks through the whole history, a step and a look at the lock at a time: a second of CPU time. Of each kind
of store and each settings the first database is migrated; the next ones get the statements that ClickHouse shows for
its tables. tests/integration/test_ready_tables.py holds both to be the same.
"""

import re
from dataclasses import dataclass

from sql import existing_tables, migration_ledger, migration_plan, rendering, schema, server_version
from sql.existing_tables import ExistingTables
from sql.migrate import migrate
from sql.migration_ledger import Ledger
from sql.migration_plan import Situation
from sql.rendering import Rendering
from sql.settings import SchemaSettings
from store.port import Insert, Select, Store


@dataclass(frozen=True)
class _Model:
    database: str
    definitions: list[str]
    ledger: Ledger


_models: dict[tuple[str, str, str], _Model] = {}


def make(store: Store, settings: SchemaSettings | None = None) -> None:
    """Make the tables; `settings` as `migrate` takes them."""
    settings = settings or SchemaSettings()
    version = server_version.read(store)
    kind = (type(store).__name__, str(version), settings.model_dump_json())
    if kind not in _models:
        migrate(store, settings)
        _models[kind] = _model(store)
        return
    model, database = _models[kind], _database(store)
    for definition in model.definitions:
        # As the first part of a name or a text of its own: a comment may have the same word.
        store.select(Select(re.sub(rf"\b{model.database}(?=`?\.)|(?<='){model.database}(?=')", database, definition)))
    situation = Situation(database, ExistingTables({}, {}), Ledger(), settings, version)
    _write_ledger(store, model.ledger, situation)


def _database(store: Store) -> str:
    return str(store.select(Select("SELECT currentDatabase()")).rows[0][0])


def _model(store: Store) -> _Model:
    database, existing = _database(store), existing_tables.read(store)
    # What is in no file, such as the lock, depends on nothing.
    order = {item.name: place for place, item in enumerate(schema.objects(), start=1)}
    names = sorted(existing.definitions, key=lambda name: order.get(name, 0))
    ledger = migration_ledger.read(store, rendering.identifier(database), existing)
    return _Model(database, [existing.definitions[name] for name in names], ledger)


def _write_ledger(store: Store, ledger: Ledger, situation: Situation) -> None:
    """The model's, but for the checksums of what has the database's name in it."""
    render = Rendering(
        migration_plan.values(situation.database, situation.settings),
        migration_plan.conditions(situation.settings, situation.version),
    )
    own = {(step.entry, step.name): step.checksum for step in migration_plan.feeding(situation, render)}
    lines = [
        "\t".join((*key, own.get(key, checksum))).encode() + b"\n"  # neither tabs nor backslashes in any
        for key, checksum in ledger.checksums.items()
    ]
    columns = ("Kind", "Name", "Checksum")
    store.insert(Insert(migration_ledger.TABLE, "TabSeparated", lines, columns=columns, token="ledger"))
