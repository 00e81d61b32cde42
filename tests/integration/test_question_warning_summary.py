"""What `warning_summary` answers: warnings counted by the object that they are about."""

from answers import found, the
from cluster_scene import event, flat, tell

COUNTED = ("about", "kind", "name", "reason", "count", "objects", "events")


def test_warnings_are_counted_by_involved_object_and_reason_after_a_row_for_all(desk, put):
    tell(
        put,
        [
            event(-300, count=4, uid="e1"),
            event(-200, count=2, uid="e2", message="the newest"),
            event(-100, "Unhealthy", count=1),
            event(-100, name="api-2", count=3),
            event(-100, "Killing", type="Normal", count=50),
        ],
    )

    reply = desk.ask("warning_summary", {})

    assert found(reply, *COUNTED) == [
        ("all", "", "", "", 10, 2, 5),
        ("object", "Pod", "api-1", "BackOff", 6, 1, 2),
        ("object", "Pod", "api-2", "BackOff", 3, 1, 1),
        ("object", "Pod", "api-1", "Unhealthy", 1, 1, 1),
    ]
    assert found(reply, "message", "first_seen", "last_seen")[1] == (
        "the newest",
        "2026-01-01T11:55:00.000000000Z",
        "2026-01-01T11:56:40.000000000Z",
    )


def test_an_event_counts_once_from_two_collectors_and_after_each_change(desk, put):
    changes = [event(-300 + 10 * n, count=n, first=-300) for n in (1, 2, 3)]
    tell(put, changes)
    tell(put, changes)
    tell(put, [flat(-300 + 10 * n, change) for n, change in enumerate(changes, start=1)])

    assert found(desk.ask("warning_summary", {}), *COUNTED) == [
        ("all", "", "", "", 3, 1, 1),
        ("object", "Pod", "api-1", "BackOff", 3, 1, 1),
    ]


def test_of_an_event_that_is_older_than_the_window_only_what_it_grew_by_counts(desk, put):
    tell(put, [event(-40, count=500, first=-90_000), event(-20, count=503, first=-90_000)])

    assert the(desk.ask("warning_summary", {}), "count") == [4, 4]


def test_no_warning_among_events_is_an_answer_and_no_event_is_none(desk, put):
    assert desk.ask("warning_summary", {}).rows == []

    tell(put, [event(-10, "Scheduled", type="Normal")])

    assert found(desk.ask("warning_summary", {}), *COUNTED, "first_seen", "last_seen", "message") == [
        ("all", "", "", "", 0, 0, 1, "", "", "")
    ]


def test_a_cut_keeps_the_count_of_all_and_the_most_frequent(desk, put):
    tell(put, [event(-10, name=f"p{n}", count=n) for n in range(1, 6)])

    reply = desk.ask("warning_summary", {"limit": 2})

    assert (found(reply, "name", "count"), reply.truncated) == ([("", 15), ("p5", 5)], True)


def test_filters_narrow_what_is_looked_at(desk, put):
    tell(put, [event(-10), event(-10, name="n1", kind="Node", namespace="")])
    tell(put, [event(-10, namespace="bank", composition="c")])

    for written, names in [
        ({"namespace": "shop"}, ["", "api-1"]),
        ({"kind": "Node"}, ["", "n1"]),
        ({"composition": "c", "cluster": "north"}, ["", "api-1"]),
        ({"namespace": "nowhere"}, []),
    ]:
        assert the(desk.ask("warning_summary", written), "name") == names, written


def test_the_most_frequent_of_each_reason_may_come_before_the_second_of_any(desk, put):
    tell(put, [event(-60, name=f"api-{n}", count=9 - n) for n in range(4)])
    tell(put, [event(-50, "OOMKilling", name="cart-1")])

    asked = {"first": "each_reason", "limit": 3}

    assert the(desk.ask("warning_summary", asked), "name") == ["", "api-0", "cart-1"]
    assert the(desk.ask("warning_summary", {"limit": 3}), "name") == ["", "api-0", "api-1"]
