"""Which values `attribute_values` finds of one attribute."""

import pytest
from answers import at, found, log, span, the


def point(**columns):
    return {"MetricName": "m", "ServiceName": "shop", "TimeUnix": at(5)[:19], "Attributes": {"k": "p"}, **columns}


def test_values_are_counted_where_they_stand_most_frequent_first(desk, put):
    put("otel_logs", [log(n, LogAttributes={"k": "a"}, ServiceName=f"s{n % 2}") for n in range(4)])
    put(
        "otel_logs",
        [log(9, LogAttributes={"k": ""}, ResourceAttributes={"k": "a"}), log(9, LogAttributes={"other": "a"})],
    )
    put("otel_traces", [span("x", SpanAttributes={"k": "b"}), span("y", SpanAttributes={"k": "b"})])
    for kind in ("gauge", "sum", "histogram", "exponential_histogram", "summary"):
        put(f"otel_metrics_{kind}", [point()])

    reply = desk.ask("attribute_values", {"attribute": "k"})

    assert found(reply, "value", "signal", "place", "items", "services", "last_seen") == [
        ("p", "metrics", "item", 5, 1, "2026-01-01T12:00:05.000000000Z"),
        ("a", "logs", "item", 4, 2, "2026-01-01T12:00:03.000000000Z"),
        ("b", "traces", "item", 2, 1, "2026-01-01T12:00:00.000000000Z"),
        ("", "logs", "item", 1, 1, "2026-01-01T12:00:09.000000000Z"),
        ("a", "logs", "resource", 1, 1, "2026-01-01T12:00:09.000000000Z"),
    ]


def test_values_are_narrowed_by_each_filter(desk, put):
    where = {"k8s.namespace.name": "ns", "k8s.cluster.name": "c", "krateo.composition.id": "x"}
    put(
        "otel_logs",
        [log(0, LogAttributes={"k": "placed"}, ResourceAttributes=where), log(0, LogAttributes={"k": "100%"})],
    )
    put("otel_traces", [span("a", SpanAttributes={"k": "of bank"}, ServiceName="bank")])

    def values(**written):
        return the(desk.ask("attribute_values", {"attribute": "k", **written}), "value")

    assert values(signal="traces") == values(service="bank") == values(text="OF B") == ["of bank"]
    assert values(namespace="ns") == values(cluster="c") == values(composition="x") == ["placed"]
    assert values(text="0%") == ["100%"]
    assert values(since="1ns") == []


@pytest.mark.parametrize("name", ["'] != '' OR LogAttributes['k", "%", "\\", "nul\0nul", "日本語"])
def test_hostile_names_are_names(desk, put, name):
    put("otel_logs", [log(0, LogAttributes={name: name}), log(1, LogAttributes={"k": "x"})])

    assert the(desk.ask("attribute_values", {"attribute": name}), "value") == [name]
