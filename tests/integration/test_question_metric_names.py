"""What `metric_names` lists."""

from answers import at, found, the


def point(name, seconds=0.0, **columns):
    return {"MetricName": name, "ServiceName": "shop", "TimeUnix": at(seconds)[:19], "Value": 1, **columns}


def counted(name, **columns):
    return {key: value for key, value in point(name, **columns).items() if key != "Value"} | {"Count": 1}


def test_metrics_of_all_kinds_are_listed_by_name(desk, put):
    put(
        "otel_metrics_gauge",
        [
            point("memory", 0, MetricUnit="kB", MetricDescription="old words"),
            point("memory", 60, MetricUnit="By", MetricDescription="new words", ServiceName="bank"),
            point("gone", -4000),
        ],
    )
    put("otel_metrics_sum", [point("requests", 5), point("memory", 7)])
    put("otel_metrics_histogram", [counted("latency")])
    put("otel_metrics_exponential_histogram", [counted("sizes")])
    put("otel_metrics_summary", [counted("pauses")])

    reply = desk.ask("metric_names", {})

    columns = ("metric", "kind", "unit", "services", "points", "newest", "description", "service_names")
    assert found(reply, *columns)[1:3] == [
        ("memory", "gauge", "By", 2, 2, "2026-01-01T12:01:00.000000000Z", "new words", ["bank", "shop"]),
        ("memory", "sum", "", 1, 1, "2026-01-01T12:00:07.000000000Z", "", ["shop"]),
    ]
    assert found(reply, "metric", "kind") == [
        ("latency", "histogram"),
        ("memory", "gauge"),
        ("memory", "sum"),
        ("pauses", "summary"),
        ("requests", "sum"),
        ("sizes", "exponential_histogram"),
    ]


def test_metrics_are_narrowed_by_each_filter(desk, put):
    where = {"k8s.namespace.name": "ns", "k8s.cluster.name": "c", "krateo.composition.id": "k"}
    put("otel_metrics_gauge", [point("Placed.Gauge", ResourceAttributes=where), point("100%", ServiceName="bank")])
    put("otel_metrics_sum", [point("plain.sum")])

    def names(**written):
        return the(desk.ask("metric_names", written), "metric")

    assert names(namespace="ns") == names(cluster="c") == names(composition="k") == ["Placed.Gauge"]
    assert names(service="bank") == names(text="0%") == ["100%"]
    assert names(text="PLACED.g") == ["Placed.Gauge"]
    assert names(kind="sum") == ["plain.sum"]
    assert names(kind="summary") == []
