"""The tables of a collector's ClickHouse exporter, as its three generations made them, and OTLP for the views.

The columns are those of the exporter's sqltemplates; indexes and comments, which matter to nobody here, are left out.
"""

from answers import delimited
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

NANOSECONDS = 1_795_170_600_123_456_789
"""A time with a fraction, near the ones in the other tests."""

_MAP = "Map(LowCardinality(String), String)"

_LC = "LowCardinality(String)"

_LOG_COLUMNS = f"""TraceId String, SpanId String, TraceFlags UInt8, SeverityText {_LC}, SeverityNumber UInt8,
    ServiceName {_LC}, Body String, ResourceSchemaUrl {_LC}, ResourceAttributes {_MAP}, ScopeSchemaUrl {_LC},
    ScopeName String, ScopeVersion {_LC}, ScopeAttributes {_MAP}, LogAttributes {_MAP}"""

LOGS = {
    "up to v0.150": f"""CREATE TABLE otel_logs (
        Timestamp DateTime64(9), TimestampTime DateTime DEFAULT toDateTime(Timestamp), {_LOG_COLUMNS})
        ENGINE = MergeTree PARTITION BY toDate(TimestampTime)
        PRIMARY KEY (ServiceName, TimestampTime) ORDER BY (ServiceName, TimestampTime, Timestamp)""",
    "from v0.151": f"""CREATE TABLE otel_logs (Timestamp DateTime64(9), {_LOG_COLUMNS}, EventName String,
        `__otel_materialized_k8s.cluster.name` {_LC} MATERIALIZED ResourceAttributes['k8s.cluster.name'])
        ENGINE = MergeTree PARTITION BY toDate(Timestamp)
        ORDER BY (toStartOfFiveMinutes(Timestamp), ServiceName, Timestamp)
        TTL toDateTime(Timestamp) + toIntervalDay(3650) SETTINGS ttl_only_drop_parts = 1""",
}


def _gauge(time, key):
    return f"""CREATE TABLE otel_metrics_gauge (ResourceAttributes {_MAP}, ResourceSchemaUrl String, ScopeName String,
        ScopeVersion String, ScopeAttributes {_MAP}, ScopeDroppedAttrCount UInt32, ScopeSchemaUrl String,
        ServiceName LowCardinality(String), MetricName String, MetricDescription String, MetricUnit String,
        Attributes {_MAP}, StartTimeUnix {time}, TimeUnix {time}, Value Float64, Flags UInt32,
        Exemplars Nested(FilteredAttributes {_MAP}, TimeUnix {time}, Value Float64, SpanId String, TraceId String))
        ENGINE = MergeTree PARTITION BY toDate(TimeUnix) ORDER BY ({key})"""


GAUGE = {
    "up to v0.156": _gauge("DateTime64(9)", "ServiceName, MetricName, Attributes, toUnixTimestamp64Nano(TimeUnix)"),
    "from v0.157": _gauge(
        "DateTime", "ServiceName, MetricName, toStartOfHour(TimeUnix), cityHash64(Attributes), TimeUnix"
    ),
}

TRACES = f"""CREATE TABLE otel_traces (Timestamp DateTime64(9), TraceId String, SpanId String, ParentSpanId String,
    TraceState String, SpanName {_LC}, SpanKind {_LC}, ServiceName {_LC},
    ResourceAttributes {_MAP}, ScopeName String, ScopeVersion String, SpanAttributes {_MAP}, Duration UInt64,
    StatusCode LowCardinality(String), StatusMessage String,
    Events Nested(Timestamp DateTime64(9), Name LowCardinality(String), Attributes {_MAP}),
    Links Nested(TraceId String, SpanId String, TraceState String, Attributes {_MAP}))
    ENGINE = MergeTree PARTITION BY toDate(Timestamp) ORDER BY (ServiceName, SpanName, toDateTime(Timestamp))"""

TRACE_TIMES = """CREATE TABLE otel_traces_trace_id_ts (TraceId String, Start DateTime, End DateTime)
    ENGINE = MergeTree PARTITION BY toDate(Start) ORDER BY (TraceId, Start)"""

TRACE_TIMES_VIEW = """CREATE MATERIALIZED VIEW otel_traces_trace_id_ts_mv TO otel_traces_trace_id_ts AS
    SELECT TraceId, min(Timestamp) AS Start, max(Timestamp) AS End FROM otel_traces
    WHERE TraceId != '' GROUP BY TraceId"""


def _resource(resource):
    resource.attributes.append(KeyValue(key="k8s.cluster.uid", value=AnyValue(string_value="cluster-1")))
    resource.attributes.append(KeyValue(key="service.name", value=AnyValue(string_value="shop")))


def one_log():
    """One ResourceLogs message, length-delimited."""
    record = LogRecord(time_unix_nano=NANOSECONDS, body=AnyValue(string_value="hello"), event_name="greeting")
    message = ResourceLogs(schema_url="https://schema", scope_logs=[ScopeLogs(log_records=[record])])
    _resource(message.resource)
    return delimited(message)


def one_gauge():
    """One ResourceMetrics message, length-delimited."""
    point = NumberDataPoint(time_unix_nano=NANOSECONDS, as_double=1.5)
    metric = Metric(name="temperature", gauge=Gauge(data_points=[point]))
    message = ResourceMetrics(scope_metrics=[ScopeMetrics(metrics=[metric])])
    _resource(message.resource)
    return delimited(message)


def one_span():
    """One ResourceSpans message, length-delimited."""
    span = Span(trace_id=b"\x01" * 16, span_id=b"\x02" * 8, name="GET /", start_time_unix_nano=NANOSECONDS)
    message = ResourceSpans(scope_spans=[ScopeSpans(spans=[span])])
    _resource(message.resource)
    return delimited(message)
