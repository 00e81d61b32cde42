"""OTLP requests, whole and broken, as the doors get them: protobuf messages and JSON bytes."""

import itertools
import json
import time

from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

_numbers = itertools.count(1)


def fresh():
    """A number that no other request of the run has."""
    return next(_numbers)


def named(name):
    """A resource with this service.name."""
    value = common_pb2.AnyValue(string_value=name)
    return {"attributes": [common_pb2.KeyValue(key="service.name", value=value)]}


def log_request(body, service="good"):
    request = logs_service_pb2.ExportLogsServiceRequest()
    scope = request.resource_logs.add(resource=named(service)).scope_logs.add()
    scope.log_records.add(time_unix_nano=time.time_ns(), body=common_pb2.AnyValue(string_value=body))
    return request


def log_request_json(text, **more):
    record = {"timeUnixNano": str(time.time_ns()), "body": {"stringValue": text}} | more
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}).encode()


def event_request_json(name):
    """A Kubernetes event about the pod of that name, flat as the collector's k8sevents receiver sends it."""

    def attributes(**values):
        named = ((key.replace("_", "."), value) for key, value in values.items())
        return [{"key": key, "value": {"stringValue": value}} for key, value in named]

    record = {
        "timeUnixNano": str(time.time_ns()),
        "body": {"stringValue": f"{name} restarts"},
        "attributes": attributes(k8s_event_reason="BackOff", k8s_event_uid=f"uid of {name}", k8s_namespace_name="shop"),
    }
    resource = {"attributes": attributes(k8s_object_kind="Pod", k8s_object_name=name)}
    return json.dumps({"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": [record]}]}]}).encode()


def span_request(*spans):
    request = trace_service_pb2.ExportTraceServiceRequest()
    request.resource_spans.add(resource=named("spans")).scope_spans.add().spans.extend(spans)
    return request


def span(name, trace_id, span_id):
    now = time.time_ns()
    times = {"start_time_unix_nano": now, "end_time_unix_nano": now + 1}
    return trace_pb2.Span(name=name, trace_id=trace_id, span_id=span_id, **times)


def gauges_request(*names, without_data=()):
    request = metrics_service_pb2.ExportMetricsServiceRequest()
    scope = request.resource_metrics.add(resource=named("metrics")).scope_metrics.add()
    for name in names:
        metric = scope.metrics.add(name=name)
        if name not in without_data:
            metric.gauge.data_points.add(time_unix_nano=time.time_ns(), as_int=7)
    return request


def with_unknown_fields(message):
    """The bytes of `message` with a varint, a fixed64, a text and a group that no version of OTLP knows."""
    return message.SerializeToString() + b"\xf8\x3f\x01" + b"\xf1\x3f12345678" + b"\xfa\x3f\x02hi" + b"\xeb\x3f\xec\x3f"


def deep(levels):
    """A log body that is a list in a list in a list."""
    value = {"stringValue": "end"}
    for _ in range(levels):
        value = {"arrayValue": {"values": [value]}}
    return value


def then_a_good_request_is_stored(house, sender):
    """The same connection still serves, and what it now brings can be read."""
    text = f"good request {fresh()}"
    said = sender.send(log_request(text).SerializeToString())
    assert (said.code, said.body) == (0, b""), "full success leaves partial_success unset"
    assert [row["body"] for row in house.question("recent_logs", text=text, service="good")] == [text]
