"""Tables that a collector's exporter made: rows go into them as they are, and only `adopt` alters them."""

import exporter_tables
import pytest
from exporter_tables import GAUGE, LOGS, TRACE_TIMES, TRACE_TIMES_VIEW, TRACES

from sql import existing_tables, migrate, otlp
from sql.settings import RetentionSettings, SchemaSettings
from sql.signals import Signal
from store.port import Select

SETTINGS = SchemaSettings(
    retention=RetentionSettings(logs_days=0, traces_days=0, metrics_days=0, events_days=0), lock_wait_seconds=5
)


def ask(store, sql):
    return store.select(Select(sql)).rows


def definition(store, name):
    return existing_tables.read(store).definitions[name]


def send(store, signal, message, token=""):
    store.insert(otlp.insert_for(signal, [message], token))


@pytest.mark.parametrize("generation", LOGS)
def test_logs_go_into_the_tables_of_each_generation_which_stay_as_they_are(store, generation):
    ask(store, LOGS[generation])
    before = definition(store, "otel_logs")
    report = migrate.migrate(store, SETTINGS)
    send(store, Signal.LOGS, exporter_tables.one_log())
    assert report.left_alone == ["otel_logs"]
    assert definition(store, "otel_logs") == before
    assert ask(store, "SELECT ServiceName, Body, toUnixTimestamp64Nano(Timestamp) FROM otel_logs") == [
        ("shop", "hello", exporter_tables.NANOSECONDS)
    ]


@pytest.mark.parametrize(("generation", "kept"), [("up to v0.156", 123_456_789), ("from v0.157", 0)])
def test_data_points_keep_the_fraction_that_their_table_can_hold(store, generation, kept):
    ask(store, GAUGE[generation])
    before = definition(store, "otel_metrics_gauge")
    migrate.migrate(store, SETTINGS)
    send(store, Signal.METRICS, exporter_tables.one_gauge())
    assert definition(store, "otel_metrics_gauge") == before
    fraction = "toUnixTimestamp64Nano(toDateTime64(TimeUnix, 9)) % 1000000000"
    sql = f"SELECT MetricName, Value, {fraction} FROM otel_metrics_gauge"  # noqa: S608 - our own words
    assert ask(store, sql) == [("temperature", 1.5, kept)]


def test_spans_go_into_the_exporters_tables_and_its_view_goes_on(store):
    for statement in (TRACES, TRACE_TIMES, TRACE_TIMES_VIEW):
        ask(store, statement)
    before = {name: definition(store, name) for name in existing_tables.read(store).definitions}
    report = migrate.migrate(store, SETTINGS)
    send(store, Signal.TRACES, exporter_tables.one_span())
    assert report.left_alone == ["otel_traces", "otel_traces_trace_id_ts", "otel_traces_trace_id_ts_mv"]
    assert {name: definition(store, name) for name in before} == before
    assert ask(store, "SELECT TraceId FROM otel_traces_trace_id_ts") == [("01" * 16,)]


def test_kubernetes_events_are_read_from_an_old_table_too(store):
    ask(store, LOGS["up to v0.150"])
    migrate.migrate(store, SETTINGS)
    ask(
        store,
        """INSERT INTO otel_logs (Timestamp, Body, LogAttributes, ResourceAttributes)
           SELECT now64(9), 'Created', map('k8s.event.reason', 'Created'), map('k8s.object.kind', 'Pod')""",
    )
    assert ask(store, "SELECT Kind, Reason, IngestedAt > now64(9) - 60 FROM otel_k8s_events") == [("Pod", "Created", 1)]


@pytest.mark.parametrize("generation", LOGS)
def test_adopting_adds_what_is_ours_and_says_so(store, generation):
    ask(store, LOGS[generation])
    ask(store, "INSERT INTO otel_logs (Timestamp, Body) VALUES ('2026-11-01 00:00:00', 'old')")
    migrate.migrate(store, SETTINGS)
    said = []
    report = migrate.migrate(store, SETTINGS, adopt=True, said=said.append)
    assert "adopt otel_logs" in report.applied
    assert report.left_alone == []
    assert any("ADD COLUMN IF NOT EXISTS `ClusterUid`" in statement for statement in said)
    assert "non_replicated_deduplication_window = 10000" in definition(store, "otel_logs")
    assert "INDEX idx_composition_errors" in definition(store, "otel_logs")
    assert migrate.migrate(store, SETTINGS, adopt=True) == migrate.MigrationReport()


def test_an_adopted_table_gets_the_columns_that_it_lacked(store):
    ask(store, LOGS["up to v0.150"])
    migrate.migrate(store, SETTINGS, adopt=True)
    for _ in range(2):
        send(store, Signal.LOGS, exporter_tables.one_log(), token="once")
    columns = "EventName, ClusterUid, abs(dateDiff('second', IngestedAt, now64(9))) < 60"
    assert ask(store, f"SELECT {columns} FROM otel_logs") == [("greeting", "cluster-1", 1)]  # noqa: S608 - our own names


def test_adopting_takes_in_the_exporters_view_as_well(store):
    for statement in (TRACES, TRACE_TIMES, TRACE_TIMES_VIEW):
        ask(store, statement)
    assert "otel_traces_trace_id_ts_mv" in migrate.migrate(store, SETTINGS).left_alone
    report = migrate.migrate(store, SETTINGS, adopt=True)
    assert {"adopt otel_traces", "adopt otel_traces_trace_id_ts", "change otel_traces_trace_id_ts_mv"} <= set(
        report.applied
    )
    assert report.left_alone == []
    assert "INDEX idx_composition_id CompositionId" in definition(store, "otel_traces")
    assert migrate.migrate(store, SETTINGS) == migrate.MigrationReport()


def test_rows_from_before_an_adoption_do_not_look_new(store):
    ask(store, TRACES)
    ask(store, "INSERT INTO otel_traces (Timestamp, TraceId) VALUES ('2026-11-01 00:00:00', 'old')")
    migrate.migrate(store, SETTINGS, adopt=True)
    assert ask(store, "SELECT TraceId FROM otel_traces WHERE IngestedAt = Timestamp") == [("old",)]


def test_the_retention_of_an_adopted_table_stays_its_owners(store):
    ask(store, LOGS["from v0.151"])
    migrate.migrate(store, SETTINGS, adopt=True)
    migrate.migrate(store, SchemaSettings())
    assert "toIntervalDay(3650)" in definition(store, "otel_logs")


def test_a_dry_run_of_an_adoption_prints_it_and_alters_nothing(store):
    ask(store, LOGS["up to v0.150"])
    before = definition(store, "otel_logs")
    report = migrate.migrate(store, SETTINGS, adopt=True, dry_run=True)
    assert "adopt otel_logs" in report.pending
    assert any("EventName" in statement for statement in report.statements if "otel_logs_mv" in statement)
    assert definition(store, "otel_logs") == before


def test_a_table_of_the_json_variant_is_refused_and_named(store):
    ask(
        store,
        "CREATE TABLE otel_logs (Timestamp DateTime64(9), LogAttributes JSON) ENGINE = MergeTree ORDER BY Timestamp",
    )
    with pytest.raises(existing_tables.UnfitTableError, match=r"otel_logs\.LogAttributes is JSON, not a Map"):
        migrate.check(store, SETTINGS)


def test_the_columns_of_a_table_that_is_not_there_are_none(store):
    assert existing_tables.existing_columns(store, "otel_logs") == {}
    ask(store, LOGS["up to v0.150"])
    assert existing_tables.existing_columns(store, "otel_logs")["TimestampTime"] == "DateTime"
