"""What the OpenTelemetry JavaScript SDK sends as OTLP/JSON comes back, field by field."""

import json
import time
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from foreign_senders import JAVASCRIPT, run_node
from running_house import ON_SERVER, clock

pytestmark = pytest.mark.node

MINUTE = int(time.time()) // 60 * 60 - 300
"""A full minute a little ago, in seconds: everything happens from here on."""
AT = MINUTE * 10**9 + 123_456_789
LINKED_TRACE, LINKED_SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
NESTED = (
    '{"a":[1,2.5,"x",true,{"deep":[[],{}]}],"bytes":"AP8=","z":null,"ß":{"a":"line\\nbreak <&>","b":9007199254740991}}'
)
SPAN_ATTRIBUTES = {
    "big": "9007199254740991",
    "empty": "",
    "flags": "[true,false]",
    "numbers": "[1,-2.5]",
    "text": 'naïve ☕ "quoted"\n',
    "texts": '["a","","<&>"]',
    "third": "0.3333333333333333",
    "tiny": "1e-7",
    "whole": "2",
    "yes": "true",
}
LOG_ATTRIBUTES = {"list": '[1,"two"]', "n": "-1", "nested": NESTED}
BODIES = ["half a page", NESTED, '["a",1,{"b":false}]', "42", "2.5", "false", "AP8="]
SCHEMA = "https://opentelemetry.io/schemas/1.38.0"
SCOPE_SCHEMA = "https://opentelemetry.io/schemas/1.37.0"


@pytest.fixture(scope="module")
def everything_sent(house):
    return {compression: send(house, compression) for compression in ("none", "gzip")}


@pytest.fixture(params=["none", "gzip"])
def sent(everything_sent, request):
    """One service's telemetry, sent with one compression and acknowledged."""
    return everything_sent[request.param]


def send(house, compression):
    service = f"javascript {compression}"
    where = {"OTEL_EXPORTER_OTLP_ENDPOINT": house.address("OTLP/HTTP"), "OTEL_EXPORTER_OTLP_COMPRESSION": compression}
    printed = run_node(JAVASCRIPT / "send.mjs", service, str(MINUTE), **where)
    resource = {"cpus": "8", "service.name": service, "tags": '["a","b"]', "up": "true"}
    return SimpleNamespace(service=service, resource=resource, spans=json.loads(printed))


def test_a_trace_is_answered_as_it_was_sent(house, sent):
    page, fetch = sent.spans["GET /"], sent.spans["fetch"]

    answered = house.question("trace", trace_id=page["traceId"])

    common = {"service": sent.service, "resource": sent.resource}
    assert answered == [
        common
        | {
            "depth": 0,
            "span": "GET /",
            "kind": "Server",
            "offset_ns": 0,
            "duration_ns": 1_000_000_001,
            "self_ns": 999_999_001,
            "error": True,
            "status_message": "half a page",
            "events": 1,
            "placement": "root",
            "span_id": page["spanId"],
            "parent_span_id": "",
            "skew_ns": 0,
            "start": clock(AT),
            "attributes": SPAN_ATTRIBUTES,
        },
        common
        | {
            "depth": 1,
            "span": "fetch",
            "kind": "Client",
            "offset_ns": 1000,
            "duration_ns": 1000,
            "self_ns": 1000,
            "error": False,
            "status_message": "",
            "events": 0,
            "placement": "child",
            "span_id": fetch["spanId"],
            "parent_span_id": page["spanId"],
            "skew_ns": 0,
            "start": clock(AT + 1000),
            "attributes": {},
        },
    ]


@ON_SERVER
def test_every_column_of_a_span_holds_what_was_sent(rows, sent):
    stored = {row["SpanName"]: row for row in rows("otel_traces", sent.service)}

    assert set(stored) == {"GET /", "fetch"}
    assert stored["fetch"]["StatusCode"] == "Unset"
    assert stored["GET /"] == {
        "Timestamp": clock(AT),
        "TraceId": sent.spans["GET /"]["traceId"],
        "SpanId": sent.spans["GET /"]["spanId"],
        "ParentSpanId": "",
        "TraceState": "",
        "SpanName": "GET /",
        "SpanKind": "Server",
        "ServiceName": sent.service,
        "ResourceAttributes": sent.resource,
        "ScopeName": "shop.web",
        "ScopeVersion": "2.0.1",
        "SpanAttributes": SPAN_ATTRIBUTES,
        "Duration": 1_000_000_001,
        "StatusCode": "Error",
        "StatusMessage": "half a page",
        "Events.Timestamp": [clock(AT + 10)],
        "Events.Name": ["rendered"],
        "Events.Attributes": [{"nodes": "3"}],
        "Links.TraceId": [LINKED_TRACE],
        "Links.SpanId": [LINKED_SPAN],
        "Links.TraceState": ["rojo=1"],
        "Links.Attributes": [{"why": "retry"}],
    }


def test_log_records_are_answered_as_they_were_sent(house, sent):
    answered = house.records(service=sent.service)

    common = {"service": sent.service, "resource": sent.resource, "attributes": LOG_ATTRIBUTES}
    common |= {"severity": "WARNING", "trace_id": LINKED_TRACE, "span_id": LINKED_SPAN}
    expected = [common | {"time": clock(AT + number), "body": body} for number, body in enumerate(BODIES)]
    assert answered == expected[::-1]


@ON_SERVER
def test_every_column_of_a_log_record_holds_what_was_sent(rows, sent):
    stored = sorted(rows("otel_logs", sent.service), key=lambda row: row["Timestamp"])

    assert stored == [
        {
            "Timestamp": clock(AT + number),
            "TraceId": LINKED_TRACE,
            "SpanId": LINKED_SPAN,
            "TraceFlags": 1,
            "SeverityText": "WARNING",
            "SeverityNumber": 13,
            "ServiceName": sent.service,
            "Body": body,
            "ResourceSchemaUrl": SCHEMA,
            "ResourceAttributes": sent.resource,
            "ScopeSchemaUrl": SCOPE_SCHEMA,
            "ScopeName": "shop.web",
            "ScopeVersion": "2.0.1",
            "ScopeAttributes": {},
            "LogAttributes": LOG_ATTRIBUTES,
            "EventName": "shop.event",
        }
        for number, body in enumerate(BODIES)
    ]


SERIES = {
    "orders": {"kind": "sum", "unit": "{order}", "attributes": {"pay": "card"}, "rate": 1.0},
    "in_use": {"kind": "sum", "unit": "{connection}"} | dict.fromkeys(("avg", "min", "max", "last"), -1.5),
    "memory": {"kind": "gauge", "unit": "By", "attributes": {"pool": "heap"}}
    | dict.fromkeys(("avg", "min", "max", "last"), float(2**53)),
    "latency": {"kind": "histogram", "unit": "s", "attributes": {"route": "/a"}}
    | {"rate": 2 / 60, "avg": 0.4375, "p50": 0.25, "p95": 0.95, "p99": 0.99},
}
"""What `metric_series` answers for each metric, beside what is the same for all."""


@pytest.mark.parametrize("metric", SERIES)
def test_each_instrument_is_answered_as_a_series(house, everything_sent, metric):
    window = {"since": clock(MINUTE * 10**9), "until": clock((MINUTE + 180) * 10**9)}

    answered = house.question("metric_series", metric=metric, step=60, **window)

    measures = dict.fromkeys(("rate", "avg", "min", "max", "last", "p50", "p95", "p99"))
    common = {"attributes": {}, "time": clock((MINUTE + 60) * 10**9), "points": 1, "step_seconds": 60} | measures
    common["series_total"] = len(everything_sent)
    services = sorted(sent.service for sent in everything_sent.values())
    assert answered == [common | {"service": service} | SERIES[metric] for service in services]


POINTS = {
    ("otel_metrics_sum", "orders"): {
        "MetricDescription": "Orders placed.",
        "MetricUnit": "{order}",
        "Attributes": {"pay": "card"},
        "Value": 60.0,
        "IsMonotonic": True,
        "AggregationTemporality": 2,
    },
    ("otel_metrics_sum", "in_use"): {
        "MetricUnit": "{connection}",
        "Value": -1.5,
        "IsMonotonic": False,
        "AggregationTemporality": 2,
    },
    ("otel_metrics_gauge", "memory"): {
        "MetricUnit": "By",
        "Attributes": {"pool": "heap"},
        "Value": float(2**53),
    },
    ("otel_metrics_histogram", "latency"): {
        "MetricUnit": "s",
        "Attributes": {"route": "/a"},
        "Count": 2,
        "Sum": 0.875,
        "BucketCounts": [1, 0, 1, 0],
        "ExplicitBounds": [0.25, 0.5, 1.0],
        "Min": 0.125,
        "Max": 0.75,
        "AggregationTemporality": 2,
    },
    ("otel_metrics_exponential_histogram", "size"): {
        "MetricUnit": "By",
        "Count": 3,
        "Sum": 17.0,
        "Scale": -1,  # one bucket is a factor of four: 1 lies in (1/4, 1], 16 in (4, 16]
        "ZeroCount": 1,
        "PositiveOffset": -1,
        "PositiveBucketCounts": [1, 0, 1],
        "NegativeOffset": 0,
        "NegativeBucketCounts": [],
        "Min": 0.0,
        "Max": 16.0,
        "AggregationTemporality": 2,
    },
}
"""By table and metric, beside what is the same for all."""


@ON_SERVER
@pytest.mark.parametrize(("table", "metric"), POINTS)
def test_every_column_of_a_data_point_holds_what_was_sent(rows, sent, table, metric):
    stored = [row for row in rows(table, sent.service) if row["MetricName"] == metric]

    exemplars = ("FilteredAttributes", "TimeUnix", "Value", "SpanId", "TraceId")
    common = {
        "ResourceAttributes": sent.resource,
        "ResourceSchemaUrl": SCHEMA,
        "ScopeName": "shop.web",
        "ScopeVersion": "2.0.1",
        "ScopeAttributes": {},
        "ScopeDroppedAttrCount": 0,
        "ScopeSchemaUrl": SCOPE_SCHEMA,
        "ServiceName": sent.service,
        "MetricName": metric,
        "MetricDescription": "",
        "Attributes": {},
        "StartTimeUnix": datetime.fromtimestamp(MINUTE, UTC),
        "TimeUnix": datetime.fromtimestamp(MINUTE + 60, UTC),
        "Flags": 0,
        **{f"Exemplars.{name}": [] for name in exemplars},
    }
    assert stored == [common | POINTS[table, metric]]
