"""What an INSERT leaves on the disk is there for good before it is answered, on every table that we made."""

import pytest
from exporter_tables import LOGS

from sql import migrate, migration_plan, schema
from sql.schema import Kind
from sql.settings import SchemaSettings
from store.port import Insert, Select

FSYNC = SchemaSettings(lock_wait_seconds=30)
NO_FSYNC = FSYNC.model_copy(update={"fsync_inserts": False})
TABLES = sorted(
    item.name for item in schema.objects() if item.kind is Kind.TABLE and item.name != "otel_schema_migrations"
)


def syncing(store):
    rows = store.select(
        Select("SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase() ORDER BY name")
    ).rows
    return [name for name, definition in rows if migration_plan.fsync_in_force(definition)]


def synced(store):
    """How many files and folders the engine has synced since it started."""
    events = store.select(Select("SELECT event, value FROM system.events WHERE event IN ('FileSync', 'DirectorySync')"))
    counts = dict(events.rows)
    return counts.get("FileSync", 0), counts.get("DirectorySync", 0)


def synced_by_an_insert(store):
    store.select(Select("SYSTEM STOP MERGES"))
    files, folders = synced(store)
    store.insert(Insert("otel_logs", "JSONEachRow", [b'{"Timestamp": "2026-01-01 00:00:00", "Body": "x"}'], token="t"))
    files_after, folders_after = synced(store)
    return files_after - files, folders_after - folders


def test_a_fresh_database_syncs_every_insert_before_it_is_answered(store):
    migrate.migrate(store, FSYNC)
    assert syncing(store) == TABLES
    files, folders = synced_by_an_insert(store)
    assert files > 0
    assert folders > 0
    assert migrate.check(store, FSYNC).pending == []


def test_without_the_setting_an_insert_is_left_to_the_systems_cache(store):
    migrate.migrate(store, NO_FSYNC)
    assert syncing(store) == []
    assert synced_by_an_insert(store) == (0, 0)
    assert migrate.check(store, NO_FSYNC).pending == []


@pytest.mark.parametrize(("before", "after"), [(NO_FSYNC, FSYNC), (FSYNC, NO_FSYNC)])
def test_tables_that_are_there_follow_the_setting(store, before, after):
    migrate.migrate(store, before)
    assert len(migrate.migrate(store, after).applied) == len(TABLES)
    assert syncing(store) == (TABLES if after.fsync_inserts else [])
    assert migrate.migrate(store, after) == migrate.MigrationReport()


def test_a_table_that_somebody_else_made_is_altered_only_when_it_is_adopted(store):
    store.select(Select(LOGS["from v0.151"]))
    migrate.migrate(store, FSYNC)
    assert "otel_logs" not in syncing(store)
    migrate.migrate(store, FSYNC, adopt=True)
    assert "otel_logs" in syncing(store)
    assert migrate.check(store, FSYNC).pending == []
