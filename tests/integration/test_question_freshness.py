"""How fresh `freshness` says each signal of each cluster is. For the desk it is 600 s past noon."""

import pytest
from answers import at, found, log, span

EAST, WEST = {"k8s.cluster.name": "east"}, {"k8s.cluster.name": "west"}


def test_every_cluster_has_a_row_for_each_signal_also_for_one_that_it_does_not_send(desk, put):
    put(
        "otel_logs",
        [log(1, ResourceAttributes=EAST), log(590, ResourceAttributes=EAST), log(0, ResourceAttributes=WEST)],
    )
    put("otel_traces", [span("a", start=300_500, ResourceAttributes=EAST)])

    assert found(desk.ask("freshness", {}), "cluster", "signal", "rows", "newest", "lag_seconds") == [
        ("west", "events", 0, "", None),
        ("west", "logs", 1, "2026-01-01T12:00:00.000000000Z", 600),
        ("west", "metrics", 0, "", None),
        ("west", "traces", 0, "", None),
        ("east", "events", 0, "", None),
        ("east", "logs", 2, "2026-01-01T12:09:50.000000000Z", 10),
        ("east", "metrics", 0, "", None),
        ("east", "traces", 1, "2026-01-01T12:05:00.500000000Z", 299.5),
    ]


@pytest.mark.parametrize("kind", ["gauge", "sum", "histogram", "exponential_histogram", "summary"])
def test_metrics_of_any_kind_count(desk, put, kind):
    put(f"otel_metrics_{kind}", [{"TimeUnix": at(540)[:19], "ResourceAttributes": EAST}])
    put("otel_metrics_gauge", [{"TimeUnix": at(0)[:19], "ResourceAttributes": EAST}])

    assert found(desk.ask("freshness", {}), "signal", "rows", "lag_seconds")[2] == ("metrics", 2, 60)


def test_kubernetes_events_are_a_signal_of_their_own(desk, put):
    put("otel_k8s_events", [{"ClusterName": "east", "EventTime": at(540), "Reason": "BackOff"}])

    assert found(desk.ask("freshness", {}), "cluster", "signal", "rows", "lag_seconds")[:2] == [
        ("east", "events", 1, 60),
        ("east", "logs", 0, None),
    ]


def test_a_clock_that_runs_ahead_makes_nothing_look_fresh(desk, put):
    put("otel_logs", [log(0), log(900)])

    assert found(desk.ask("freshness", {}), "cluster", "rows", "lag_seconds")[1] == ("", 1, 600)


def test_when_the_newest_arrived_is_told_too(desk, put):
    put("otel_logs", [log(5, IngestedAt=at(7)), log(6, IngestedAt=at(6.5))])

    assert found(desk.ask("freshness", {}), "newest", "arrived")[1] == (
        "2026-01-01T12:00:06.000000000Z",
        "2026-01-01T12:00:07.000000000Z",
    )


def test_nothing_in_the_window_is_no_row(desk, put):
    put("otel_logs", [log(-5000)])

    assert desk.ask("freshness", {"since": "1h"}).rows == []


def test_the_cluster_that_lies_furthest_behind_comes_first(desk, put):
    for name, seconds in (("a", 500), ("b", 100), ("c", 300)):
        put("otel_logs", [log(seconds, ResourceAttributes={"k8s.cluster.name": name})])
    put("otel_k8s_events", [{"ClusterName": "d", "EventTime": at(10), "Reason": "BackOff"}])

    assert [row[0] for row in found(desk.ask("freshness", {}), "cluster")][::4] == ["b", "c", "a", "d"]
