"""The tables: the reference exporter's columns exactly, ours beside them, and a retry written once."""

import json

import pytest
from kubernetes_events import CORE, FLAT, row, watched

import ready_tables
from sql import schema
from sql.schema import Kind
from sql.settings import RetentionSettings, SchemaSettings
from store.port import Insert, Select

MAP = "Map(LowCardinality(String), String)"
LC = "LowCardinality(String)"
METRIC = f"""
    ResourceAttributes {MAP}|ResourceSchemaUrl String|ScopeName String|ScopeVersion String|ScopeAttributes {MAP}
    ScopeDroppedAttrCount UInt32|ScopeSchemaUrl String|ServiceName {LC}|MetricName {LC}|MetricDescription String
    MetricUnit String|Attributes {MAP}|StartTimeUnix DateTime|TimeUnix DateTime"""
EXEMPLARS = f"""
    Exemplars.FilteredAttributes Array({MAP})|Exemplars.TimeUnix Array(DateTime)|Exemplars.Value Array(Float64)
    Exemplars.SpanId Array(String)|Exemplars.TraceId Array(String)"""
RANGE = "Flags UInt32|Min Float64|Max Float64|AggregationTemporality Int32"
REFERENCE = {
    "otel_logs": f"""
        Timestamp DateTime64(9)|TraceId String|SpanId String|TraceFlags UInt8|SeverityText {LC}|SeverityNumber UInt8
        ServiceName {LC}|Body String|ResourceSchemaUrl {LC}|ResourceAttributes {MAP}|ScopeSchemaUrl {LC}
        ScopeName String|ScopeVersion {LC}|ScopeAttributes {MAP}|LogAttributes {MAP}|EventName String""",
    "otel_traces": f"""
        Timestamp DateTime64(9)|TraceId String|SpanId String|ParentSpanId String|TraceState String|SpanName {LC}
        SpanKind {LC}|ServiceName {LC}|ResourceAttributes {MAP}|ScopeName String|ScopeVersion String
        SpanAttributes {MAP}|Duration UInt64|StatusCode {LC}|StatusMessage String|Events.Timestamp Array(DateTime64(9))
        Events.Name Array({LC})|Events.Attributes Array({MAP})|Links.TraceId Array(String)|Links.SpanId Array(String)
        Links.TraceState Array(String)|Links.Attributes Array({MAP})""",
    "otel_traces_trace_id_ts": "TraceId String|Start DateTime|End DateTime",
    "otel_metrics_gauge": f"{METRIC}\nValue Float64|Flags UInt32\n{EXEMPLARS}",
    "otel_metrics_sum": f"""{METRIC}
        Value Float64|Flags UInt32\n{EXEMPLARS}\nAggregationTemporality Int32|IsMonotonic Bool""",
    "otel_metrics_histogram": f"""{METRIC}
        Count UInt64|Sum Float64|BucketCounts Array(UInt64)|ExplicitBounds Array(Float64)\n{EXEMPLARS}\n{RANGE}""",
    "otel_metrics_exponential_histogram": f"""{METRIC}
        Count UInt64|Sum Float64|Scale Int32|ZeroCount UInt64|PositiveOffset Int32|PositiveBucketCounts Array(UInt64)
        NegativeOffset Int32|NegativeBucketCounts Array(UInt64)\n{EXEMPLARS}\n{RANGE}""",
    "otel_metrics_summary": f"""{METRIC}
        Count UInt64|Sum Float64|ValueAtQuantiles.Quantile Array(Float64)|ValueAtQuantiles.Value Array(Float64)
        Flags UInt32""",
}
"""The exporter's columns in its order (its sqltemplates/*.sql, releases v0.157 to v0.162)."""

METRIC_TABLES = [table for table in REFERENCE if table.startswith("otel_metrics")]
KEYS = {
    "otel_logs": ("toDate(Timestamp)", "toStartOfFiveMinutes(Timestamp), ServiceName, Timestamp"),
    "otel_traces": ("toDate(Timestamp)", "ServiceName, SpanName, toDateTime(Timestamp)"),
    "otel_traces_trace_id_ts": ("toDate(Start)", "TraceId, Start"),
} | dict.fromkeys(
    METRIC_TABLES,
    ("toDate(TimeUnix)", "ServiceName, MetricName, toStartOfHour(TimeUnix), cityHash64(Attributes), TimeUnix"),
)


FOREVER = RetentionSettings(logs_days=0, traces_days=0, metrics_days=0, events_days=0)
"""The rows below have times of their own, which must not be over when the tests run."""


def ask(store, sql, **parameters):
    return store.select(Select(sql, parameters)).rows


def stored(store, table, columns):
    return ask(store, f"SELECT {columns} FROM {table} ORDER BY ALL")  # noqa: S608 - the tests' own names


@pytest.fixture
def tables(store):
    ready_tables.make(store, SchemaSettings(retention=FOREVER))
    return store


def insert(store, table, rows, token="", **settings):
    body = "\n".join(json.dumps(row) for row in rows).encode()
    store.insert(
        Insert(table=table, format="JSONEachRow", chunks=[body], columns=list(rows[0]), settings=settings, token=token)
    )


def reference_columns(table):
    return [column.strip() for line in REFERENCE[table].splitlines() for column in line.split("|") if column.strip()]


def test_the_reference_columns_come_first_with_their_exact_names_and_types(tables):
    sql = """SELECT concat(name, ' ', type) FROM system.columns
             WHERE database = currentDatabase() AND table = {table:String} ORDER BY position"""
    for table in REFERENCE:
        expected = reference_columns(table)
        assert [text for (text,) in ask(tables, sql, table=table)][: len(expected)] == expected


def test_the_reference_keys_are_kept(tables):
    sql = """SELECT name, partition_key, sorting_key FROM system.tables WHERE database = currentDatabase()"""
    found = {name: keys for name, *keys in ask(tables, sql)}
    assert {table: tuple(found[table]) for table in KEYS} == KEYS


def test_what_is_ours_is_named_by_no_insert(tables):
    """An exporter that inserts by its own list of columns goes on working, and `SELECT *` grows by two at most."""
    for table in REFERENCE:
        theirs = {column.split()[0] for column in reference_columns(table)}
        kinds = ask(
            tables,
            """SELECT name, default_kind FROM system.columns
               WHERE database = currentDatabase() AND table = {table:String}""",
            table=table,
        )
        assert {
            (name, kind) for name, kind in kinds if name not in theirs and kind not in {"MATERIALIZED", "ALIAS"}
        } <= {("IngestedAt", "DEFAULT"), ("EndedBeforeStart", "DEFAULT")}


def test_every_table_recognises_a_retry_and_drops_whole_parts(tables):
    kept = [item.name for item in schema.objects() if item.kind is Kind.TABLE and item.name != "otel_schema_migrations"]
    for table in kept:
        sql = "SELECT engine_full FROM system.tables WHERE database = currentDatabase() AND name = {table:String}"
        ((engine,),) = ask(tables, sql, table=table)
        # What is known of objects is not cut by time: a row of it goes when its object was not seen for long.
        by_parts = () if table == "otel_k8s_objects" else ("ttl_only_drop_parts = 1",)
        for setting in (
            *by_parts,
            "non_replicated_deduplication_window = 10000",
            "replicated_deduplication_window = 10000",
            "replicated_deduplication_window_seconds = 3600",
        ):
            assert setting in engine, table


def test_a_log_record_knows_its_cluster_its_composition_and_when_it_came(tables):
    resource = {"k8s.cluster.uid": "cluster-1", "k8s.cluster.name": "north", "krateo.composition.id": "composition-1"}
    insert(tables, "otel_logs", [{"Timestamp": "2026-11-20 10:00:00", "ResourceAttributes": resource}])
    columns = "ClusterUid, ClusterName, CompositionId, abs(dateDiff('second', IngestedAt, now64(9))) < 60"
    assert stored(tables, "otel_logs", columns) == [("cluster-1", "north", "composition-1", 1)]


def test_the_composition_is_the_records_then_the_resources_then_the_pods(tables):
    own, record, pod = "krateo.composition.id", "krateo.io/composition-id", "k8s.pod.labels.krateo.io/composition-id"
    cases = [
        ({own: "a", pod: "c"}, {record: "b"}, "b"),
        ({own: "a", pod: "c"}, {}, "a"),
        ({pod: "c"}, {}, "c"),
        ({}, {}, ""),
    ]
    rows = [{"Body": found, "ResourceAttributes": resource, "LogAttributes": log} for resource, log, found in cases]
    insert(tables, "otel_logs", rows)
    assert ask(tables, "SELECT Body, CompositionId FROM otel_logs WHERE Body != CompositionId") == []
    assert ask(tables, "SELECT count() FROM otel_logs") == [(4,)]


def test_spans_and_data_points_know_their_cluster_and_composition(tables):
    resource = {
        "k8s.cluster.uid": "cluster-1",
        "k8s.cluster.name": "north",
        "k8s.pod.labels.krateo.io/composition-id": "composition-1",
    }
    for table in ("otel_traces", *METRIC_TABLES):
        insert(tables, table, [{"ResourceAttributes": resource}])
        found = stored(tables, table, "ClusterUid, ClusterName, CompositionId")
        assert found == [("cluster-1", "north", "composition-1")], table


def test_hyperdx_finds_attribute_items_and_the_sample_rate(tables):
    insert(
        tables,
        "otel_logs",
        [{"ResourceAttributes": {"a": "1"}, "ScopeAttributes": {"b": "2"}, "LogAttributes": {"c": "=3"}}],
    )
    items = "ResourceAttributeItems, ScopeAttributeItems, LogAttributeItems"
    assert stored(tables, "otel_logs", items) == [(["a=1"], ["b=2"], ["c==3"])]
    insert(tables, "otel_traces", [{"SpanAttributes": {"SampleRate": rate}} for rate in ("20", "0", "many")])
    assert stored(tables, "otel_traces", "SampleRate") == [(1,), (1,), (20,)]


def test_a_trace_can_be_found_by_its_time(tables):
    spans = [{"TraceId": "t", "Timestamp": f"2026-11-20 10:00:0{second}.9"} for second in (1, 3, 2)]
    insert(tables, "otel_traces", [*spans, {"TraceId": "", "Timestamp": "2026-11-20 10:00:09"}])
    found = ask(
        tables, "SELECT TraceId, toString(min(Start)), toString(max(End)) FROM otel_traces_trace_id_ts GROUP BY TraceId"
    )
    assert [(trace, start[-8:], end[-8:]) for trace, start, end in found] == [("t", "10:00:01", "10:00:03")]


def test_an_insert_sent_twice_with_its_token_is_stored_once_in_every_table_behind(tables):
    for _ in range(2):
        insert(tables, "otel_logs", [row(watched(CORE)), FLAT], token="batch-1")
        insert(tables, "otel_traces", [{"TraceId": "t", "Timestamp": "2026-11-20 10:00:00"}], token="batch-2")
    counts = {
        table: stored(tables, table, "count()")[0][0]
        for table in ("otel_logs", "otel_k8s_events", "otel_traces", "otel_traces_trace_id_ts")
    }
    assert counts == {"otel_logs": 2, "otel_k8s_events": 2, "otel_traces": 1, "otel_traces_trace_id_ts": 1}
