"""Migrations: the same database as the schema files, one at a time, and no row lost while views change."""

import threading
from dataclasses import replace

import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, LogsData, ResourceLogs, ScopeLogs

from ingest import wire
from sql import migrate, migration_ledger, migration_lock, migration_plan, otlp, rendering, schema, server_version
from sql.migrate import MigrationError
from sql.migration_ledger import Entry, LedgerError
from sql.schema import Kind
from sql.settings import RetentionSettings, SchemaSettings
from sql.signals import Signal
from store.errors import BadDataError, MisconfiguredError, RetryableError
from store.opening import open_store
from store.port import Select

SETTINGS = SchemaSettings(lock_wait_seconds=30)


def ask(store, sql, **parameters):
    return store.select(Select(sql, parameters)).rows


def database_of(store):
    return str(ask(store, "SELECT currentDatabase()")[0][0])


def clock(store):
    return int(ask(store, "SELECT toUnixTimestamp(now())")[0][0])


def make_from_files(store, database):
    """Build everything from sql/schema/ and sql/decode/, with no migration."""
    render = rendering.Rendering(
        migration_plan.values(database, SETTINGS), migration_plan.conditions(SETTINGS, server_version.read(store))
    )
    for item in schema.objects():
        ask(store, render(item.text))


def described(store, database):
    """Everything that makes a database what it is, without its own name."""
    columns = """SELECT table, name, type, default_kind, default_expression, comment, compression_codec
                 FROM system.columns WHERE database = {d:String} AND table NOT LIKE '%lock' ORDER BY table, position"""
    indexes = """SELECT table, name, type_full, expr, granularity FROM system.data_skipping_indices
                 WHERE database = {d:String} ORDER BY table, name"""
    tables = """SELECT name, engine_full, replaceAll(create_table_query, {d:String}, 'DB') FROM system.tables
                WHERE database = {d:String} AND name NOT LIKE '%lock' ORDER BY name"""
    return [ask(store, sql, d=database) for sql in (columns, indexes, tables)]


@pytest.fixture
def second_database(store):
    name = f"{database_of(store)}_files"
    migrate.create_database(store, name)
    yield name
    ask(store, f"DROP DATABASE {name} SYNC")


@pytest.fixture
def changed_objects(monkeypatch):
    """Pretend that a release changed a file: `changed_objects("otlp_logs", old, new)`."""

    def change(name, old, new):
        items = {item.name: item for item in schema.objects()}
        assert old in items[name].text
        items[name] = replace(items[name], text=items[name].text.replace(old, new))
        monkeypatch.setattr(schema, "objects", lambda: tuple(items.values()))

    return change


def test_migrations_and_schema_files_build_the_same_database(store, second_database):
    migrate.migrate(store, SETTINGS)
    make_from_files(store, second_database)
    migrated, made = described(store, database_of(store)), described(store, second_database)
    assert len(migrated[2]) == len(schema.objects())
    assert migrated == made


def test_migrating_twice_does_nothing_the_second_time(store):
    first = migrate.migrate(store, SETTINGS)
    assert "migration 0001_logs" in first.applied
    assert first.pending == first.left_alone == []
    assert migrate.migrate(store, SETTINGS) == migrate.MigrationReport()
    assert migrate.check(store, SETTINGS).pending == []


def test_a_dry_run_prints_what_a_real_run_says_and_says_nothing_itself(store):
    printed = migrate.migrate(store, SETTINGS, dry_run=True)
    assert ask(store, "SHOW TABLES") == []
    said = []
    done = migrate.migrate(store, SETTINGS, said=said.append)
    assert (printed.statements, printed.pending) == (said, done.applied)


def test_two_migrators_at_once_do_each_step_once(store, store_settings):
    reports, failures = [], []

    def run():
        door = open_store(store_settings)
        try:
            reports.append(migrate.migrate(door, SETTINGS))
        except Exception as error:  # noqa: BLE001 - a thread's end: the test shows it
            failures.append(error)
        finally:
            door.close()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failures == []
    assert sorted(bool(report.applied) for report in reports) == [False, False, True]
    assert ask(store, "SELECT Kind, Name FROM otel_schema_migrations GROUP BY Kind, Name HAVING count() > 1") == []


def lock_with(store, column):
    ask(store, f"CREATE TABLE otel_schema_lock ({column} UInt8) ENGINE = Memory")


def test_a_lock_that_is_held_is_waited_for_and_then_named(store):
    now = clock(store)
    lock_with(store, f"held_abcd_{now}_{now + 60}")
    waits = []
    with (
        pytest.raises(migration_lock.LockHeldError, match=r"held by abcd, for .* s more"),
        migration_lock.hold(store, f"`{database_of(store)}`", wait_seconds=1, pause=waits.append),
    ):
        pytest.fail("the lock was not ours")
    assert waits == [0.5, 0.5]


def test_the_lock_of_a_migrator_that_died_is_taken_over_when_its_lease_ends(store):
    now = clock(store)
    lock_with(store, f"held_abcd_{now - 61}_{now - 1}")
    assert migrate.migrate(store, SETTINGS).applied
    assert ask(
        store, "SELECT name FROM system.columns WHERE table = 'otel_schema_lock' AND database = currentDatabase()"
    ) == [("free",)]


def test_a_lock_from_before_the_engine_started_is_taken_over_at_once(store):
    lock_with(store, f"held_abcd_1000000000_{clock(store) + 60}")
    assert migrate.migrate(store, SETTINGS.model_copy(update={"lock_wait_seconds": 0})).applied


def test_a_migrator_that_slept_past_its_lease_stops(store):
    now = clock(store)
    with migration_lock.hold(store, f"`{database_of(store)}`", wait_seconds=0) as lock:
        (column,) = ask(
            store, "SELECT name FROM system.columns WHERE table = 'otel_schema_lock' AND database = currentDatabase()"
        )[0]
        ask(store, f"ALTER TABLE otel_schema_lock RENAME COLUMN {column} TO held_ffff_{now}_{now + 60}")
        with pytest.raises(migration_lock.LockLostError, match="taken over by ffff"):
            lock.renew()


def test_a_migration_that_was_altered_after_it_was_applied_is_refused(store):
    migrate.migrate(store, SETTINGS)
    migration_ledger.write(store, f"`{database_of(store)}`", Entry.MIGRATION, "0001_logs", "another")
    with pytest.raises(LedgerError, match="0001_logs was applied with another text"):
        migrate.check(store, SETTINGS)


def test_a_database_made_with_an_earlier_text_that_is_as_right_is_taken(store):
    migrate.migrate(store, SETTINGS)
    (first, *_) = schema.migrations()
    migration_ledger.write(store, f"`{database_of(store)}`", Entry.MIGRATION, first.name, first.earlier[0])
    migrate.check(store, SETTINGS)


def test_a_database_of_a_newer_release_is_refused(store):
    migrate.migrate(store, SETTINGS)
    migration_ledger.write(store, f"`{database_of(store)}`", Entry.MIGRATION, "9999_later", "x")
    with pytest.raises(LedgerError, match=r"9999_later.*a newer otelhouse"):
        migrate.migrate(store, SETTINGS)


def test_a_step_that_fails_is_named_and_the_next_run_goes_on_from_there(store):
    ask(
        store,
        "CREATE TABLE otel_traces (Timestamp DateTime64(9), TraceId String) ENGINE = MergeTree ORDER BY Timestamp",
    )
    with pytest.raises(MigrationError, match=r"make otel_traces_mv failed: .*SpanId"):
        migrate.migrate(store, SETTINGS)
    ask(store, "DROP TABLE otel_traces SYNC")
    item = next(item for item in schema.objects() if item.name == "otel_traces")
    render = rendering.Rendering(
        migration_plan.values(database_of(store), SETTINGS),
        migration_plan.conditions(SETTINGS, server_version.read(store)),
    )
    ask(store, render(item.text))
    report = migrate.migrate(store, SETTINGS)
    assert report.applied[0] == "make otel_traces_mv"
    assert not [title for title in report.applied if title.startswith("migration")]


def test_a_changed_view_is_replaced_without_losing_or_doubling_a_row(store, store_settings, changed_objects):
    migrate.migrate(store, SETTINGS)
    stop, sent, failures = threading.Event(), [], []

    def insert():
        door = open_store(store_settings)
        while not stop.is_set():
            try:
                door.select(
                    Select("INSERT INTO otel_traces (Timestamp, TraceId) SELECT now64(9), toString(generateUUIDv4())")
                )
            except Exception as error:  # noqa: BLE001 - a thread's end: the test shows it
                failures.append(error)
                break
            sent.append(1)
        door.close()

    thread = threading.Thread(target=insert)
    thread.start()
    old = "max(Timestamp) AS End"
    for seconds in range(10):
        new = f"max(Timestamp) + toIntervalSecond({seconds}) AS End"
        changed_objects("otel_traces_trace_id_ts_mv", old, new)
        assert migrate.migrate(store, SETTINGS).applied == ["change otel_traces_trace_id_ts_mv"]
        old = new
    stop.set()
    thread.join(timeout=30)
    assert failures == []
    assert ask(store, "SELECT count(), uniqExact(TraceId) FROM otel_traces_trace_id_ts") == [(len(sent), len(sent))]


def test_a_changed_sink_gets_its_columns_while_its_views_stay(store, changed_objects):
    migrate.migrate(store, SETTINGS)
    changed_objects(
        "otel_k8s_event_records", "`Body` String,", "`Body` String,\n    `More` Array(Tuple(a String, b UInt8)),"
    )
    assert migrate.migrate(store, SETTINGS).applied == ["change otel_k8s_event_records"]
    types = ask(store, "SELECT type FROM system.columns WHERE database = currentDatabase() AND name = 'More'")
    assert ["".join(name.split()) for (name,) in types] == ["Array(Tuple(aString,bUInt8))"]
    assert migrate.check(store, SETTINGS).pending == []


def test_a_sink_gets_another_constraint_while_inserts_go_on(store, store_settings, changed_objects):
    """Constraints of such a table cannot be altered: a new table takes its name, and the views go with the name."""
    constraint = ",\n\n    CONSTRAINT log_times_are_near CHECK times_are_near\n)"
    text = next(item.text for item in schema.objects() if item.name == "otlp_logs")
    now = text[text.index(",\n\n    -- Checked before any view") : text.index("\nENGINE = Null")]
    old = "\n)"
    changed_objects("otlp_logs", now, old)
    migrate.migrate(store, SETTINGS)
    stop, sent, failures = threading.Event(), [], []

    def insert():
        door = open_store(store_settings)
        while not stop.is_set():
            request = LogsData(resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=[LogRecord()])])])
            try:
                parcel = wire.read(Signal.LOGS, request.SerializeToString())
                door.insert(otlp.insert_for(Signal.LOGS, parcel.chunks, str(len(sent))))
            except RetryableError:
                continue  # in the moment of the exchange; ingest sends the same again under the same token
            except Exception as error:  # noqa: BLE001 - a thread's end: the test shows it
                failures.append(error)
                break
            sent.append(1)
        door.close()

    thread = threading.Thread(target=insert)
    thread.start()
    for number in range(5):
        new = constraint.replace("log_times_are_near", f"log_times_are_near_{number}")
        changed_objects("otlp_logs", old, new)
        assert migrate.migrate(store, SETTINGS).applied == ["change otlp_logs"]
        assert migrate.check(store, SETTINGS).pending == []
        old = new
    stop.set()
    thread.join(timeout=30)
    assert failures == []
    assert ask(store, "SELECT count() FROM otel_logs") == [(len(sent),)]
    late = LogsData(resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=[LogRecord(time_unix_nano=1)])])])
    with pytest.raises(BadDataError, match="log_times_are_near_4"):
        store.insert(otlp.insert_for(Signal.LOGS, wire.read(Signal.LOGS, late.SerializeToString()).chunks))
    assert ask(store, "SELECT name FROM system.tables WHERE database = currentDatabase() AND name LIKE '%next'") == []


def test_a_changed_view_that_fills_a_column_its_table_lacks_is_refused(store, changed_objects):
    migrate.migrate(store, SETTINGS)
    changed_objects("otel_traces_trace_id_ts_mv", "max(Timestamp) AS End", "max(Timestamp) AS End, 1 AS Nowhere")
    with pytest.raises((MisconfiguredError, MigrationError), match="otel_traces_trace_id_ts has no column Nowhere"):
        migrate.migrate(store, SETTINGS)


def ttl(store, table):
    (definition,) = ask(
        store,
        "SELECT create_table_query FROM system.tables WHERE database = currentDatabase() AND name = {t:String}",
        t=table,
    )[0]
    return migration_plan.retention_in_force(definition)


def test_retention_is_on_by_default_and_follows_the_settings(store):
    migrate.migrate(store, SETTINGS)
    kept = [item.name for item in schema.objects() if item.kind is Kind.TABLE and item.name != migration_ledger.TABLE]
    longer = {"otel_k8s_events": 90, "otel_k8s_objects": 90, "otel_audit": 400}
    assert {table: ttl(store, table) for table in kept} == {table: longer.get(table, 30) for table in kept}
    changed = SETTINGS.model_copy(update={"retention": RetentionSettings(logs_days=7, traces_days=0)})
    applied = migrate.migrate(store, changed).applied
    assert applied == [
        "change otlp_logs",
        "change otlp_traces",
        "keep otel_logs for 7 days",
        "keep otel_traces for ever",
        "keep otel_traces_trace_id_ts for ever",
    ]
    assert [ttl(store, table) for table in ("otel_logs", "otel_traces", "otel_metrics_sum")] == [7, 0, 30]
    assert migrate.check(store, changed).pending == []


def test_a_retention_that_somebody_wrote_by_hand_is_left_alone(store):
    migrate.migrate(store, SETTINGS)
    ask(store, "ALTER TABLE otel_logs MODIFY TTL toDateTime(Timestamp) + INTERVAL 1 YEAR WHERE SeverityNumber < 17")
    assert migrate.migrate(store, SETTINGS).applied == []


def test_tables_can_be_made_without_retention(store):
    forever = RetentionSettings(logs_days=0, traces_days=0, metrics_days=0, events_days=0)
    migrate.migrate(store, SETTINGS.model_copy(update={"retention": forever}))
    assert {ttl(store, table) for table in ("otel_logs", "otel_traces", "otel_metrics_gauge", "otel_k8s_events")} == {0}


def test_an_older_server_gets_indexes_that_it_knows(store):
    condition = migration_plan.conditions(SETTINGS, server_version.ServerVersion(25, 9))
    render = rendering.Rendering(migration_plan.values(database_of(store), SETTINGS), condition)
    ask(store, render(next(item.text for item in schema.objects() if item.name == "otel_logs")))
    types = ask(
        store, "SELECT DISTINCT type FROM system.data_skipping_indices WHERE database = currentDatabase() ORDER BY type"
    )
    assert types == [("bloom_filter",), ("minmax",), ("ngrambf_v1",), ("tokenbf_v1",)]
