"""What must come back of the telemetry in python_sender.py: cells of ClickHouse and answers of questions."""

from datetime import UTC, datetime

from python_sender import AT, LINKED, NESTED_TEXT, SCOPE, SECOND

LINKED_TRACE, LINKED_SPAN = f"{LINKED.trace_id:032x}", f"{LINKED.span_id:016x}"
SCOPE_NAME, SCOPE_VERSION, SCOPE_SCHEMA, SCOPE_ATTRIBUTES = SCOPE
SPAN_ATTRIBUTES = {
    "big": "-9223372036854775808",
    "bytes": "AP8=",
    "doubles": "[0.5,1e+21]",
    "empty": "",
    "flags": "[true,false]",
    "numbers": "[1,-2]",
    "text": 'naïve ☕ "quoted"\n\\',
    "texts": '["a","","<&>"]',
    "third": "0.3333333333333333",
    "tiny": "1e-7",
    "whole": "2",
    "yes": "true",
}
LOG_ATTRIBUTES = {"list": '[1,"two"]', "n": "-1", "nested": NESTED_TEXT}
EXCEPTION = {
    "attempt": "2",
    "exception.escaped": "False",
    "exception.message": "card expired",
    "exception.stacktrace": "ValueError: card expired\n",
    "exception.type": "ValueError",
}


SERIES = {
    "orders": [
        {"kind": "sum", "unit": "{order}", "attributes": {"pay": "card"}, "rate": 1.0},
        {"kind": "sum", "unit": "{order}", "attributes": {"pay": "cash"}, "rate": 0.5},
    ],
    "in_use": [
        {"kind": "sum", "unit": "{connection}"} | dict.fromkeys(("avg", "min", "max", "last"), -1.5),
    ],
    "memory": [
        {"kind": "gauge", "unit": "By", "attributes": {"pool": "heap"}}
        | dict.fromkeys(("avg", "min", "max", "last"), float(2**53)),
    ],
    "latency": [
        {"kind": "histogram", "unit": "s", "attributes": {"route": "/a"}}
        | {"rate": 2 / 60, "avg": 0.4375, "p50": 0.25, "p95": 0.95, "p99": 0.99},
    ],
    "size": [
        {"kind": "exponential_histogram", "unit": "By"}
        | {"rate": 4 / 60, "avg": 2.75, "p50": 3.0, "p95": 7.2, "p99": 7.84},
    ],
}
"""What `metric_series` answers of each metric and service, beside what is the same for all."""

NO_EXEMPLARS = {f"Exemplars.{name}": [] for name in ("FilteredAttributes", "TimeUnix", "Value", "SpanId", "TraceId")}
STARTED = datetime.fromtimestamp(AT // SECOND, UTC)
COLLECTED = datetime.fromtimestamp(AT // SECOND + 60, UTC)
CUMULATIVE = 2
POINTS = {
    "otel_metrics_sum": [
        {
            "MetricName": "orders",
            "MetricDescription": "Orders placed.",
            "MetricUnit": "{order}",
            "Attributes": {"pay": pay},
            "Value": value,
            "AggregationTemporality": CUMULATIVE,
            "IsMonotonic": True,
        }
        for pay, value in (("card", 60.0), ("cash", 30.0))
    ]
    + [
        {
            "MetricName": "in_use",
            "MetricDescription": "Connections in use.",
            "MetricUnit": "{connection}",
            "Attributes": {},
            "Value": -1.5,
            "AggregationTemporality": CUMULATIVE,
            "IsMonotonic": False,
        }
    ],
    "otel_metrics_gauge": [
        {
            "MetricName": "memory",
            "MetricDescription": "Memory in use.",
            "MetricUnit": "By",
            "Attributes": {"pool": "heap"},
            "StartTimeUnix": datetime.fromtimestamp(0, UTC),  # the SDK sends none for a gauge
            "Value": float(2**53),
        }
    ],
    "otel_metrics_histogram": [
        {
            "MetricName": "latency",
            "MetricDescription": "Time to answer.",
            "MetricUnit": "s",
            "Attributes": {"route": "/a"},
            "Count": 2,
            "Sum": 0.875,
            "BucketCounts": [1, 0, 1, 0],
            "ExplicitBounds": [0.25, 0.5, 1.0],
            "Min": 0.125,
            "Max": 0.75,
            "AggregationTemporality": CUMULATIVE,
            "Exemplars.FilteredAttributes": [{"user": "u1"}],
            "Exemplars.TimeUnix": [datetime.fromtimestamp(AT // SECOND + 1, UTC)],
            "Exemplars.Value": [0.75],
            "Exemplars.SpanId": [LINKED_SPAN],
            "Exemplars.TraceId": [LINKED_TRACE],
        }
    ],
    "otel_metrics_exponential_histogram": [
        {
            "MetricName": "size",
            "MetricDescription": "Size of an answer.",
            "MetricUnit": "By",
            "Attributes": {},
            "Count": 4,
            "Sum": 11.0,
            "Scale": 0,
            "ZeroCount": 1,
            "PositiveOffset": 1,
            "PositiveBucketCounts": [2, 1],
            "NegativeOffset": 0,
            "NegativeBucketCounts": [0],
            "Min": 0.0,
            "Max": 5.0,
            "AggregationTemporality": CUMULATIVE,
        }
    ],
    "otel_metrics_summary": [],
}
"""The rows of each table, beside what is the same for all."""
