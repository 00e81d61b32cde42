"""Which attributes `attribute_keys` finds, and where."""

from answers import at, found, log, span, the

WHERE = {"k8s.namespace.name": "ns", "k8s.cluster.name": "c", "krateo.composition.id": "k"}


def point(**columns):
    return {"MetricName": "m", "ServiceName": "shop", "TimeUnix": at(0)[:19], "Attributes": {"le": "5"}, **columns}


def test_attributes_of_every_signal_are_counted_where_they_stand(desk, put):
    put("otel_logs", [log(n, LogAttributes={"http.route": f"/{n % 2}"}, ServiceName=f"s{n % 2}") for n in range(4)])
    put("otel_logs", [log(1, ResourceAttributes={"host.name": "b"}, LogAttributes={"empty": ""}), log(-4000)])
    put("otel_traces", [span("a", SpanAttributes={"http.route": "/x"}, ResourceAttributes={"host.name": "a"})])
    put("otel_metrics_gauge", [point(Value=1)])
    put("otel_metrics_sum", [point(Value=1)])
    for kind in ("histogram", "exponential_histogram", "summary"):
        put(f"otel_metrics_{kind}", [point(Count=1, ResourceAttributes={"host.name": "m"})])

    reply = desk.ask("attribute_keys", {})

    columns = ("signal", "place", "attribute", "items", "distinct_values", "services", "example")
    assert found(reply, *columns) == [
        ("logs", "item", "http.route", 4, 2, 2, "/0"),
        ("logs", "item", "empty", 1, 1, 1, ""),
        ("logs", "resource", "host.name", 1, 1, 1, "b"),
        ("metrics", "item", "le", 5, 1, 1, "5"),
        ("metrics", "resource", "host.name", 3, 1, 1, "m"),
        ("traces", "item", "http.route", 1, 1, 1, "/x"),
        ("traces", "resource", "host.name", 1, 1, 1, "a"),
    ]


def test_attributes_are_narrowed_by_each_filter(desk, put):
    put(
        "otel_logs",
        [log(0, LogAttributes={"placed": "1"}, ResourceAttributes=WHERE), log(0, LogAttributes={"100%": "1"})],
    )
    put("otel_traces", [span("a", SpanAttributes={"of bank": "1"}, ServiceName="bank")])

    def keys(**written):
        return set(the(desk.ask("attribute_keys", written), "attribute"))

    assert keys(signal="traces") == keys(service="bank") == keys(text="OF B") == {"of bank"}
    assert keys(namespace="ns") == keys(cluster="c") == keys(composition="k") == {"placed", *WHERE}
    assert keys(text="0%") == {"100%"}
    assert keys(signal="metrics") == set()
