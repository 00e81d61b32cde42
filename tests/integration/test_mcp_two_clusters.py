"""What agents are told of pods of the same name in several clusters, as stateful sets have them, over both doors."""

import asyncio

import pytest
from answers import NOON, at, log
from mcp_window import opened

NOW = (NOON + 600) * 10**9
NORTH = {"ClusterUid": "uid-north", "ClusterName": "north"}
POD = {"ResourceAttributes": {"k8s.namespace.name": "shop", "k8s.pod.name": "redis-0"}}


@pytest.fixture
def call(desk, question_tables):
    """Call a tool; gives its result."""

    def call(name, **arguments):
        async def ask():
            async with opened(desk, question_tables, now=lambda: NOW) as client:
                return await client.call(name, **arguments)

        return asyncio.run(ask())

    return call


def of(cluster):
    """The pod of that name in this cluster."""
    return {"ResourceAttributes": {**POD["ResourceAttributes"], "k8s.cluster.name": cluster}}


def event(seconds, reason="BackOff", **more):
    return {
        "EventTime": at(seconds), "FirstTime": at(seconds), "Namespace": "shop", "Kind": "Pod", "Name": "redis-0",
        "Reason": reason, "Type": "Warning", "Count": 1, "Message": "told", "EventUid": f"{reason}{seconds}", **more,
    }  # fmt: skip


def rows(answer, table):
    shown = answer["structuredContent"]["tables"][table]
    return [dict(zip(shown["columns"], row, strict=True)) for row in shown["rows"]]


def test_a_cluster_that_died_is_not_resolved_by_another_with_a_pod_of_the_same_name(call, put):
    put("otel_k8s_events", [event(n, **NORTH) for n in range(-1500, 0, 30)])
    put("otel_logs", [log(n, "boom", SeverityNumber=17, **of("north")) for n in range(-1500, 0, 30)])
    put("otel_logs", [log(n, "fine", SeverityNumber=9, **of("south")) for n in range(-1800, 600, 20)])
    asked = {"changed_at": str(NOON), "namespace": "shop", "pod_name": "redis", "before_minutes": 30}

    answer = call("verify_resolved", **asked)

    assert answer["structuredContent"]["verdict"] == "inconclusive", answer
    assert "in cluster north: " in answer["structuredContent"]["why"]
    assert {row["cluster"] for row in rows(answer, 1)} == {"north"}
    assert call("verify_resolved", cluster="north", **asked)["structuredContent"]["verdict"] == "inconclusive"


def test_a_last_word_of_a_cluster_that_died_is_no_life_of_it(call, put):
    put("otel_logs", [log(n, "boom", SeverityNumber=17, **of("north")) for n in range(-1500, 0, 30)])
    put("otel_logs", [log(90, "fine", SeverityNumber=9, **of("north"))])
    put("otel_logs", [log(n, "fine", SeverityNumber=9, **of("south")) for n in range(-1800, 600, 20)])

    answer = call("verify_resolved", changed_at=str(NOON), namespace="shop", pod_name="redis", before_minutes=30)

    assert answer["structuredContent"]["verdict"] == "inconclusive", answer
    assert "in cluster north: telemetry is stale" in answer["structuredContent"]["why"]


def test_it_is_resolved_if_it_is_so_in_each_cluster_that_had_it(call, put):
    for name in ("north", "south"):
        put("otel_logs", [log(n, "boom", SeverityNumber=17, **of(name)) for n in range(-1500, 0, 30)])
        put("otel_logs", [log(n, "fine", SeverityNumber=9, **of(name)) for n in range(-1500, 600, 20)])

    answer = call("verify_resolved", changed_at=str(NOON), namespace="shop", pod_name="redis", before_minutes=30)

    assert answer["structuredContent"]["verdict"] == "resolved", answer
    assert len(answer["structuredContent"]["tables"]) == 1


def test_telemetry_that_names_no_cluster_and_stopped_is_not_resolved_by_a_cluster(call, put):
    put("otel_logs", [log(n, "boom", SeverityNumber=17, **POD) for n in range(-1500, 0, 30)])
    put("otel_logs", [log(n, "fine", SeverityNumber=9, **of("south")) for n in range(-1800, 600, 20)])

    answer = call("verify_resolved", changed_at=str(NOON), namespace="shop", pod_name="redis", before_minutes=30)

    assert answer["structuredContent"]["verdict"] == "inconclusive", answer
    assert "names no cluster" in answer["structuredContent"]["why"]


def test_of_many_clusters_one_has_to_be_named(call, put):
    put("otel_logs", [log(-n, "boom", SeverityNumber=17, **of(f"c{n}")) for n in range(1, 41)])
    put("otel_logs", [log(n, "fine", SeverityNumber=9, **of("c1")) for n in range(100, 600, 20)])

    answer = call("verify_resolved", changed_at=str(NOON), namespace="shop", pod_name="redis", before_minutes=2)

    assert answer["structuredContent"]["verdict"] == "inconclusive", answer
    assert "40 clusters" in answer["structuredContent"]["why"]
    assert "and 34 more: ask with cluster" in answer["structuredContent"]["why"]
