"""What `namespaces` answers: every namespace that any signal tells of."""

from answers import found, span, the
from cluster_scene import CLUSTER, event, gauge, pod_log, tell, where

ALL = ("cluster", "namespace", "pods", "services", "events", "warnings", "logs", "spans", "last_seen")


def test_namespaces_are_counted_over_all_signals(desk, put):
    tell(
        put,
        [
            event(-30, count=1, first=-40),
            event(-20, count=2, first=-40),
            event(-10, "Killing", type="Normal"),
            event(-10, namespace="", kind="Node", name="n1"),
            pod_log(-8, resource=where("api-2"), ServiceName="api"),
        ],
    )
    put("otel_traces", [span("a", start=-5000, ServiceName="api", ResourceAttributes=where("api-2")), span("b")])
    put("otel_metrics_gauge", gauge("k8s.pod.phase", [(-60, 2)], where("api-3")))
    put("otel_metrics_gauge", gauge("k8s.pod.phase", [(-60, 2)], where("bank-1", "bank")))
    put("otel_metrics_gauge", gauge("other", [(-60, 2)], where("bank-2", "hidden")))

    assert found(desk.ask("namespaces", {}), *ALL) == [
        ("north", "shop", 2, 1, 2, 1, 4, 1, "2026-01-01T11:59:55.000000000Z"),
        ("north", "bank", 1, 0, 0, 0, 0, 0, "2026-01-01T11:59:00.000000000Z"),
    ]


def test_the_same_name_in_two_clusters_is_two_namespaces(desk, put):
    tell(put, [pod_log(1), pod_log(1, resource={**where(), "k8s.cluster.name": "south"}), event(2)])

    assert found(desk.ask("namespaces", {}), "cluster", "namespace", "warnings") == [
        ("north", "shop", 1),
        ("south", "shop", 0),
    ]
    assert the(desk.ask("namespaces", {"cluster": "south"}), "cluster") == ["south"]


def test_filters_and_window_narrow(desk, put):
    label = {"krateo.composition.id": "c1"}
    tell(put, [pod_log(1, resource=where(namespace="mine", **label)), event(2, namespace="told", composition="c1")])
    tell(put, [pod_log(1, resource={**CLUSTER}), pod_log(1), pod_log(-4000, resource=where(namespace="old"))])

    assert set(the(desk.ask("namespaces", {"composition": "c1"}), "namespace")) == {"mine", "told"}
    assert the(desk.ask("namespaces", {"namespace": "shop"}), "namespace") == ["shop"]
    assert set(the(desk.ask("namespaces", {}), "namespace")) == {"mine", "shop", "told"}


def test_a_cut_says_so(desk, put):
    tell(put, [event(1, namespace="a"), event(1, namespace="b")])

    reply = desk.ask("namespaces", {"limit": 1})

    assert (the(reply, "namespace"), reply.truncated) == (["a"], True)
