"""How `rollouts` says that rollouts stand, and `memory_growth` who grew. For the desk it is 600 s past noon."""

import pytest
from answers import at, found

WHERE = {"k8s.cluster.name": "east", "k8s.namespace.name": "shop", "k8s.deployment.name": "api"}


def step(seconds, message, **more):
    return {
        "EventTime": at(seconds), "FirstTime": at(seconds), "Namespace": "shop", "Kind": "Deployment", "Name": "api",
        "Reason": "ScalingReplicaSet", "Type": "Normal", "Count": 1, "Message": message, "ClusterName": "east",
        "EventUid": f"{message}{seconds}", **more,
    }  # fmt: skip


def measured(seconds, desired, available):
    values = {"k8s.deployment.desired": desired, "k8s.deployment.available": available}
    return [
        {"MetricName": name, "Value": float(value), "TimeUnix": at(seconds)[:19], "ResourceAttributes": WHERE}
        for name, value in values.items()
    ]


UP, DOWN = "Scaled up replica set api-new to 1", "Scaled down replica set api-old to 0 from 1"
LESS = "Scaled down replica set api-old to 1 from 2"
# As later Kubernetes writes it.
DOWN_FROM_1, LESS_FROM_2 = "Scaled down replica set api-old from 1 to 0", "Scaled down replica set api-old from 2 to 1"


@pytest.mark.parametrize(
    ("steps", "points", "state"),
    [
        ([(100, UP), (200, DOWN)], (500, 2, 2), "done"),
        ([(200, UP), (200, DOWN)], (500, 2, 2), "done"),
        ([(200, UP), (200, LESS), (200, DOWN)], (500, 2, 2), "done"),
        ([(200, UP), (200, DOWN_FROM_1), (200, LESS_FROM_2)], (500, 2, 2), "done"),
        ([(100, UP), (200, DOWN)], (500, 2, 1), "under_way"),
        ([(100, UP)], (500, 2, 2), "under_way"),  # those of the old replica set are available
        ([(-100, UP)], (500, 2, 2), "stuck"),
        ([(100, UP), (200, DOWN)], (150, 2, 2), "unknown"),
        ([(100, UP), (200, DOWN)], None, "unknown"),
        ([(100, UP), (200, "Scaled down replica set api-old to 10 from 11")], (500, 2, 2), "under_way"),
    ],
)
def test_a_rollout_is_done_only_if_the_old_are_gone_and_the_new_are_there(desk, put, steps, points, state):
    put("otel_k8s_events", [step(*one) for one in steps])
    if points:
        put("otel_metrics_gauge", measured(*points))

    assert found(desk.ask("rollouts", {"cluster": "east"}), "state", "namespace", "deployment") == [
        (state, "shop", "api")
    ]


def test_what_was_not_rolled_out_has_no_row(desk, put):
    put("otel_metrics_gauge", measured(500, 2, 1))

    assert found(desk.ask("rollouts", {}), "deployment") == []


def test_containers_that_grew_come_with_their_part_of_the_nodes_growth(desk, put):
    def container(pod, node, *sizes):
        resource = {**WHERE, "k8s.pod.name": pod, "k8s.node.name": node, "k8s.container.name": "app"}
        return [
            {"MetricName": "container.memory.working_set", "Value": float(size), "TimeUnix": at(100 * n)[:19],
             "ResourceAttributes": resource}
            for n, size in enumerate(sizes)
        ]  # fmt: skip

    put("otel_metrics_gauge", container("a", "n1", 100, 50, 400))
    put("otel_metrics_gauge", container("b", "n1", 100, 200))
    put("otel_metrics_gauge", container("c", "n1", 900, 100))
    put("otel_metrics_gauge", container("d", "n2", 10, 20))

    columns = ("pod", "node", "grown_bytes", "used_bytes", "share", "limit_bytes")
    assert found(desk.ask("memory_growth", {}), *columns) == [
        ("a", "n1", 300, 400, 0.75, None),
        ("b", "n1", 100, 200, 0.25, None),
        ("d", "n2", 10, 20, 1, None),
    ]
    assert found(desk.ask("memory_growth", {"node": "n2"}), "pod") == [("d",)]
