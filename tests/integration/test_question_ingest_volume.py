"""How much `ingest_volume` says that services send."""

import pytest
from answers import NOON, at, found, log, span, the

WHERE = {"k8s.namespace.name": "ns", "k8s.cluster.name": "c", "krateo.composition.id": "k"}


def test_rows_and_bytes_are_told_by_table_service_and_cluster(desk, put):
    point = {"MetricName": "m", "ServiceName": "shop", "TimeUnix": at(0)[:19]}
    put("otel_logs", [log(n, "x" * 10_000, ResourceAttributes=WHERE) for n in range(10)])
    put("otel_logs", [log(0, "short"), log(0, "short", ServiceName="bank"), log(700)])
    put("otel_traces", [span("a"), span("b")])
    for kind in ("gauge", "sum", "histogram", "exponential_histogram", "summary"):
        put(f"otel_metrics_{kind}", [point])

    reply = desk.ask("ingest_volume", {"since": str(NOON), "until": str(NOON + 100)})

    rows = {row[:3]: row[3:] for row in found(reply, "table", "service", "cluster", "rows", "rows_per_second")}
    assert rows == {
        ("otel_logs", "shop", "c"): (10, 0.1),
        ("otel_logs", "shop", ""): (1, 0.01),
        ("otel_logs", "bank", ""): (1, 0.01),
        ("otel_traces", "shop", ""): (2, 0.02),
        ("otel_metrics_gauge", "shop", ""): (1, 0.01),
        ("otel_metrics_sum", "shop", ""): (1, 0.01),
        ("otel_metrics_histogram", "shop", ""): (1, 0.01),
        ("otel_metrics_exponential_histogram", "shop", ""): (1, 0.01),
        ("otel_metrics_summary", "shop", ""): (1, 0.01),
    }
    first_bytes = the(reply, "bytes")[0]
    assert 100_000 < first_bytes < 110_000, "ten bodies of 10,000 bytes and a little around each"
    assert the(reply, "bytes") == sorted(the(reply, "bytes"), reverse=True)
    assert the(reply, "share")[0] > 0.9
    assert sum(the(reply, "share")) == pytest.approx(1, abs=1e-5)


def test_volume_is_narrowed_by_service_namespace_cluster_and_composition(desk, put):
    put("otel_logs", [log(0, ResourceAttributes=WHERE, ServiceName="a"), log(0)])

    for written in ({"namespace": "ns"}, {"cluster": "c"}, {"composition": "k"}, {"service": "a"}):
        assert found(desk.ask("ingest_volume", written), "service", "rows") == [("a", 1)]


def test_nothing_in_the_window_is_no_row(desk, put):
    put("otel_logs", [log(-4000)])

    assert desk.ask("ingest_volume", {}).rows == []
