"""What telemetrygen, the Collector's load generator on the Go SDK, sends comes back, by both protocols."""

import time
from collections import Counter
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from foreign_senders import run_telemetrygen
from running_house import ON_SERVER, clock

pytestmark = pytest.mark.go

LINKED_TRACE, LINKED_SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
STEP = 5_000_000
"""Nanoseconds that each span lasts."""
IN_TRACE = [f"--trace-id={LINKED_TRACE}", f"--span-id={LINKED_SPAN}"]
KINDS = ["Gauge", "Sum", "Histogram", "ExponentialHistogram"]
DELTA = ["--metrics=2", "--aggregation-temporality=delta"]
RUNS = [
    ["traces", "--traces=2", "--child-spans=2", "--span-links=1", "--status-code=Error", "--span-duration=5ms"],
    ["logs", "--logs=2", "--body=half a page", "--severity-number=17", "--severity-text=Bad", *IN_TRACE],
    *(["metrics", f"--metric-type={kind}", f"--otlp-metric-name={kind}", *DELTA, *IN_TRACE] for kind in KINDS),
]
"""What telemetrygen is told, beside where to send and what to say about itself."""
TOLD = {"count": "7", "list": '["a","b"]', "yes": "true"}
"""What `describe` says, as columns hold it."""
SCHEMA = "https://opentelemetry.io/schemas/1.40.0"
"""Of the semantic conventions that this version of telemetrygen uses."""


CHANNELS = ["grpc gzip", "http none"]


def describe(option):
    return [f"--{option}={pair}" for pair in ('list=["a","b"]', "count=7", "yes=true")]


@pytest.fixture(scope="module")
def everything_sent(house):
    return {channel: send(house, *channel.split()) for channel in CHANNELS}


@pytest.fixture(params=CHANNELS)
def sent(everything_sent, request):
    """One service's telemetry, sent by one protocol with one compression."""
    return everything_sent[request.param]


def send(house, protocol, compression):
    name = f"go {protocol} {compression}"
    door = house.ports["OTLP/HTTP" if protocol == "http" else "OTLP/gRPC"]
    common = [f"--otlp-endpoint=127.0.0.1:{door}", "--otlp-insecure", "--rate=0", f"--service={name}"]
    common += [*describe("otlp-attributes"), *describe("telemetry-attributes")]
    common += ["--otlp-http"] if protocol == "http" else []
    begun = time.time_ns()
    for run in RUNS:
        run_telemetrygen(*run, *common, OTEL_EXPORTER_OTLP_COMPRESSION=compression)
    return SimpleNamespace(service=name, resource=TOLD | {"service.name": name}, during=(begun, time.time_ns()))


def happened(sent, written):
    """Whether a time as the house writes it lies within the sending."""
    begun, ended = map(clock, sent.during)
    return begun <= written <= ended


def test_each_trace_is_answered_with_its_tree(house, sent):
    found = house.question("slow_traces", service=sent.service)
    assert len(found) == 2
    for trace in found:
        spans = house.question("trace", trace_id=trace["trace_id"])
        assert [
            (span["depth"], span["span"], span["kind"], span["offset_ns"], span["duration_ns"], span["placement"])
            for span in spans
        ] == [
            (0, "lets-go", "Client", 0, 2 * STEP, "root"),
            (1, "okey-dokey-0", "Server", 0, STEP, "child"),
            (1, "okey-dokey-1", "Server", STEP, STEP, "child"),
        ]
        assert {span["service"] for span in spans} == {sent.service}
        assert all(span["error"] for span in spans)
        assert all(span["resource"] == sent.resource for span in spans)
        assert {span["parent_span_id"] for span in spans} == {"", spans[0]["span_id"]}
        peers = [span["attributes"] for span in spans]
        addressed = TOLD | {"network.peer.address": "1.2.3.4"}
        assert peers == [
            addressed | {"service.peer.name": f"telemetrygen-{who}"} for who in ("server", "client", "client")
        ]
        assert happened(sent, spans[0]["start"])


@ON_SERVER
def test_every_column_of_a_span_holds_what_was_sent(rows, sent):
    stored = rows("otel_traces", sent.service)

    assert Counter(row["SpanName"] for row in stored) == {"lets-go": 2, "okey-dokey-0": 2, "okey-dokey-1": 2}
    sent_ids = {(row["TraceId"], row["SpanId"]) for row in stored}
    assert len(sent_ids) == 6
    for row in stored:
        assert row["ScopeName"] == "telemetrygen"
        assert row["ResourceAttributes"] == sent.resource
        assert (row["StatusCode"], row["StatusMessage"], row["TraceState"]) == ("Error", "", "")
        assert row["Events.Name"] == []
        assert set(zip(row["Links.TraceId"], row["Links.SpanId"], strict=True)) <= sent_ids
        assert row["Links.Attributes"] == [{"link.index": "0", "link.type": "random"}] * len(row["Links.TraceId"])
    assert sum(len(row["Links.TraceId"]) for row in stored) == 5  # the first span has none to link to


def test_log_records_are_answered_as_they_were_sent(house, sent):
    answered = house.records(service=sent.service)

    assert all(happened(sent, row.pop("time")) for row in answered)
    expected = {
        "severity": "Bad",
        "service": sent.service,
        "body": "half a page",
        "trace_id": LINKED_TRACE,
        "span_id": LINKED_SPAN,
        "attributes": TOLD | {"app": "server"},
        "resource": sent.resource,
    }
    assert answered == [expected, expected]


@ON_SERVER
def test_every_column_of_a_log_record_holds_what_was_sent(rows, sent):
    stored = rows("otel_logs", sent.service)

    assert all(happened(sent, row.pop("Timestamp")) for row in stored)
    expected = {
        "TraceId": LINKED_TRACE,
        "SpanId": LINKED_SPAN,
        "TraceFlags": 0,
        "SeverityText": "Bad",
        "SeverityNumber": 17,
        "ServiceName": sent.service,
        "Body": "half a page",
        "ResourceSchemaUrl": SCHEMA,
        "ResourceAttributes": sent.resource,
        "ScopeSchemaUrl": "",
        "ScopeName": "",
        "ScopeVersion": "",
        "ScopeAttributes": {},
        "LogAttributes": TOLD | {"app": "server"},
        "EventName": "",
    }
    assert stored == [expected, expected]


SERIES = {
    "Gauge": {"kind": "gauge", "avg": 0.5, "min": 0.0, "max": 1.0},
    "Sum": {"kind": "sum", "rate": 1 / 600},
    "Histogram": {"kind": "histogram", "rate": 20 / 600, "avg": (3940 + 4455) / 20},
}
"""What `metric_series` says of two points in a window of ten minutes."""


@pytest.mark.parametrize("metric", SERIES)
def test_each_kind_of_metric_is_answered_as_a_series(house, everything_sent, metric):
    begun = min(sent.during[0] for sent in everything_sent.values()) // 10**9 * 10**9
    window = {"since": clock(begun - 60 * 10**9), "until": clock(begun + 540 * 10**9)}

    answered = house.question("metric_series", metric=metric, step=604_800, **window)

    services = sorted(sent.service for sent in everything_sent.values())
    expected = [{"service": service, "attributes": TOLD, "points": 2} | SERIES[metric] for service in services]
    assert [{name: row[name] for name in expected[0]} for row in answered] == expected


POINTS = {
    "Gauge": ("otel_metrics_gauge", [{"Value": 0.0}, {"Value": 1.0}]),
    "Sum": ("otel_metrics_sum", [{"Value": 0.0, "IsMonotonic": True}, {"Value": 1.0, "IsMonotonic": True}]),
    "Histogram": (
        "otel_metrics_histogram",
        [
            {"Count": 10, "Sum": 3940.0, "BucketCounts": [0, 0, 1, 0, 0, 0, 3, 4, 1, 1, 0, 0, 0, 0, 0, 0]},
            {"Count": 10, "Sum": 4455.0, "BucketCounts": [0, 0, 0, 0, 0, 0, 2, 4, 4, 0, 0, 0, 0, 0, 0, 0]},
        ],
    ),
}
"""The table of each kind and what its two points hold, beside what is the same for all."""
BOUNDS = [0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1e3, 2.5e3, 5e3, 7.5e3, 1e4]


@ON_SERVER
@pytest.mark.parametrize("metric", POINTS)
def test_every_column_of_a_data_point_holds_what_was_sent(rows, sent, metric):
    table, points = POINTS[metric]
    stored = sorted(rows(table, sent.service), key=lambda row: row.get("Value", row.get("Sum")))

    times = [(row.pop("StartTimeUnix"), row.pop("TimeUnix"), *row.pop("Exemplars.TimeUnix")) for row in stored]
    assert all(measured(sent, collected) and measured(sent, example) for _, collected, example in times)
    begins = [(collected - started).total_seconds() for started, collected, _ in times]
    assert begins == ([1, 1] if metric != "Gauge" else [collected.timestamp() for _, collected, _ in times])
    common = {
        "ResourceAttributes": sent.resource,
        "ResourceSchemaUrl": SCHEMA,
        "ScopeName": "",
        "ScopeVersion": "",
        "ScopeAttributes": {},
        "ScopeDroppedAttrCount": 0,
        "ScopeSchemaUrl": "",
        "ServiceName": sent.service,
        "MetricName": metric,
        "MetricDescription": "",
        "MetricUnit": "",
        "Attributes": TOLD,
        "Flags": 0,
        "Exemplars.FilteredAttributes": [{}],
        "Exemplars.Value": [1.0],
        "Exemplars.SpanId": [LINKED_SPAN],
        "Exemplars.TraceId": [LINKED_TRACE],
    }
    common |= {} if metric == "Gauge" else {"AggregationTemporality": 1}
    common |= {"Min": 0.0, "Max": 0.0, "ExplicitBounds": BOUNDS} if metric == "Histogram" else {}
    assert stored == [common | point for point in points]


@ON_SERVER
def test_an_exponential_histogram_counts_every_measurement(rows, sent):
    stored = rows("otel_metrics_exponential_histogram", sent.service)

    assert len(stored) == 2
    for row in stored:  # telemetrygen draws 10 to 29 random numbers below 1000
        assert 10 <= row["Count"] < 30
        assert row["ZeroCount"] + sum(row["PositiveBucketCounts"]) == row["Count"]
        assert 0 < row["Sum"] < 1000 * row["Count"]
        base = 2 ** (2 ** -row["Scale"])
        assert base ** (row["PositiveOffset"] + len(row["PositiveBucketCounts"]) - 1) <= 1000


def measured(sent, second):
    """Whether a second, as metrics have it, lies within the sending."""
    begun, ended = (datetime.fromtimestamp(nanoseconds // 10**9, UTC) for nanoseconds in sent.during)
    return begun <= second <= ended
