"""Telemetry of one cluster on its way to the front door: log records, spans, gauges, kept by who sent them.

In: what happened, how many minutes ago. Out: serialised OTLP Export requests of a few thousand records each. Every id
is drawn from a seeded generator. Resources carry the attributes that SDKs behind a collector with k8sattributes, the
kubeletstats and the k8s_cluster receiver give them.
"""

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from bench.agents.cluster import Pod

MINUTE = 60 * 10**9
MILLISECOND = 10**6
_MOST = 4000
"""Records in one request."""

INFO, WARN, ERROR, FATAL = 9, 13, 17, 21
_LEVELS = {INFO: "INFO", WARN: "WARN", ERROR: "ERROR", FATAL: "FATAL"}

T = TypeVar("T")
Attributes = Mapping[str, object]
_Sender = tuple[tuple[str, object], ...]


@dataclass(frozen=True, slots=True)
class Sent:
    """One request for the front door."""

    signal: str
    """logs, traces or metrics."""
    body: bytes


@dataclass(slots=True)
class Telemetry:
    """What one cluster sends."""

    cluster: str
    uid: str
    now: int
    """Unix nanoseconds; everything lies before."""
    draw: random.Random
    silent_after: float = 0.0
    """Minutes before now after which logs, spans and gauges of workloads no longer arrive; events still do."""
    _logs: dict[_Sender, list[LogRecord]] = field(default_factory=lambda: defaultdict(list))
    _spans: dict[_Sender, list[Span]] = field(default_factory=lambda: defaultdict(list))
    _metrics: dict[_Sender, dict[tuple[str, str], Metric]] = field(default_factory=lambda: defaultdict(dict))

    def at(self, minutes_ago: float) -> int:
        """That time in Unix nanoseconds."""
        return self.now - int(minutes_ago * MINUTE)

    def of_pod(self, pod: Pod) -> dict[str, object]:
        """Resource attributes of an application in a pod."""
        workload = pod.workload
        owner = "k8s.statefulset.name" if workload.stateful else "k8s.deployment.name"
        return {
            "service.name": workload.name,
            "service.version": workload.version,
            **self.of_container(pod),
            owner: workload.name,
        }

    def of_container(self, pod: Pod) -> dict[str, object]:
        """Resource attributes of a container as kubelet knows it."""
        return {
            **self.of_cluster(),
            "k8s.namespace.name": pod.workload.namespace,
            "k8s.pod.name": pod.name,
            "k8s.pod.uid": pod.uid,
            "k8s.container.name": pod.container,
            "k8s.node.name": pod.node,
        }

    def of_cluster(self) -> dict[str, object]:
        """Resource attributes of everything here."""
        return {"k8s.cluster.name": self.cluster, "k8s.cluster.uid": self.uid}

    def log(self, pod: Pod, minutes_ago: float, severity: int, body: str, trace_id: bytes = b"") -> None:
        """A log record of the program in a pod."""
        if minutes_ago >= self.silent_after:
            at = self.at(minutes_ago)
            record = LogRecord(
                time_unix_nano=at,
                observed_time_unix_nano=at,
                severity_number=severity,  # type: ignore[arg-type]  # the enum's numbers are its values
                severity_text=_LEVELS[severity],
                trace_id=trace_id,
                body=AnyValue(string_value=body),
            )
            self._logs[_sender(self.of_pod(pod))].append(record)

    def record(self, resource: Attributes, record: LogRecord) -> None:
        """A log record as it is, of whatever sender; silence does not hold it back."""
        self._logs[_sender(resource)].append(record)

    def span(self, pod: Pod, span: Span) -> None:
        """A span of the program in a pod."""
        if span.start_time_unix_nano <= self.at(self.silent_after):
            self._spans[_sender(self.of_pod(pod))].append(span)

    def gauge(self, resource: Attributes, name: str, unit: str, minutes_ago: float, value: float) -> None:
        """One data point of a gauge."""
        if minutes_ago >= self.silent_after:
            points = self._metric(resource, name, unit).gauge.data_points
            points.add(time_unix_nano=self.at(minutes_ago), as_double=value)

    def counter(self, resource: Attributes, name: str, unit: str, minutes_ago: float, value: float) -> None:
        """One data point of a cumulative, rising sum that began at the start of the telemetry."""
        if minutes_ago >= self.silent_after:
            total = self._metric(resource, name, unit).sum
            total.aggregation_temporality, total.is_monotonic = 2, True  # type: ignore[assignment]  # CUMULATIVE
            total.data_points.add(
                time_unix_nano=self.at(minutes_ago), start_time_unix_nano=self.at(600), as_double=value
            )

    def _metric(self, resource: Attributes, name: str, unit: str) -> Metric:
        metrics = self._metrics[_sender(resource)]
        if (name, unit) not in metrics:
            metrics[name, unit] = Metric(name=name, unit=unit)
        return metrics[name, unit]

    def requests(self) -> Iterator[Sent]:
        """Everything, in requests of bounded size."""
        for records in _portions(self._logs):
            logs = ExportLogsServiceRequest()
            for sender, part in records:
                logs.resource_logs.add(resource=_resource(sender)).scope_logs.add().log_records.extend(part)
            yield _sent("logs", logs)
        for spans in _portions(self._spans):
            traces = ExportTraceServiceRequest()
            for sender, one in spans:
                traces.resource_spans.add(resource=_resource(sender)).scope_spans.add().spans.extend(one)
            yield _sent("traces", traces)
        points = ExportMetricsServiceRequest()
        for sender, metrics in self._metrics.items():
            scoped = points.resource_metrics.add(resource=_resource(sender)).scope_metrics.add()
            scoped.metrics.extend(metrics.values())
        yield _sent("metrics", points)


def value(what: object) -> AnyValue:
    """A value of OTLP, nested ones too."""
    if isinstance(what, bool):
        return AnyValue(bool_value=what)
    if isinstance(what, int):
        return AnyValue(int_value=what)
    if isinstance(what, float):
        return AnyValue(double_value=what)
    out = AnyValue()
    if isinstance(what, Mapping):
        out.kvlist_value.values.extend(pairs(what))
    elif what is not None:
        out.string_value = str(what)
    return out


def pairs(attributes: Attributes) -> list[KeyValue]:
    """Attributes of OTLP."""
    return [KeyValue(key=key, value=value(one)) for key, one in attributes.items()]


def _sender(attributes: Attributes) -> _Sender:
    return tuple(attributes.items())


def _resource(sender: _Sender) -> Resource:
    return Resource(attributes=pairs(dict(sender)))


def _portions(by_sender: Mapping[_Sender, list[T]]) -> Iterator[list[tuple[_Sender, list[T]]]]:
    """Portions of about `_MOST` records, those of one sender together."""
    portion: list[tuple[_Sender, list[T]]] = []
    size = 0
    for sender, records in by_sender.items():
        portion.append((sender, records))
        size += len(records)
        if size >= _MOST:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


def _sent(signal: str, request: Message) -> Sent:
    return Sent(signal, request.SerializeToString())
