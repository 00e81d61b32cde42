"""Tables that tests get ready-made are those that `migrate` makes, whichever database they are for."""

import pytest

import ready_tables
from sql import existing_tables, migration_ledger, rendering
from sql.migrate import MigrationReport, migrate
from sql.settings import RetentionSettings, SchemaSettings
from store.opening import open_store
from store.port import Select

KEPT = RetentionSettings(logs_days=0, traces_days=0, metrics_days=0, events_days=0, objects_days=0)


def seen(store, database):
    """All that is known of a database, as if it were called `own`."""
    existing = existing_tables.read(store)
    definitions = {name: text.replace(database, "own") for name, text in existing.definitions.items()}
    kept = migration_ledger.read(store, rendering.identifier(database), existing).checksums.keys()
    rows = store.select(Select("SELECT name, total_rows FROM system.tables WHERE database = currentDatabase()")).rows
    return definitions, existing.columns, set(kept), sorted(rows)


@pytest.mark.parametrize(
    "settings",
    [SchemaSettings(), SchemaSettings(fsync_inserts=False), SchemaSettings(retention=KEPT)],
    ids=["default", "not synced", "kept for ever"],
)
def test_they_are_those_that_migrating_makes(store, store_settings, settings):
    migrate(store, settings)
    again = f"{store_settings.database}_again"
    store.select(Select(f"CREATE DATABASE {again}"))
    other = open_store(store_settings.model_copy(update={"database": again}))
    try:
        ready_tables.make(other, settings)  # the model, if it is the first of its kind
        other.select(Select(f"DROP DATABASE {again} SYNC"))
        store.select(Select(f"CREATE DATABASE {again}"))
        ready_tables.make(other, settings)

        assert seen(other, again) == seen(store, store_settings.database)
        assert migrate(other, settings) == MigrationReport()
    finally:
        store.select(Select(f"DROP DATABASE {again} SYNC"))
        other.close()
