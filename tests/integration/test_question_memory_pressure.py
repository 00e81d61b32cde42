"""What `memory_pressure` answers: use against limits, kills, and what cannot be told."""

import pytest
from answers import found, the
from cluster_scene import CLUSTER, event, flat, gauge, tell, where

USED, LIMIT = "container.memory.working_set", "k8s.container.memory_limit"
SHARE = "k8s.container.memory_limit_utilization"
NODE = "k8s.node.condition_memory_pressure"
JUDGED = ("about", "state", "name", "container", "share", "share_max", "memory_events")


def test_containers_come_worst_first_after_a_row_for_all(desk, put):
    put(
        "otel_metrics_gauge",
        [
            *gauge(USED, [(-120, 95.0), (-60, 40.0)], where("peak")),
            *gauge(LIMIT, [(-60, 100.0)], where("peak")),
            *gauge(USED, [(-60, 50.0)], where("calm")),
            *gauge(LIMIT, [(-120, 999.0), (-60, 100.0)], where("calm")),
            *gauge(USED, [(-60, 10.0)], where("free")),
            *gauge(SHARE, [(-120, 0.7), (-60, 0.8)], where("told")),
            *gauge(LIMIT, [(-60, 100.0)], where("never measured")),
        ],
    )

    reply = desk.ask("memory_pressure", {})

    assert found(reply, *JUDGED) == [
        ("all", "bad", "", "", 0.8, 0.95, 0),
        ("container", "bad", "peak", "app", 0.4, 0.95, 0),
        ("container", "unknown", "free", "app", None, None, 0),
        ("container", "ok", "told", "app", 0.8, 0.8, 0),
        ("container", "ok", "calm", "app", 0.5, 0.5, 0),
    ]
    assert found(reply, "objects", "bad", "unknown", "looked_at")[0] == (4, 1, 1, 6)
    assert found(reply, "used_bytes", "limit_bytes")[:3] == [(None, None), (40, 100), (10, None)]


def test_kills_are_counted_once_and_belong_to_their_container(desk, put):
    kill = event(-60, "OOMKilling", container="app", count=2, first=-90)
    tell(
        put,
        [
            kill,
            event(-50, "Evicted", name="evicted", message="The node was low on resource: memory."),
            event(-50, "Evicted", name="other", message="The node was low on resource: ephemeral-storage."),
            event(-40, "SystemOOM", kind="Node", name="n1", namespace=""),
            event(-40, "BackOff", name="loop"),
        ],
    )
    tell(put, [flat(-60, kill)])
    put("otel_metrics_gauge", gauge(USED, [(-60, 10.0)]) + gauge(LIMIT, [(-60, 100.0)]))

    reply = desk.ask("memory_pressure", {})

    assert found(reply, *JUDGED) == [
        ("all", "bad", "", "", 0.1, 0.1, 4),
        ("container", "bad", "api-1", "app", 0.1, 0.1, 2),
        ("node", "bad", "n1", "", None, None, 1),
        ("pod", "bad", "evicted", "", None, None, 1),
    ]
    assert the(reply, "last_event")[:2] == ["2026-01-01T11:59:20.000000000Z", "2026-01-01T11:59:00.000000000Z"]


@pytest.mark.parametrize(("value", "state"), [(1, "bad"), (0, "ok"), (-1, "unknown")])
def test_a_node_is_judged_by_its_newest_condition(desk, put, value, state):
    put("otel_metrics_gauge", gauge(NODE, [(-120, 1 - value), (-60, value)], {**CLUSTER, "k8s.node.name": "n1"}))

    reply = desk.ask("memory_pressure", {})

    assert found(reply, "about", "state", "name") == [("all", state, ""), ("node", state, "n1")]


def test_nothing_looked_at_is_no_row(desk, put):
    put("otel_metrics_gauge", gauge("other", [(0, 1)]))
    tell(put, [event(-10, "Unhealthy")])

    assert desk.ask("memory_pressure", {}).rows == []


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ({"namespace": "bank"}, ["", "b"]),
        ({"cluster": "south"}, []),
        ({"composition": "c1"}, ["", "c"]),
        ({"limit": 2}, ["", "a"]),
        ({"until": "30m"}, []),
    ],
)
def test_each_filter_narrows(desk, put, written, names):
    put("otel_metrics_gauge", gauge(SHARE, [(0, 0.9)], where("a")) + gauge(SHARE, [(0, 0.8)], where("b", "bank")))
    put("otel_metrics_gauge", gauge(SHARE, [(0, 0.7)], where("c", **{"krateo.composition.id": "c1"})))

    reply = desk.ask("memory_pressure", written)

    assert the(reply, "name") == names
    assert reply.truncated is ("limit" in written)


def test_the_bound_is_the_askers_and_counts_as_reached(desk, put):
    put("otel_metrics_gauge", gauge(SHARE, [(0, 0.8)]))

    assert the(desk.ask("memory_pressure", {}), "state") == ["ok", "ok"]
    assert the(desk.ask("memory_pressure", {"share": 0.8}), "state") == ["bad", "bad"]
