"""Export requests in which every item carries an id that no other item of any run carries.

In: a run's name, a request's number, how many items. Out: the request, in protobuf or JSON. The id is
``<request, 8 digits>/<item, 5 digits>``; the run is the service's name. Where the id ends up in ClickHouse is what
`bench.chaos.census` counts by: a log's body, an attribute of a span and of a data point.
"""

import time
from collections.abc import Callable, Mapping

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from sql.signals import Signal

ATTRIBUTE = "chaos.id"
_CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE


def request_id(number: int) -> str:
    """The part of the id that all items of one request share."""
    return f"{number:08d}/"


def request(signal: Signal, run: str, number: int, items: int) -> bytes:
    """One Export request of `items` items, serialised."""
    return bytes(_MAKERS[signal](run, number, items).SerializeToString())


def log_request_as_json(run: str, number: int, items: int) -> bytes:
    """The same for logs in OTLP/JSON; they carry no ids of traces, whose JSON form is OTLP's own."""
    return json_format.MessageToJson(_logs(run, number, items), indent=None).encode()


def _ids(number: int, items: int) -> list[str]:
    return [f"{request_id(number)}{item:05d}" for item in range(items)]


def _resource(run: str) -> Resource:
    return Resource(attributes=[_text("service.name", run), _text("k8s.cluster.name", "chaos")])


def _text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def _logs(run: str, number: int, items: int) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    scoped = request.resource_logs.add(resource=_resource(run)).scope_logs.add()
    now = time.time_ns()
    for item, name in enumerate(_ids(number, items)):
        record = scoped.log_records.add(time_unix_nano=now + item, severity_number=9, severity_text="INFO")
        record.body.string_value = name
        record.attributes.append(_text("thread.name", f"worker-{item % 8}"))
    return request


def _traces(run: str, number: int, items: int) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    scoped = request.resource_spans.add(resource=_resource(run)).scope_spans.add()
    now = time.time_ns()
    for item, name in enumerate(_ids(number, items)):
        span = scoped.spans.add(
            trace_id=b"chaos..." + number.to_bytes(8, "big"),
            span_id=(item + 1).to_bytes(8, "big"),
            name="GET /chaos",
            kind=2,
            start_time_unix_nano=now + item,
            end_time_unix_nano=now + item + 1_000_000,
        )
        span.attributes.append(_text(ATTRIBUTE, name))
    return request


def _metrics(run: str, number: int, items: int) -> ExportMetricsServiceRequest:
    """Data points of all five kinds in turn: five tables."""
    request = ExportMetricsServiceRequest()
    scoped = request.resource_metrics.add(resource=_resource(run)).scope_metrics.add()
    now = time.time_ns()
    names = _ids(number, items)
    for kind, add in enumerate((_gauge, _sum, _histogram, _exponential_histogram, _summary)):
        if mine := names[kind::5]:
            metric = scoped.metrics.add(name=f"chaos.{add.__name__[1:]}", unit="1")
            for name in mine:
                add(metric, name, now)
    return request


def _gauge(metric: Metric, name: str, now: int) -> None:
    metric.gauge.data_points.add(time_unix_nano=now, as_double=1.5).attributes.append(_text(ATTRIBUTE, name))


def _sum(metric: Metric, name: str, now: int) -> None:
    metric.sum.is_monotonic, metric.sum.aggregation_temporality = True, _CUMULATIVE
    metric.sum.data_points.add(time_unix_nano=now, as_int=3).attributes.append(_text(ATTRIBUTE, name))


def _histogram(metric: Metric, name: str, now: int) -> None:
    metric.histogram.aggregation_temporality = _CUMULATIVE
    point = metric.histogram.data_points.add(
        time_unix_nano=now, count=3, sum=6.0, bucket_counts=[1, 2], explicit_bounds=[1.0]
    )
    point.attributes.append(_text(ATTRIBUTE, name))


def _exponential_histogram(metric: Metric, name: str, now: int) -> None:
    metric.exponential_histogram.aggregation_temporality = _CUMULATIVE
    point = metric.exponential_histogram.data_points.add(time_unix_nano=now, count=2, sum=3.0, scale=1)
    point.positive.bucket_counts.extend((1, 1))
    point.attributes.append(_text(ATTRIBUTE, name))


def _summary(metric: Metric, name: str, now: int) -> None:
    point = metric.summary.data_points.add(time_unix_nano=now, count=2, sum=3.0)
    point.quantile_values.add(quantile=0.5, value=1.5)
    point.attributes.append(_text(ATTRIBUTE, name))


Request = ExportLogsServiceRequest | ExportTraceServiceRequest | ExportMetricsServiceRequest

_MAKERS: Mapping[Signal, Callable[[str, int, int], Request]] = {
    Signal.LOGS: _logs,
    Signal.TRACES: _traces,
    Signal.METRICS: _metrics,
}
