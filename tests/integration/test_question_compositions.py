"""What `compositions` answers: every composition that events or logs tell of."""

from answers import found, the
from cluster_scene import CLUSTER, event, flat, pod_log, tell, where

LABEL = "k8s.pod.labels.krateo.io/composition-id"
ROOT = {"kind": "Shop", "api_version": "composition.krateo.io/v1-2-3", "name": "shop", "object_uid": "c1"}


def test_compositions_are_seen_by_labelled_objects_by_themselves_and_by_logs(desk, put):
    one = event(-30, composition="c1")
    tell(
        put,
        [
            one,
            event(-60, "Created", type="Normal", **ROOT),
            event(-10, "Pulled", type="Normal", composition="c2", namespace="bank"),
            event(-10, name="nobody's"),
            pod_log(-5, resource=where(namespace="logs", **{LABEL: "c1"})),
            pod_log(-20, resource=where(namespace="quiet", **{"krateo.composition.id": "c3"})),
            pod_log(-20, resource=where()),
        ],
    )
    tell(put, [one])
    second = flat(-30, one)
    tell(put, [{**second, "LogAttributes": {**second["LogAttributes"], "krateo.io/composition-id": "c1"}}])

    reply = desk.ask("compositions", {})

    columns = ("composition", "namespaces", "kinds", "objects", "events", "warnings", "reason", "clusters")
    assert found(reply, *columns) == [
        ("c1", ["logs", "shop"], ["Pod", "Shop"], 2, 2, 1, "BackOff", ["north"]),
        ("c2", ["bank"], ["Pod"], 1, 1, 0, "Pulled", ["north"]),
        ("c3", ["quiet"], [], 0, 0, 0, "", ["north"]),
    ]
    assert found(reply, "last_seen", "newest_event", "message") == [
        ("2026-01-01T11:59:55.000000000Z", "2026-01-01T11:59:30.000000000Z", "BackOff of api-1"),
        ("2026-01-01T11:59:50.000000000Z", "2026-01-01T11:59:50.000000000Z", "Pulled of api-1"),
        ("2026-01-01T11:59:40.000000000Z", "", ""),
    ]


def test_filters_and_window_narrow(desk, put):
    south = {**CLUSTER, "k8s.cluster.name": "s"}
    tell(put, [event(1, composition="a", namespace="x"), event(2, composition="b", cluster=south)])
    tell(put, [event(-4000, composition="old"), pod_log(-4000, resource=where(**{LABEL: "old"}))])

    assert set(the(desk.ask("compositions", {}), "composition")) == {"a", "b"}
    assert the(desk.ask("compositions", {"namespace": "x"}), "composition") == ["a"]
    assert the(desk.ask("compositions", {"cluster": "s"}), "composition") == ["b"]
    assert set(the(desk.ask("compositions", {"since": "3h"}), "composition")) == {"a", "b", "old"}


def test_a_cut_keeps_those_with_most_warnings(desk, put):
    tell(put, [event(n, f"R{w}", composition=f"c{n}", uid=f"{n} {w}") for n in range(4) for w in range(n)])

    reply = desk.ask("compositions", {"limit": 2})

    assert (found(reply, "composition", "warnings"), reply.truncated) == ([("c3", 3), ("c2", 2)], True)
