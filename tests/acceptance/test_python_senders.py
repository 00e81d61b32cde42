"""What the OpenTelemetry Python SDK sends comes back, field by field: over REST, and as rows of ClickHouse."""

from types import SimpleNamespace

import pytest
from python_expectations import (
    COLLECTED,
    EXCEPTION,
    LINKED_SPAN,
    LINKED_TRACE,
    LOG_ATTRIBUTES,
    NO_EXEMPLARS,
    POINTS,
    SCOPE_ATTRIBUTES,
    SCOPE_NAME,
    SCOPE_SCHEMA,
    SCOPE_VERSION,
    SERIES,
    SPAN_ATTRIBUTES,
    STARTED,
)
from python_sender import AT, BODIES, MINUTE, SECOND, Exporters, logs, metrics, spans
from running_house import ON_SERVER, clock

WINDOW = {"since": clock(MINUTE), "until": clock(MINUTE + 180 * SECOND)}
CHANNELS = ["grpc none", "grpc gzip", "http none", "http gzip"]


@pytest.fixture(scope="module")
def everything_sent(house):
    """All three signals over each protocol with each compression, every time as another service."""
    return {channel: send(house, *channel.split()) for channel in CHANNELS}


@pytest.fixture(params=CHANNELS)
def sent(everything_sent, request):
    """What one service has sent, and was told is stored."""
    return everything_sent[request.param]


def send(house, protocol, compression):
    service = f"python {protocol} {compression}"
    sent = SimpleNamespace(service=service, spans=spans(service), logs=logs(service), metrics=metrics(service))
    door = {"grpc": "OTLP/gRPC", "http": "OTLP/HTTP"}[protocol]
    exporters = Exporters(house.address(door), protocol, compression)
    exporters.send(sent.spans, sent.logs, sent.metrics)
    exporters.close()
    return sent


def resource_of(sent):
    return {
        "host.cpus": "8",
        "k8s.namespace.name": "shop",
        "service.name": sent.service,
        "tags": '["a","b"]',
        "up": "true",
    }


def span_id(span):
    return f"{span.context.span_id:016x}"


def test_a_trace_is_answered_as_it_was_sent(house, sent):
    trace_id = f"{sent.spans[0].context.trace_id:032x}"

    answered = house.question("trace", trace_id=trace_id)

    *steps, checkout = sent.spans
    common = {"service": sent.service, "resource": resource_of(sent)}
    root = {
        "depth": 0,
        "span": "POST /checkout",
        "kind": "Server",
        "offset_ns": 0,
        "duration_ns": 1_500_000_001,
        "self_ns": 1_500_000_001 - sum(range(1, 5)),
        "error": True,
        "status_message": "payment refused",
        "events": 2,
        "placement": "orphan",
        "span_id": span_id(checkout),
        "parent_span_id": "00f067aa0ba902b7",
        "skew_ns": 0,
        "start": clock(AT),
        "attributes": SPAN_ATTRIBUTES,
    }
    below = [
        {
            "depth": 1,
            "span": f"step {kind.upper()}",
            "kind": kind,
            "offset_ns": 1000 * number,
            "duration_ns": number,
            "self_ns": number,
            "error": False,
            "status_message": "",
            "events": 0,
            "placement": "child",
            "span_id": span_id(steps[number - 1]),
            "parent_span_id": span_id(checkout),
            "skew_ns": 0,
            "start": clock(AT + 1000 * number),
            "attributes": {},
        }
        for number, kind in enumerate(("Client", "Internal", "Producer", "Consumer"), 1)
    ]
    assert answered == [common | row for row in [root, *below]]


@ON_SERVER
def test_every_column_of_a_span_holds_what_was_sent(rows, sent):
    stored = {row["SpanName"]: row for row in rows("otel_traces", sent.service)}

    *steps, checkout = sent.spans
    assert set(stored) == {span.name for span in sent.spans}
    common = {
        "TraceId": f"{checkout.context.trace_id:032x}",
        "TraceState": "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
        "ServiceName": sent.service,
        "ResourceAttributes": resource_of(sent),
        "ScopeName": SCOPE_NAME,
        "ScopeVersion": SCOPE_VERSION,
    }
    assert stored["POST /checkout"] == common | {
        "Timestamp": clock(AT),
        "SpanId": span_id(checkout),
        "ParentSpanId": "00f067aa0ba902b7",
        "SpanName": "POST /checkout",
        "SpanKind": "Server",
        "SpanAttributes": SPAN_ATTRIBUTES,
        "Duration": 1_500_000_001,
        "StatusCode": "Error",
        "StatusMessage": "payment refused",
        "Events.Timestamp": [clock(AT + 10), clock(AT + 20)],
        "Events.Name": ["cart loaded", "exception"],
        "Events.Attributes": [{"codes": '["a","ß"]', "items": "3"}, EXCEPTION],
        "Links.TraceId": [LINKED_TRACE],
        "Links.SpanId": [LINKED_SPAN],
        "Links.TraceState": [""],
        "Links.Attributes": [{"why": "retry"}],
    }
    for number, step in enumerate(steps, 1):
        assert stored[step.name] == common | {
            "Timestamp": clock(AT + 1000 * number),
            "SpanId": span_id(step),
            "ParentSpanId": span_id(checkout),
            "SpanName": step.name,
            "SpanKind": step.kind.name.capitalize(),
            "SpanAttributes": {},
            "Duration": number,
            "StatusCode": "Ok",
            "StatusMessage": "",
            **{f"Events.{name}": [] for name in ("Timestamp", "Name", "Attributes")},
            **{f"Links.{name}": [] for name in ("TraceId", "SpanId", "TraceState", "Attributes")},
        }


@ON_SERVER
def test_attributes_are_stored_in_the_order_of_their_keys(rows, sent):
    stored = [row for table in ("otel_traces", "otel_logs") for row in rows(table, sent.service)]

    maps = [value for row in stored for value in row.values() if isinstance(value, dict)]
    assert any(len(one) > 10 for one in maps)
    assert [list(one) for one in maps] == [sorted(one) for one in maps]


def test_log_records_are_answered_as_they_were_sent(house, sent):
    answered = house.records(service=sent.service)

    *told, observed_only, stdlib = sent.logs
    common = {"service": sent.service, "resource": resource_of(sent)}
    in_trace = {"severity": "ERR", "trace_id": LINKED_TRACE, "span_id": LINKED_SPAN}
    nowhere = {"trace_id": "", "span_id": ""}
    expected = [
        common
        | in_trace
        | {
            "time": clock(AT + number),
            "body": text,
            "attributes": {"case": name} | LOG_ATTRIBUTES,
        }
        for number, (name, _, text) in enumerate(BODIES)
    ]
    expected += [
        common
        | nowhere
        | {
            "time": clock(observed_only.log_record.observed_timestamp),
            "severity": "",
            "body": "observed only",
            "attributes": {},
        },
        common
        | nowhere
        | {
            "time": clock(stdlib.log_record.timestamp),
            "severity": "WARN",
            "body": "3 items left",
            "attributes": stdlib_attributes(stdlib),
        },
    ]
    assert len(told) == len(BODIES)
    assert answered == expected[::-1]


def stdlib_attributes(record):
    line = record.log_record.attributes["code.line.number"]
    file = record.log_record.attributes["code.file.path"]
    code = {"code.file.path": file, "code.function.name": "tell_by_logging", "code.line.number": str(line)}
    return code | {"sku": "A-1", "where": '{"shelf":7}'}


@ON_SERVER
def test_every_column_of_a_log_record_holds_what_was_sent(rows, sent):
    stored = {row["Body"]: row for row in rows("otel_logs", sent.service)}

    stdlib = sent.logs[-1]
    resource = {
        "ServiceName": sent.service,
        "ResourceSchemaUrl": "https://opentelemetry.io/schemas/1.38.0",
        "ResourceAttributes": resource_of(sent),
    }
    common = resource | {
        "ScopeSchemaUrl": SCOPE_SCHEMA,
        "ScopeName": SCOPE_NAME,
        "ScopeVersion": SCOPE_VERSION,
        "ScopeAttributes": SCOPE_ATTRIBUTES,
    }
    nowhere = {"TraceId": "", "SpanId": "", "TraceFlags": 0, "EventName": ""}
    assert len(stored) == len(BODIES) + 2
    for number, (name, _, text) in enumerate(BODIES):
        assert stored[text] == common | {
            "Timestamp": clock(AT + number),
            "TraceId": LINKED_TRACE,
            "SpanId": LINKED_SPAN,
            "TraceFlags": 1,
            "SeverityText": "ERR",
            "SeverityNumber": 18,
            "Body": text,
            "LogAttributes": {"case": name} | LOG_ATTRIBUTES,
            "EventName": "shop.event",
        }
    assert stored["observed only"] == common | nowhere | {
        "Timestamp": clock(AT + SECOND),
        "SeverityText": "",
        "SeverityNumber": 0,
        "Body": "observed only",
        "LogAttributes": {},
    }
    assert stored["3 items left"] == resource | nowhere | {
        "Timestamp": clock(stdlib.log_record.timestamp),
        "SeverityText": "WARN",
        "SeverityNumber": 13,
        "Body": "3 items left",
        "ScopeSchemaUrl": "",
        "ScopeName": "shop.stdlib",
        "ScopeVersion": "",
        "ScopeAttributes": {},
        "LogAttributes": stdlib_attributes(stdlib),
    }


@pytest.mark.parametrize("metric", SERIES)
def test_each_instrument_is_answered_as_a_series(house, everything_sent, metric):
    answered = house.question("metric_series", metric=metric, step=60, **WINDOW)

    measures = dict.fromkeys(("rate", "avg", "min", "max", "last", "p50", "p95", "p99"))
    common = {"attributes": {}, "time": clock(MINUTE + 60 * SECOND), "points": 1, "step_seconds": 60} | measures
    common["series_total"] = len(SERIES[metric]) * len(CHANNELS)
    services = sorted(sent.service for sent in everything_sent.values())
    expected = [common | {"service": service} | series for service in services for series in SERIES[metric]]
    assert answered == [{name: nearly(value) for name, value in row.items()} for row in expected]


def nearly(value):
    """Rates and quantiles are computed; of two correct computations the last digit may differ."""
    return pytest.approx(value, rel=1e-12) if isinstance(value, float) else value


@ON_SERVER
@pytest.mark.parametrize("table", POINTS)
def test_every_column_of_a_data_point_holds_what_was_sent(rows, sent, table):
    stored = rows(table, sent.service)

    common = {
        "ResourceAttributes": resource_of(sent),
        "ResourceSchemaUrl": "https://opentelemetry.io/schemas/1.38.0",
        "ScopeName": SCOPE_NAME,
        "ScopeVersion": SCOPE_VERSION,
        "ScopeAttributes": SCOPE_ATTRIBUTES,
        "ScopeDroppedAttrCount": 0,
        "ScopeSchemaUrl": SCOPE_SCHEMA,
        "ServiceName": sent.service,
        "StartTimeUnix": STARTED,
        "TimeUnix": COLLECTED,
        "Flags": 0,
    }
    expected = [common | NO_EXEMPLARS | point for point in POINTS[table]]
    assert sorted(stored, key=key) == sorted(expected, key=key)


def key(point):
    return point["MetricName"], str(point["Attributes"])


def test_the_service_is_counted_with_its_requests_errors_and_logs(house, sent):
    services = {row["service"]: row for row in house.question("services")}

    newest = max(record.log_record.timestamp or 0 for record in sent.logs)
    counted = {name: value for name, value in services[sent.service].items() if not name.endswith("_ms")}
    assert counted == {
        "service": sent.service,
        "requests": 2,
        "errors": 1,
        "error_rate": 0.5,
        "spans": 5,
        "logs": len(sent.logs),
        "last_seen": clock(newest),
    }
