"""The questions about logs, traces and metrics on telemetry that came as OTLP, in ClickHouse's own reading of it."""

import uuid

import pytest
from answers import NOON, delimited, found, the
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from sql import otlp
from sql.signals import Signal
from store.port import Select

TABLES = (
    "otel_logs",
    "otel_traces",
    "otel_traces_trace_id_ts",
    "otel_metrics_sum",
    "otel_metrics_exponential_histogram",
)
TRACE = "0a" * 16
ORDERED = "0b" * 16
MS = 1_000_000


def at(ms):
    return NOON * 10**9 + round(ms * MS)


def attributes(**values):
    return [KeyValue(key=key.replace("_", "."), value=AnyValue(string_value=text)) for key, text in values.items()]


def resource(service):
    return Resource(attributes=attributes(service_name=service, k8s_cluster_name="east", k8s_namespace_name="shop"))


def span(number, parent, name, kind, start, ms, *, trace=TRACE, **columns):
    return Span(
        trace_id=bytes.fromhex(trace),
        span_id=number.to_bytes(8, "big"),
        parent_span_id=parent.to_bytes(8, "big") if parent else b"",
        name=name,
        kind=kind,
        start_time_unix_nano=at(start),
        end_time_unix_nano=at(start + ms),
        **columns,
    )


def spans():
    failed = Status(code=Status.STATUS_CODE_ERROR, message="no stock")
    shop = [
        span(1, 0, "POST /order", Span.SPAN_KIND_SERVER, 0, 100),
        span(2, 1, "charge", Span.SPAN_KIND_CLIENT, 10, 50),
        span(3, 1, "SELECT", Span.SPAN_KIND_CLIENT, 70, 20, attributes=attributes(db_system_name="postgresql")),
        span(4, 1, "send", Span.SPAN_KIND_PRODUCER, 95, 1),
    ]
    bank = [span(5, 2, "POST /charge", Span.SPAN_KIND_SERVER, 20, 30, status=failed)]
    link = Span.Link(trace_id=bytes.fromhex(TRACE), span_id=(4).to_bytes(8, "big"))
    mail = [span(6, 0, "receive", Span.SPAN_KIND_CONSUMER, 200, 5, trace=ORDERED, links=[link])]
    return [
        ResourceSpans(resource=resource(service), scope_spans=[ScopeSpans(spans=sent)])
        for service, sent in (("shop", shop), ("bank", bank), ("mail", mail))
    ]


def logs():
    records = [
        LogRecord(time_unix_nano=at(n), body=AnyValue(string_value=f"order {n} failed"), severity_number=17)
        for n in range(3)
    ]
    return [ResourceLogs(resource=resource("shop"), scope_logs=[ScopeLogs(log_records=records)])]


def metrics():
    counted = Sum(
        aggregation_temporality=2,
        is_monotonic=True,
        data_points=[
            NumberDataPoint(start_time_unix_nano=at(-3_600_000), time_unix_nano=at(1000 * second), as_int=value)
            for second, value in ((-30, 100), (0, 160), (30, 220))
        ],
    )
    buckets = ExponentialHistogramDataPoint.Buckets(offset=0, bucket_counts=[1, 2, 4])
    point = ExponentialHistogramDataPoint(
        start_time_unix_nano=at(-1000), time_unix_nano=at(0), count=7, sum=21, scale=0, positive=buckets
    )
    sized = ExponentialHistogram(aggregation_temporality=1, data_points=[point])
    sent = [Metric(name="orders", unit="1", sum=counted), Metric(name="sizes", exponential_histogram=sized)]
    return [ResourceMetrics(resource=resource("shop"), scope_metrics=[ScopeMetrics(metrics=sent)])]


@pytest.fixture
def sent(question_tables):
    for signal, messages in ((Signal.LOGS, logs()), (Signal.TRACES, spans()), (Signal.METRICS, metrics())):
        question_tables.insert(otlp.insert_for(signal, [delimited(one) for one in messages], uuid.uuid4().hex))
    yield
    for table in TABLES:
        question_tables.select(Select(f"TRUNCATE TABLE {table}"))


def test_a_trace_is_read_as_waterfall_critical_path_and_map(desk, sent):
    trace = desk.ask("trace", {"trace_id": TRACE})
    assert found(trace, "depth", "service", "span", "self_ns") == [
        (0, "shop", "POST /order", 29 * MS),
        (1, "shop", "charge", 20 * MS),
        (2, "bank", "POST /charge", 30 * MS),
        (1, "shop", "SELECT", 20 * MS),
        (1, "shop", "send", 1 * MS),
    ]
    path = desk.ask("trace_critical_path", {"trace_id": TRACE})
    assert the(path, "path_ns") == [29 * MS, 20 * MS, 30 * MS, 20 * MS, 1 * MS]
    assert sorted(found(desk.ask("service_map", {}), "caller", "callee", "connection", "calls", "errors")) == [
        ("shop", "bank", "call", 1, 1),
        ("shop", "mail", "messaging", 1, 0),
        ("shop", "postgresql", "database", 1, 0),
    ]


def test_traces_and_services_are_found_by_what_spans_say(desk, sent):
    assert the(desk.ask("find_traces", {"status": "error"}), "trace_id") == [TRACE]
    assert the(desk.ask("find_traces", {"span": "receive"}), "trace_id") == [ORDERED]
    assert the(desk.ask("find_traces", {"attribute": "db.system.name"}), "match_span") == ["SELECT"]
    assert found(desk.ask("service_overview", {}), "service", "requests", "errors", "p50_ms") == [
        ("shop", 1, 0, 100),
        ("bank", 1, 1, 30),
        ("mail", 1, 0, 5),
    ]
    assert found(desk.ask("errors_by_service", {}), "service", "error_logs", "error_spans", "message") == [
        ("shop", 3, 0, "order 2 failed"),
        ("bank", 0, 1, "no stock"),
        ("mail", 0, 0, ""),
    ]


def test_log_patterns_and_attributes_are_found(desk, sent):
    assert found(desk.ask("log_patterns", {}), "count", "severity", "pattern") == [(3, "ERROR", "order <n> failed")]
    assert found(desk.ask("attribute_values", {"attribute": "db.system.name"}), "value", "signal", "place") == [
        ("postgresql", "traces", "item")
    ]
    assert found(desk.ask("attribute_keys", {"signal": "logs"}), "attribute", "items") == [
        ("k8s.cluster.name", 3),
        ("k8s.namespace.name", 3),
        ("service.name", 3),
    ]


def test_metrics_are_listed_and_rated(desk, sent):
    assert found(desk.ask("metric_names", {}), "metric", "kind", "unit") == [
        ("orders", "sum", "1"),
        ("sizes", "exponential_histogram", ""),
    ]
    window = {"since": str(NOON), "until": str(NOON + 60), "step": 60}
    assert found(desk.ask("metric_series", {"metric": "orders", **window}), "points", "rate") == [(2, 2.0)]
    assert found(desk.ask("metric_series", {"metric": "sizes", **window}), "rate", "avg", "p50") == [(7 / 60, 3, 4.5)]


def test_clusters_freshness_and_volume_are_told(desk, sent):
    assert found(desk.ask("clusters", {}), "cluster", "logs", "spans", "points", "services") == [("east", 3, 6, 4, 3)]
    assert found(desk.ask("freshness", {}), "signal", "rows", "lag_seconds") == [
        ("events", 0, None),
        ("logs", 3, pytest.approx(599.998)),
        ("metrics", 4, 570),
        ("traces", 6, pytest.approx(599.8)),
    ]
    assert {row[0]: row[1] for row in found(desk.ask("ingest_volume", {"service": "shop"}), "table", "rows")} == {
        "otel_logs": 3,
        "otel_traces": 4,
        "otel_metrics_sum": 3,
        "otel_metrics_exponential_histogram": 1,
    }
