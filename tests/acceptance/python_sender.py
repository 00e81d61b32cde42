"""Telemetry of a small service, made by the OpenTelemetry Python SDK and sent by its own exporters.

Each function makes one signal and gives it as the SDK's own objects, so that a test knows what was sent.
"""

import dataclasses
import logging
import time
import warnings

import grpc
from opentelemetry import trace
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetrics
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetrics
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, LogRecordExportResult, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricExportResult, MetricsData
from opentelemetry.sdk.metrics.view import (
    ExplicitBucketHistogramAggregation,
    ExponentialBucketHistogramAggregation,
    View,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
)

SECOND = 10**9
MINUTE = time.time_ns() // (60 * SECOND) * 60 * SECOND - 300 * SECOND
"""A full minute a little ago, in nanoseconds: everything happens from here on."""
AT = MINUTE + 123_456_789
"""A time that uses every digit of a nanosecond."""

LINKED = SpanContext(0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331, is_remote=True, trace_flags=TraceFlags(1))
SCOPE = ("shop.checkout", "1.4.2", "https://opentelemetry.io/schemas/1.37.0", {"scope.kind": "test"})


class Exporters:
    """The SDK's own exporters of one protocol and compression. A send that is not acknowledged fails the test."""

    def __init__(self, address, protocol, compression="none", headers=None):
        if protocol == "grpc":
            how = {"compression": grpc.Compression.Gzip if compression == "gzip" else grpc.Compression.NoCompression}
            how["headers"] = headers
            self._spans = GrpcSpans(address, **how)
            self._logs = GrpcLogs(address, **how)
            self._metrics = GrpcMetrics(address, **how)
        else:
            how = {"compression": Compression(compression), "headers": headers}
            self._spans = HttpSpans(f"{address}/v1/traces", **how)
            self._logs = HttpLogs(f"{address}/v1/logs", **how)
            self._metrics = HttpMetrics(f"{address}/v1/metrics", **how)

    def send(self, spans, logs, metrics):
        assert self.outcomes(spans, logs, metrics) == [
            SpanExportResult.SUCCESS,
            LogRecordExportResult.SUCCESS,
            MetricExportResult.SUCCESS,
        ]

    def outcomes(self, spans, logs, metrics):
        """What each exporter says of its export."""
        return [self._spans.export(spans), self._logs.export(logs), self._metrics.export(metrics)]

    def close(self):
        for exporter in (self._spans, self._logs, self._metrics):
            exporter.shutdown()


def resource(service):
    attributes = {"service.name": service, "host.cpus": 8, "k8s.namespace.name": "shop", "tags": ["a", "b"], "up": True}
    return Resource(attributes, "https://opentelemetry.io/schemas/1.38.0")


def spans(service):
    """A request that came from elsewhere and failed, the call in it, and one span of each other kind."""
    kept = InMemorySpanExporter()
    provider = TracerProvider(ALWAYS_ON, resource(service), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracer = provider.get_tracer(*SCOPE)
    state = TraceState([("rojo", "00f067aa0ba902b7"), ("congo", "t61rcWkgMzE")])
    trace_id = provider.id_generator.generate_trace_id()
    caller = SpanContext(trace_id, 0x00F067AA0BA902B7, is_remote=True, trace_flags=TraceFlags(1), trace_state=state)
    elsewhere = trace.set_span_in_context(NonRecordingSpan(caller))
    checkout = tracer.start_span(
        "POST /checkout", elsewhere, SpanKind.SERVER, span_attributes(), [Link(LINKED, {"why": "retry"})], AT
    )
    inside = trace.set_span_in_context(checkout)
    for after, kind in enumerate((SpanKind.CLIENT, SpanKind.INTERNAL, SpanKind.PRODUCER, SpanKind.CONSUMER), 1):
        span = tracer.start_span(f"step {kind.name}", inside, kind, start_time=AT + after * 1000)
        span.set_status(StatusCode.OK)
        span.end(AT + after * 1000 + after)
    checkout.add_event("cart loaded", {"items": 3, "codes": ["a", "ß"]}, AT + 10)
    checkout.record_exception(ValueError("card expired"), {"attempt": 2}, AT + 20)
    checkout.set_status(Status(StatusCode.ERROR, "payment refused"))
    checkout.end(AT + 1_500_000_001)
    return kept.get_finished_spans()


def span_attributes():
    return {
        "text": 'naïve ☕ "quoted"\n\\',
        "empty": "",
        "yes": True,
        "big": -(2**63),
        "third": 1 / 3,
        "tiny": 1e-7,
        "whole": 2.0,
        "texts": ["a", "", "<&>"],
        "numbers": [1, -2],
        "doubles": [0.5, 1e21],
        "flags": [True, False],
        "bytes": b"\x00\xff",
    }


NESTED = {
    "z": None,
    "a": [1, 2.5, 1.0, "x", True, None, {"deep": [[], {}]}],
    "bytes": b"\x00\xff",
    "ß": {"b": -(2**63), "a": "line\nbreak \u2028 <&>"},
}
NESTED_TEXT = (
    '{"a":[1,2.5,1,"x",true,null,{"deep":[[],{}]}],"bytes":"AP8=","z":null,'
    r'"ß":{"a":"line\nbreak \u2028 <&>","b":-9223372036854775808}}'
)
"""NESTED as a column holds it: compact JSON, keys sorted by their bytes."""

BODIES = [
    ("text", "payment refused: naïve ☕", "payment refused: naïve ☕"),
    ("nested", NESTED, NESTED_TEXT),
    ("list", ["a", 1, {"b": False}], '["a",1,{"b":false}]'),
    ("int", 42, "42"),
    ("double", 1e21, "1e+21"),
    ("bool", False, "false"),
    ("bytes", b"\x00\xff", "AP8="),
    ("nothing", None, ""),
]
"""Name, the body as it is given to the SDK, and the text that a column holds."""


def logs(service):
    """A record for each kind of body, and one that came by Python's own `logging`."""
    kept = InMemoryLogRecordExporter()
    provider = LoggerProvider(resource(service), shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(kept))
    logger = provider.get_logger(*SCOPE)
    within = trace.set_span_in_context(NonRecordingSpan(LINKED))
    for number, (name, body, _) in enumerate(BODIES):
        logger.emit(
            timestamp=AT + number,
            observed_timestamp=AT + SECOND,
            context=within,
            severity_number=SeverityNumber.ERROR2,
            severity_text="ERR",
            body=body,
            attributes={"case": name, "nested": NESTED, "list": [1, "two"], "n": -1},
            event_name="shop.event",
        )
    logger.emit(observed_timestamp=AT + SECOND, body="observed only")
    tell_by_logging(provider)
    return kept.get_finished_logs()


def tell_by_logging(provider):
    with warnings.catch_warnings():
        # Its successor is a package of its own; this one is still what most programs have.
        warnings.simplefilter("ignore", DeprecationWarning)
        handler = LoggingHandler(logger_provider=provider)
    told = logging.Logger("shop.stdlib")
    told.addHandler(handler)
    told.warning("%d items left", 3, extra={"sku": "A-1", "where": {"shelf": 7}})


def metrics(service):
    """Each instrument once, as if collected a minute after it began."""
    reader = InMemoryMetricReader()
    views = [
        View(
            instrument_name="latency",
            aggregation=ExplicitBucketHistogramAggregation([0.25, 0.5, 1]),
            attribute_keys={"route"},
        ),
        View(instrument_name="size", aggregation=ExponentialBucketHistogramAggregation(max_scale=0)),
    ]
    provider = MeterProvider([reader], resource(service), shutdown_on_exit=False, views=views)
    meter = provider.get_meter(*SCOPE)
    within = trace.set_span_in_context(NonRecordingSpan(LINKED))
    orders = meter.create_counter("orders", "{order}", "Orders placed.")
    for pay in ("card", "card", "cash"):
        orders.add(30, {"pay": pay})
    in_use = meter.create_up_down_counter("in_use", "{connection}", "Connections in use.")
    in_use.add(5.5)
    in_use.add(-7)
    meter.create_gauge("memory", "By", "Memory in use.").set(2**53, {"pool": "heap"})
    latency = meter.create_histogram("latency", "s", "Time to answer.")
    latency.record(0.125, {"route": "/a"})
    latency.record(0.75, {"route": "/a", "user": "u1"}, within)
    size = meter.create_histogram("size", "By", "Size of an answer.")
    for measured in (3, 3, 5, 0):
        size.record(measured)
    return MetricsData([stamped(one) for one in reader.get_metrics_data().resource_metrics])


def stamped(resource_metrics):
    """The same, begun at AT and collected a minute later, as the SDK would have it with another clock."""
    scopes = [
        dataclasses.replace(
            scope,
            metrics=[
                dataclasses.replace(metric, data=dataclasses.replace(metric.data, data_points=points(metric)))
                for metric in scope.metrics
            ],
        )
        for scope in resource_metrics.scope_metrics
    ]
    return dataclasses.replace(resource_metrics, scope_metrics=scopes)


def points(metric):
    return [
        dataclasses.replace(
            point,
            start_time_unix_nano=AT,
            time_unix_nano=AT + 60 * SECOND,
            exemplars=[dataclasses.replace(one, time_unix_nano=AT + SECOND) for one in point.exemplars],
        )
        for point in metric.data.data_points
    ]
