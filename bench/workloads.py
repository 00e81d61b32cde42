"""What is sent: Export requests of a known shape, made once and sent many times.

Out: `Workload`s of serialised requests. Every attribute set, id and number is drawn from a seeded generator, so that
two runs send the same bytes but for their timestamps, which are now (retention would delete others).
"""

import dataclasses
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from bench import pods
from sql.signals import Signal

_RESOURCE_ATTRIBUTES = (
    "deployment.environment.name",
    "host.name",
    "k8s.container.name",
    "os.type",
    "process.executable.name",
    "process.runtime.version",
    "service.version",
    "telemetry.sdk.language",
)
"""What an SDK in a pod says of itself, beside the pod's uid, which it has from the downward API."""
WORKLOADS, PODS = 500, 10
"""Workloads of the cluster that all comes from, and pods of a workload (`bench.pods`)."""
_ROUTES = ("/cart", "/cart/{item}", "/checkout", "/orders/{id}", "/healthz", "/search")


@dataclass(frozen=True, slots=True)
class Workload:
    """Requests of one shape."""

    name: str
    signal: Signal
    items_per_request: int
    requests: tuple[bytes, ...]
    tables: tuple[str, ...]
    """Where the rows end; the Native floor is measured into copies of these."""
    senders: int = 12
    """Requests under way at once."""
    share: float = 1.0
    """Of the items that a run sends; less where an item costs much more than a flat log."""

    @property
    def bytes_per_item(self) -> float:
        """Uncompressed protobuf bytes for one item."""
        return sum(map(len, self.requests)) / len(self.requests) / self.items_per_request


def flat_logs(items: int = 8192, requests: int = 8, name: str = "flat logs") -> Workload:
    """Application logs as an SDK sends them: about 320 bytes each, 10 resource and 6 record attributes."""
    draw = random.Random(1)
    bodies = tuple(_log_request(draw, items) for _ in range(requests))
    return Workload(name, Signal.LOGS, items, bodies, ("otel_logs",))


def small_logs() -> Workload:
    """The same logs, ten a request: what many small senders without a Collector look like."""
    return dataclasses.replace(flat_logs(items=10, requests=64, name="small requests"), senders=512, share=0.1)


def spans(items: int = 2048, requests: int = 8) -> Workload:
    """Spans with 12 attributes and 2 events."""
    draw = random.Random(2)
    bodies = tuple(_span_request(draw, items) for _ in range(requests))
    return Workload("spans", Signal.TRACES, items, bodies, ("otel_traces",), share=0.5)


def number_points(items: int = 8192, requests: int = 8) -> Workload:
    """Number data points, half gauges and half monotonic sums, 64 points a metric, 4 attributes a point."""
    draw = random.Random(3)
    bodies = tuple(_points_request(draw, items) for _ in range(requests))
    tables = ("otel_metrics_gauge", "otel_metrics_sum")
    return Workload("number data points", Signal.METRICS, items, bodies, tables)


def kubernetes_events(items: int = 500, requests: int = 8) -> Workload:
    """Kubernetes events as the k8sobjects receiver sends them: the watch event as a map in the body."""
    draw = random.Random(4)
    bodies = tuple(_events_request(draw, items) for _ in range(requests))
    return Workload("kubernetes events", Signal.LOGS, items, bodies, ("otel_logs",), senders=8, share=0.1)


def _attribute(key: str, value: str | int | float) -> KeyValue:
    return KeyValue(key=key, value=_value(value))


def _value(value: object) -> AnyValue:
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    out = AnyValue()
    if isinstance(value, dict):
        out.kvlist_value.values.extend(KeyValue(key=key, value=_value(inner)) for key, inner in value.items())
    elif isinstance(value, list):
        out.array_value.values.extend(map(_value, value))
    return out


def _resource(draw: random.Random, service: str) -> Resource:
    pod = f"{service}-{draw.randrange(16**9):09x}-{draw.randrange(16**5):05x}"
    attributes = [_attribute("service.name", service)]
    attributes += [_attribute(key, f"{key[-6:]}-{pod[-14:]}") for key in _RESOURCE_ATTRIBUTES]
    attributes.append(_attribute("k8s.pod.uid", _pod_uid(draw)))
    return Resource(attributes=attributes)


def _pod_uid(draw: random.Random) -> str:
    return pods.uid(0, draw.randrange(WORKLOADS), draw.randrange(PODS))


def _log_request(draw: random.Random, items: int) -> bytes:
    request = ExportLogsServiceRequest()
    scoped = request.resource_logs.add(resource=_resource(draw, "checkout")).scope_logs.add()
    scoped.scope.name = "checkout.orders"
    now = time.time_ns()
    for index in range(items):
        record = scoped.log_records.add(
            time_unix_nano=now + index * 1000,
            observed_time_unix_nano=now + index * 1000,
            severity_number=9,
            severity_text="INFO",
            trace_id=draw.randbytes(16),
            span_id=draw.randbytes(8),
        )
        order = draw.randrange(10**9)
        record.body.string_value = (
            f"order {order} accepted for customer {order % 9973} with {order % 7} items "
            f"after {order % 400} ms in the queue, region eu-1"
        )
        record.attributes.extend(
            (
                _attribute("http.request.method", "POST"),
                _attribute("http.route", draw.choice(_ROUTES)),
                _attribute("thread.name", f"worker-{order % 8}"),
                _attribute("user.id", f"u{order % 9973}"),
                _attribute("http.response.status_code", 200),
                _attribute("queue.seconds", order % 4000 / 10_000),
            )
        )
    return request.SerializeToString()


def _span_request(draw: random.Random, items: int) -> bytes:
    request = ExportTraceServiceRequest()
    scoped = request.resource_spans.add(resource=_resource(draw, "frontend")).scope_spans.add()
    scoped.scope.name = "frontend.http"
    now = time.time_ns()
    for index in range(items):
        start = now + index * 1000
        route = draw.choice(_ROUTES)
        span = scoped.spans.add(
            trace_id=draw.randbytes(16),
            span_id=draw.randbytes(8),
            parent_span_id=draw.randbytes(8),
            name=f"GET {route}",
            kind=draw.choice((2, 3)),
            start_time_unix_nano=start,
            end_time_unix_nano=start + draw.randrange(10**8),
        )
        span.attributes.append(_attribute("http.route", route))
        span.attributes.append(_attribute("http.response.status_code", 200))
        span.attributes.extend(_attribute(f"app.attribute.{n}", f"value {draw.randrange(1000)}") for n in range(10))
        for name in ("cache.miss", "retry"):
            event = span.events.add(name=name, time_unix_nano=start + 500)
            event.attributes.append(_attribute("attempt", draw.randrange(3)))
    return request.SerializeToString()


def _points_request(draw: random.Random, items: int) -> bytes:
    request = ExportMetricsServiceRequest()
    scoped = request.resource_metrics.add(resource=_resource(draw, "inventory")).scope_metrics.add()
    scoped.scope.name = "inventory.stock"
    now = time.time_ns()
    for number in range(items // 64):
        metric = scoped.metrics.add(name=f"app.metric.{number:03d}", unit="1", description="made for the benchmark")
        data = metric.gauge if number % 2 else metric.sum
        if not number % 2:
            metric.sum.is_monotonic = True
            metric.sum.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
        for series in range(64):
            point = data.data_points.add(
                time_unix_nano=now, start_time_unix_nano=now - 10**10, as_double=draw.random() * 1000
            )
            point.attributes.extend(
                (
                    _attribute("region", f"r{series % 4}"),
                    _attribute("shelf", f"s{series}"),
                    _attribute("tier", "gold"),
                    _attribute("shard", series),
                )
            )
    return request.SerializeToString()


def _events_request(draw: random.Random, items: int) -> bytes:
    request = ExportLogsServiceRequest()
    scoped = request.resource_logs.add(resource=_resource(draw, "k8s-events")).scope_logs.add()
    scoped.scope.name = "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/k8sobjectsreceiver"
    now = time.time_ns()
    for index in range(items):
        record = scoped.log_records.add(time_unix_nano=now + index, observed_time_unix_nano=now + index)
        record.attributes.append(_attribute("event.domain", "k8s"))
        record.attributes.append(_attribute("k8s.resource.name", "events"))
        record.body.CopyFrom(_value({"type": "ADDED", "object": _event(draw)}))
    return request.SerializeToString()


def _event(draw: random.Random) -> dict[str, object]:
    pod = f"payment-{draw.randrange(16**8):08x}"
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    fields: dict[str, object] = {
        f"f:{name}": {} for name in ("count", "firstTimestamp", "lastTimestamp", "message", "reason", "type")
    }
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{pod}.{draw.randrange(16**16):016x}",
            "namespace": "shop",
            "uid": f"{draw.randrange(16**32):032x}",
            "resourceVersion": str(draw.randrange(10**9)),
            "creationTimestamp": at,
            "managedFields": [
                {
                    "manager": "kubelet",
                    "operation": "Update",
                    "apiVersion": "v1",
                    "time": at,
                    "fieldsType": "FieldsV1",
                    "fieldsV1": {
                        **fields,
                        "f:involvedObject": {},
                        "f:source": {"f:component": {}, "f:host": {}},
                    },
                },
            ],
        },
        "involvedObject": {
            "apiVersion": "v1",
            "kind": "Pod",
            "name": pod,
            "namespace": "shop",
            "uid": _pod_uid(draw),
            "resourceVersion": str(draw.randrange(10**9)),
            "fieldPath": "spec.containers{payment}",
        },
        "reason": draw.choice(("BackOff", "Unhealthy", "Pulled", "Killing")),
        "message": f"Back-off restarting failed container payment in pod {pod}_shop",
        "source": {"component": "kubelet", "host": f"node-{draw.randrange(40)}"},
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": draw.randrange(1, 400),
        "type": "Warning",
        "eventTime": None,
        "reportingComponent": "kubelet",
        "reportingInstance": f"node-{draw.randrange(40)}",
    }


SHAPES: Mapping[str, Callable[[], Workload]] = {
    "flat logs": flat_logs,
    "spans": spans,
    "number data points": number_points,
    "kubernetes events": kubernetes_events,
    "small requests": small_logs,
}
"""Every shape that `otelhouse bench ingest` sends, by name, in order."""
