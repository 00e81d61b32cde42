"""The items of a beat as OTLP requests, in the shapes in which real senders and collectors send them.

In: items of one door and one cluster. Out: serialised requests by signal (`logs`, `traces`, `metrics`). The Kubernetes
event has the shape of the collector's k8sobjects receiver in watch mode: the body is the watch event as a nested map.
https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/receiver/k8sobjectsreceiver
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1 import metrics_pb2 as metrics
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from canary.items import ATTRIBUTE, DURATION, EVENT, LOG, METRICS, POD, REASON, SERVICE, SPAN, SYNTHETIC, Item

LOGS, TRACES, METRIC_SIGNAL = "logs", "traces", "metrics"
SIGNAL_OF = {LOG: LOGS, EVENT: LOGS, SPAN: TRACES, **dict.fromkeys(METRICS, METRIC_SIGNAL)}
"""By kind, the signal in whose request it goes."""

_SCOPE = InstrumentationScope(name=SERVICE)
_CUMULATIVE = metrics.AGGREGATION_TEMPORALITY_CUMULATIVE


def metric_name(kind: str) -> str:
    """What the metric of a kind is called."""
    return f"{ATTRIBUTE}.{kind}"


def requests(items: Iterable[Item]) -> Mapping[str, bytes]:
    """By signal, one request with these items, which are of one cluster; signals without any are left out."""
    mine = {item.kind: item for item in items}
    if not mine:
        return {}
    resource = _resource(next(iter(mine.values())).cluster)
    made: dict[str, bytes] = {}
    if records := [record(mine[kind]) for kind, record in _RECORDS.items() if kind in mine]:
        logs = ResourceLogs(resource=resource, scope_logs=[ScopeLogs(scope=_SCOPE, log_records=records)])
        made[LOGS] = ExportLogsServiceRequest(resource_logs=[logs]).SerializeToString()
    if SPAN in mine:
        spans = ResourceSpans(resource=resource, scope_spans=[ScopeSpans(scope=_SCOPE, spans=[_span(mine[SPAN])])])
        made[TRACES] = ExportTraceServiceRequest(resource_spans=[spans]).SerializeToString()
    if points := [point(mine[kind]) for kind, point in _POINTS.items() if kind in mine]:
        scope = metrics.ScopeMetrics(scope=_SCOPE, metrics=points)
        measured = metrics.ResourceMetrics(resource=resource, scope_metrics=[scope])
        made[METRIC_SIGNAL] = ExportMetricsServiceRequest(resource_metrics=[measured]).SerializeToString()
    return made


def _resource(cluster: str) -> Resource:
    named = {"k8s.cluster.name": cluster} if cluster else {}
    told = {"service.name": SERVICE, SYNTHETIC: True, **named}
    return Resource(attributes=_attributes(told))


def _attributes(told: Mapping[str, object]) -> list[KeyValue]:
    return [KeyValue(key=name, value=_value(value)) for name, value in told.items()]


def _value(told: object) -> AnyValue:
    if isinstance(told, bool):
        return AnyValue(bool_value=told)
    if isinstance(told, int):
        return AnyValue(int_value=told)
    if isinstance(told, Mapping):
        nested = AnyValue()
        nested.kvlist_value.values.extend(_attributes(told))
        return nested
    return AnyValue(string_value=str(told))


def _log(item: Item) -> LogRecord:
    return LogRecord(
        time_unix_nano=item.sent,
        observed_time_unix_nano=item.sent,
        severity_number=9,  # type: ignore[arg-type]  # protobuf's enums take their numbers
        severity_text="INFO",
        body=AnyValue(string_value=item.line),
        trace_id=item.trace_id,
        attributes=_attributes({ATTRIBUTE: item.line}),
    )


def _event(item: Item) -> LogRecord:
    moment = f"{datetime.fromtimestamp(item.sent // 10**9, UTC):%Y-%m-%dT%H:%M:%SZ}"
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "count": 1,
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "involvedObject": {"apiVersion": "v1", "kind": "Pod", "name": POD, "namespace": SERVICE, "uid": SERVICE},
        "message": item.line,
        "metadata": {
            "name": f"{POD}.{item.event_uid}",
            "namespace": SERVICE,
            "uid": item.event_uid,
            "resourceVersion": str(item.number),
            "creationTimestamp": moment,
        },
        "reason": REASON,
        "source": {"component": SERVICE},
        "reportingComponent": SERVICE,
        "type": "Normal",
    }
    return LogRecord(
        observed_time_unix_nano=item.sent,
        body=_value({"type": "ADDED", "object": event}),
        attributes=_attributes({"event.domain": "k8s", "event.name": POD, "k8s.resource.name": "events"}),
    )


def _span(item: Item) -> Span:
    return Span(
        trace_id=item.trace_id,
        span_id=item.trace_id[:8],
        name=ATTRIBUTE,
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=item.sent,
        end_time_unix_nano=item.sent + DURATION,
        status=Status(code=Status.STATUS_CODE_OK),
        attributes=_attributes({ATTRIBUTE: item.line}),
    )


def _gauge(item: Item) -> metrics.Metric:
    return metrics.Metric(name=metric_name(item.kind), unit="1", gauge=metrics.Gauge(data_points=[_number(item)]))


def _sum(item: Item) -> metrics.Metric:
    told = metrics.Sum(data_points=[_number(item)], aggregation_temporality=_CUMULATIVE, is_monotonic=True)
    return metrics.Metric(name=metric_name(item.kind), unit="1", sum=told)


def _number(item: Item) -> metrics.NumberDataPoint:
    return metrics.NumberDataPoint(
        attributes=_attributes({ATTRIBUTE: item.line}),
        start_time_unix_nano=item.sent,
        time_unix_nano=item.sent,
        as_double=float(item.number),
    )


def _histogram(item: Item) -> metrics.Metric:
    point = metrics.HistogramDataPoint(
        attributes=_attributes({ATTRIBUTE: item.line}),
        start_time_unix_nano=item.sent,
        time_unix_nano=item.sent,
        count=6,
        sum=float(item.number),
        bucket_counts=[1, 2, 3],
        explicit_bounds=[1.0, 10.0],
    )
    told = metrics.Histogram(data_points=[point], aggregation_temporality=_CUMULATIVE)
    return metrics.Metric(name=metric_name(item.kind), unit="1", histogram=told)


def _exponential_histogram(item: Item) -> metrics.Metric:
    point = metrics.ExponentialHistogramDataPoint(
        attributes=_attributes({ATTRIBUTE: item.line}),
        start_time_unix_nano=item.sent,
        time_unix_nano=item.sent,
        count=6,
        sum=float(item.number),
        scale=1,
        zero_count=2,
        positive=metrics.ExponentialHistogramDataPoint.Buckets(offset=0, bucket_counts=[1, 3]),
    )
    told = metrics.ExponentialHistogram(data_points=[point], aggregation_temporality=_CUMULATIVE)
    return metrics.Metric(name=metric_name(item.kind), unit="1", exponential_histogram=told)


def _summary(item: Item) -> metrics.Metric:
    quantile = metrics.SummaryDataPoint.ValueAtQuantile
    point = metrics.SummaryDataPoint(
        attributes=_attributes({ATTRIBUTE: item.line}),
        start_time_unix_nano=item.sent,
        time_unix_nano=item.sent,
        count=6,
        sum=float(item.number),
        quantile_values=[
            quantile(quantile=0.5, value=float(item.number)),
            quantile(quantile=1.0, value=float(item.number + 1)),
        ],
    )
    return metrics.Metric(name=metric_name(item.kind), unit="1", summary=metrics.Summary(data_points=[point]))


_RECORDS: Mapping[str, Callable[[Item], LogRecord]] = {LOG: _log, EVENT: _event}
_POINTS: Mapping[str, Callable[[Item], metrics.Metric]] = {
    "gauge": _gauge,
    "sum": _sum,
    "histogram": _histogram,
    "exponential_histogram": _exponential_histogram,
    "summary": _summary,
}
