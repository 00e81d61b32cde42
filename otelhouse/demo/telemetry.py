"""Tells the shop's history through the OpenTelemetry SDK, with the times at which it happened.

In: the shop and its visits. Out: a `History` of finished spans, log records and collected metrics, as the
SDK's own objects, ready for any OTLP exporter. Nothing is exported here. Metrics are collected once a
simulated minute, and since the SDK stamps them with the present, the points are given the minute they stand
for.
"""

import dataclasses
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from opentelemetry import trace
from opentelemetry._logs import SeverityNumber
from opentelemetry.context import Context
from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, Metric, MetricsData, ResourceMetrics
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from otelhouse.demo import traffic
from otelhouse.demo.shop import Service, Shop
from otelhouse.demo.traffic import Kind, Line, Severity, Step, Visit

SECOND = 1_000_000_000
"""Nanoseconds."""

_KINDS = {
    Kind.SERVER: trace.SpanKind.SERVER,
    Kind.CLIENT: trace.SpanKind.CLIENT,
    Kind.INTERNAL: trace.SpanKind.INTERNAL,
}
_MEMORY_LIMIT = 256 << 20
_POOL_SIZE = 20


@dataclass(slots=True)
class History:
    """What there is to send."""

    spans: list[ReadableSpan] = field(default_factory=list)
    logs: list[ReadableLogRecord] = field(default_factory=list)
    metrics: list[ResourceMetrics] = field(default_factory=list)
    fault_trace_id: str = ""
    """The newest trace that the fault broke, in hex."""

    @property
    def data_points(self) -> int:
        """How many data points the metrics have."""
        return sum(
            len(metric.data.data_points)
            for resource in self.metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        )


class _SeededIds(IdGenerator):
    """Trace and span ids that a seed decides, so that a demo can be repeated."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def generate_span_id(self) -> int:
        return self._rng.getrandbits(64) or 1

    def generate_trace_id(self) -> int:
        return self._rng.getrandbits(128) or 1


class _Narrator:
    """One service's tracer, logger and instruments."""

    def __init__(self, service: Service, ids: IdGenerator, history_start: int) -> None:
        self.service = service
        self._last_collection = history_start
        self._history_start = history_start
        resource = Resource(service.resource())
        scope = f"shop.{service.name}"
        self._tell_spans(resource, ids, scope)
        self._tell_logs(resource, scope)
        self._tell_metrics(resource, scope)
        self._pool_in_use = 0

    def _tell_spans(self, resource: Resource, ids: IdGenerator, scope: str) -> None:
        self.spans = InMemorySpanExporter()
        provider = TracerProvider(ALWAYS_ON, resource, shutdown_on_exit=False, id_generator=ids)
        provider.add_span_processor(SimpleSpanProcessor(self.spans))
        self.tracer = provider.get_tracer(scope, self.service.version)

    def _tell_logs(self, resource: Resource, scope: str) -> None:
        self.logs = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]  # the SDK leaves it untyped
        provider = LoggerProvider(resource, shutdown_on_exit=False)
        provider.add_log_record_processor(SimpleLogRecordProcessor(self.logs))
        self.logger = provider.get_logger(scope, self.service.version)

    def _tell_metrics(self, resource: Resource, scope: str) -> None:
        self._reader = InMemoryMetricReader()
        exponential = View(
            instrument_name="db.client.operation.duration",
            aggregation=ExponentialBucketHistogramAggregation(),
        )
        provider = MeterProvider([self._reader], resource, shutdown_on_exit=False, views=[exponential])
        meter = provider.get_meter(scope, self.service.version)
        self.requests = meter.create_histogram(
            "http.server.request.duration",
            unit="s",
            description="Duration of HTTP server requests.",
            explicit_bucket_boundaries_advisory=[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
        )
        self.queries = meter.create_histogram(
            "db.client.operation.duration", unit="s", description="Duration of database client operations."
        )
        self.errors = meter.create_counter("shop.errors", unit="{error}", description="Requests that failed.")
        self.orders = meter.create_counter("shop.orders", unit="{order}", description="Orders placed.")
        self.pool = meter.create_up_down_counter(
            "db.client.connection.count", unit="{connection}", description="Connections in use."
        )
        self.memory = meter.create_gauge("container.memory.usage", unit="By", description="Memory in use.")

    def minute(self, end: int, *, in_use: int, memory: int) -> list[ResourceMetrics]:
        """Close a simulated minute: set what is measured at its end and collect all, stamped with `end`."""
        if self.service.name == "payment":
            self.pool.add(in_use - self._pool_in_use, {"db.client.connection.pool.name": "payments", "state": "used"})
            self._pool_in_use = in_use
        self.memory.set(memory)
        collected = self._reader.get_metrics_data()
        return _stamped(collected, self._history_start, end) if collected else []


def tell(shop: Shop, visits: Iterable[Visit], rng: random.Random, now: int) -> History:
    """The history that ends at `now` (nanoseconds since the epoch)."""
    start = now - (traffic.HISTORY_MINUTES * 60 + 12) * SECOND
    ids = _SeededIds(rng)
    narrators = {name: _Narrator(service, ids, start) for name, service in shop.services.items()}
    history = History()
    minute_end = start + 60 * SECOND
    for visit in visits:
        at = now - int(visit.age * SECOND)
        while at >= minute_end:
            history.metrics += _minute(narrators, rng, minute_end, now)
            minute_end += 60 * SECOND
        trace_id = _Visit(narrators).tell(visit.step, at)
        if visit.step.error:
            history.fault_trace_id = f"{trace_id:032x}"
    history.metrics += _minute(narrators, rng, now, now)
    for narrator in narrators.values():
        history.spans += narrator.spans.get_finished_spans()
        history.logs += narrator.logs.get_finished_logs()
    return history


class _Visit:
    """One customer's request being told."""

    def __init__(self, narrators: dict[str, _Narrator]) -> None:
        self._narrators = narrators

    def tell(self, step: Step, at: int) -> int:
        """Tell the request that began at `at`; gives its trace id."""
        return self._step(step, at, Context())[0]

    def _step(self, step: Step, start: int, parent: Context) -> tuple[int, int]:
        """Tell `step` and all within it; gives the trace id and the time of the end."""
        narrator = self._narrators[step.service]
        span = narrator.tracer.start_span(step.name, parent, _KINDS[step.kind], dict(step.attributes), start_time=start)
        inside = trace.set_span_in_context(span, parent)
        half = int(step.work * SECOND / 2)
        at = start + half
        for sub_step in step.steps:
            _, at = self._step(sub_step, at, inside)
        end = at + half
        for line in step.lines:
            _write(narrator, line, end - 1000, inside)
        if step.error:
            _fail(span, step, end)
        _measure(narrator, step, (end - start) / SECOND, inside)
        span.end(end)
        return span.get_span_context().trace_id, end


def _fail(span: trace.Span, step: Step, end: int) -> None:
    span.set_status(trace.Status(trace.StatusCode.ERROR, step.error))
    span.set_attribute("error.type", step.error_type)
    if step.kind is Kind.SERVER:
        attributes = {"exception.type": "ServiceUnavailable", "exception.message": step.error}
        span.add_event("exception", attributes, end)


def _measure(narrator: _Narrator, step: Step, seconds: float, context: Context) -> None:
    if step.kind is Kind.SERVER:
        names = ("http.request.method", "http.route", "http.response.status_code")
        attributes = {name: step.attributes[name] for name in names}
        narrator.requests.record(seconds, attributes, context)
        if step.error:
            narrator.errors.add(1, {"http.route": step.attributes["http.route"]}, context)
        elif step.service == "checkout":
            narrator.orders.add(1, {"payment.method": "card"}, context)
    elif "db.system.name" in step.attributes:
        attributes = {name: step.attributes[name] for name in ("db.system.name", "db.operation.name")}
        narrator.queries.record(seconds, attributes, context)


_SEVERITIES = {
    Severity.DEBUG: SeverityNumber.DEBUG,
    Severity.INFO: SeverityNumber.INFO,
    Severity.WARN: SeverityNumber.WARN,
    Severity.ERROR: SeverityNumber.ERROR,
}


def _write(narrator: _Narrator, line: Line, at: int, context: Context) -> None:
    narrator.logger.emit(
        timestamp=at,
        observed_timestamp=at,
        context=context,
        severity_number=_SEVERITIES[line.severity],
        severity_text=line.severity.value,
        body=line.text,
        attributes=dict(line.attributes),
    )


def _minute(narrators: dict[str, _Narrator], rng: random.Random, end: int, now: int) -> list[ResourceMetrics]:
    minutes_left = (now - end) / SECOND / 60
    troubled = minutes_left < traffic.FAULT_MINUTES
    collected = []
    for name, narrator in narrators.items():
        memory = rng.randint(90, 110) << 20
        if name == "payment" and troubled:
            # Requests that wait for a connection hold memory, until the kernel ends it (see cluster_events).
            memory = min(_MEMORY_LIMIT, memory + int((traffic.FAULT_MINUTES - minutes_left) % 4 * (40 << 20)))
        in_use = _POOL_SIZE if troubled else rng.randint(2, 6)
        collected += narrator.minute(end, in_use=in_use, memory=memory)
    return collected


def _stamped(data: MetricsData, start: int, end: int) -> list[ResourceMetrics]:
    """`data` as if the series had begun at `start` and been collected at `end`."""
    return [
        dataclasses.replace(
            resource,
            scope_metrics=[
                dataclasses.replace(scope, metrics=[_stamp(metric, start, end) for metric in scope.metrics])
                for scope in resource.scope_metrics
            ],
        )
        for resource in data.resource_metrics
    ]


def _stamp(metric: Metric, start: int, end: int) -> Metric:
    data: Any = metric.data  # four kinds of data and of point, all with these fields
    stamped = [
        dataclasses.replace(
            point,
            start_time_unix_nano=start if point.start_time_unix_nano else point.start_time_unix_nano,
            time_unix_nano=end,
            exemplars=[dataclasses.replace(exemplar, time_unix_nano=end) for exemplar in point.exemplars],
        )
        for point in data.data_points
    ]
    return dataclasses.replace(metric, data=dataclasses.replace(data, data_points=stamped))
