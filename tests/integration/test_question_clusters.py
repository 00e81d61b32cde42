"""Which clusters `clusters` knows."""

from answers import at, found, log, span


def test_clusters_are_told_with_what_they_sent(desk, put):
    east = {"k8s.cluster.name": "east", "k8s.cluster.uid": "u1"}
    point = {"MetricName": "m", "ServiceName": "meter", "TimeUnix": at(30)[:19], "ResourceAttributes": east}
    put("otel_logs", [log(0, ResourceAttributes=east), log(1, ResourceAttributes=east), log(2)])
    put("otel_logs", [log(-4000, ResourceAttributes={"k8s.cluster.name": "gone"})])
    put("otel_traces", [span("a", ResourceAttributes={"k8s.cluster.name": "west"})])
    for kind in ("gauge", "sum", "histogram", "exponential_histogram", "summary"):
        put(f"otel_metrics_{kind}", [point])

    reply = desk.ask("clusters", {})

    assert found(reply, "cluster", "uid", "logs", "spans", "points", "services", "newest") == [
        ("", "", 1, 0, 0, 1, "2026-01-01T12:00:02.000000000Z"),
        ("east", "u1", 2, 0, 5, 2, "2026-01-01T12:00:30.000000000Z"),
        ("west", "", 0, 1, 0, 1, "2026-01-01T12:00:00.000000000Z"),
    ]


def test_nothing_in_the_window_is_no_row(desk):
    assert desk.ask("clusters", {}).rows == []
