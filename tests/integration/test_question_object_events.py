"""What `object_events` answers: each event once, as it was last told."""

import pytest
from answers import found, the
from cluster_scene import CLUSTER, event, flat, tell


def test_an_event_that_changed_is_one_row_with_its_newest_count(desk, put):
    tell(put, [event(-30, count=1, message="old"), event(-20, count=2, first=-30, message="old")])
    tell(put, [event(-10, count=5, first=-30, message="new")])

    reply = desk.ask("object_events", {"kind": "Pod", "namespace": "shop", "name": "api-1"})

    assert found(reply, "reason", "type", "count", "message", "first_seen", "last_seen") == [
        ("BackOff", "Warning", 5, "new", "2026-01-01T11:59:30.000000000Z", "2026-01-01T11:59:50.000000000Z")
    ]


def test_an_event_from_two_collectors_and_from_a_restarted_one_is_one_row(desk, put):
    one = event(-30, count=3, container="app", composition="c1")
    tell(put, [one])
    tell(put, [one])
    tell(put, [flat(-29, one)])

    reply = desk.ask("object_events", {"name": "api-1"})

    assert found(reply, "count", "cluster", "composition", "uid", "field_path") == [
        (3, "north", "c1", "uid of api-1", "spec.containers{app}")
    ]


def test_events_without_a_uid_are_told_apart_by_what_they_say(desk, put):
    rows = [{**flat(n, event(-30, f"R{n % 2}")), "LogAttributes": {"k8s.event.reason": f"R{n % 2}"}} for n in range(4)]
    tell(put, rows)

    assert sorted(the(desk.ask("object_events", {}), "reason")) == ["R0", "R0", "R1", "R1"]


def test_two_objects_are_not_mixed_and_a_name_is_exact(desk, put):
    tell(put, [event(1), event(2, name="api-10"), event(3, name="api_1"), event(4, kind="Deployment")])

    assert the(desk.ask("object_events", {"name": "api-1", "kind": "Pod"}), "last_seen") == [
        "2026-01-01T12:00:01.000000000Z"
    ]


@pytest.mark.parametrize(
    ("written", "reasons"),
    [
        ({"kind": "Node"}, {"OnNode"}),
        ({"namespace": "bank"}, {"InBank"}),
        ({"cluster": "south"}, {"InSouth"}),
        ({"uid": "uid of n1"}, {"OnNode"}),
        ({"composition": "c1"}, {"OfC1"}),
        ({"composition": "uid of root"}, {"Root"}),
        ({"type": "normal"}, {"Killing"}),
        ({"type": "Warning", "namespace": "bank"}, {"InBank"}),
        ({"name": "%"}, set()),
        ({"name": "' OR 1 = 1 --"}, set()),
    ],
)
def test_each_filter_narrows(desk, put, written, reasons):
    tell(
        put,
        [
            event(1, "OnNode", kind="Node", name="n1", namespace=""),
            event(2, "InBank", namespace="bank"),
            event(3, "InSouth", cluster={**CLUSTER, "k8s.cluster.name": "south"}),
            event(4, "OfC1", composition="c1"),
            event(5, "Killing", type="Normal"),
            event(6, "Root", kind="Shop", name="root"),
        ],
    )

    assert set(the(desk.ask("object_events", written), "reason")) == reasons


def test_the_window_is_a_day_and_the_newest_are_kept(desk, put):
    tell(put, [event(n, f"R{n}") for n in range(5)] + [event(-90_000, "Yesterday"), event(601, "Tomorrow")])

    reply = desk.ask("object_events", {"limit": 2})

    assert (the(reply, "reason"), reply.truncated) == (["R4", "R3"], True)
    assert len(desk.ask("object_events", {}).rows) == 5
