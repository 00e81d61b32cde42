"""What `what_changed` answers. The later window is the hour up to ten past noon, from -3000; before it the earlier."""

import pytest
from answers import found, the
from cluster_scene import event, flat, pod_log, tell, where

EARLIER, LATER = -4000, -100
CHANGE = ("change", "state", "kind", "name", "earlier", "later")
LABEL = {"k8s.pod.labels.krateo.io/composition-id": "c1"}


def pulled(seconds, image, name="api-1", **more):
    message = f'Successfully pulled image "{image}" in 2s'
    return event(seconds, "Pulled", type="Normal", name=name, message=message, **more)


def changes(desk, **written):
    return [row for row in found(desk.ask("what_changed", written), *CHANGE) if row[0] != "looked_at"]


def test_nothing_looked_at_is_no_row(desk):
    assert desk.ask("what_changed", {}).rows == []


def test_what_was_looked_at_comes_first_and_silence_in_one_window_is_unknown(desk, put):
    tell(put, [event(LATER, "Started", type="Normal", name=f"p{n}") for n in range(3)])
    tell(put, [pod_log(EARLIER, SeverityNumber=9), pod_log(LATER, SeverityNumber=9), pod_log(LATER, "what")])

    reply = desk.ask("what_changed", {})

    assert found(reply, *CHANGE, "evidence") == [
        ("looked_at", "unknown", "", "events", 0, 3, "without events in both windows nothing is known of what changed"),
        ("looked_at", "known", "", "logs", 1, 2, "log records that were looked at; severity unknown of 1"),
    ]


def test_logs_whose_severity_nobody_knows_prove_nothing(desk, put):
    tell(put, [pod_log(EARLIER, "what"), pod_log(LATER, "what")])

    assert the(desk.ask("what_changed", {}), "state") == ["unknown"]


def test_warnings_are_new_more_gone_or_as_before(desk, put):
    tell(
        put,
        [
            event(EARLIER, "Gone", count=5),
            event(EARLIER, "Same", count=5, uid="s1"),
            event(LATER, "Same", count=6, uid="s2"),
            event(EARLIER, "More", count=2, uid="m1"),
            event(LATER, "More", count=4, uid="m2"),
            event(LATER, "New", name="api-2"),
            event(LATER - 1, "New", name="api-3", count=2),
            event(LATER, "Killing", type="Normal", count=9),
        ],
    )

    reply = desk.ask("what_changed", {})

    assert changes(desk) == [
        ("new_warning", "changed", "Pod", "New", 0, 3),
        ("more_warnings", "changed", "Pod", "More", 2, 4),
        ("gone_warning", "changed", "Pod", "Gone", 5, 0),
    ]
    assert found(reply, "evidence", "first_seen", "last_seen", "namespace", "cluster")[1] == (
        "2 objects; the newest api-2: New of api-2",
        "2026-01-01T11:58:19.000000000Z",
        "2026-01-01T11:58:20.000000000Z",
        "shop",
        "north",
    )


def test_an_event_from_two_collectors_counts_once_in_each_window(desk, put):
    warnings = [event(EARLIER, count=2, uid="one"), event(LATER, count=3, uid="two")]
    tell(put, warnings)
    tell(put, [flat(EARLIER, warnings[0]), flat(LATER, warnings[1])])

    assert found(desk.ask("what_changed", {}), *CHANGE) == [("looked_at", "known", "", "events", 1, 1)]


def test_one_event_that_goes_on_counts_in_each_window_what_it_grew_by(desk, put):
    counts = ((-90_000, 1), (EARLIER, 500), (EARLIER + 60, 501), (LATER, 502), (LATER + 60, 520))
    tell(put, [event(seconds, count=count, first=-90_000) for seconds, count in counts])

    assert changes(desk) == [("more_warnings", "changed", "Pod", "BackOff", 2, 19)]


def test_an_image_is_new_if_no_event_of_the_week_before_named_it(desk, put):
    present = {"type": "Normal", "message": 'Container image "shop:2" already present on machine'}
    tell(
        put,
        [
            pulled(-200_000, "shop:1", uid="a"),
            pulled(LATER, "shop:1", uid="b"),
            pulled(LATER, "shop:2", name="api-2"),
            event(LATER + 5, "Pulled", name="api-3", **present),
            pulled(-900_000, "shop:0", uid="c"),
            pulled(LATER, "shop:0", name="old"),
        ],
    )

    reply = desk.ask("what_changed", {})

    assert changes(desk) == [
        ("image", "changed", "Pod", "shop:2", 0, 2),
        ("image", "changed", "Pod", "shop:0", 0, 1),
    ]
    assert "used by api-3" in the(reply, "evidence")


def test_rollouts_are_told_with_what_was_done(desk, put):
    scaled = {"kind": "Deployment", "name": "api", "type": "Normal"}
    tell(put, [event(EARLIER, "ScalingReplicaSet", uid="x", **scaled)])
    tell(put, [event(LATER, "ScalingReplicaSet", uid="y", message="Scaled up replica set api-2 to 1 from 0", **scaled)])
    tell(put, [event(LATER - 5, "UpgradeFailed", kind="HelmRelease", name="web", type="Normal", message="no such tag")])
    tell(put, [event(EARLIER, "ScalingReplicaSet", kind="Deployment", name="quiet", type="Normal")])

    reply = desk.ask("what_changed", {})

    assert changes(desk) == [
        ("rollout", "changed", "Deployment", "api", 1, 1),
        ("rollout", "changed", "HelmRelease", "web", 0, 1),
    ]
    assert the(reply, "evidence")[1:] == [
        "ScalingReplicaSet: Scaled up replica set api-2 to 1 from 0",
        "UpgradeFailed: no such tag",
    ]


def test_error_logs_are_new_or_more_by_service(desk, put):
    def errors(seconds, service, number):
        return [pod_log(seconds + n, f"level=error {n}", ServiceName=service) for n in range(number)]

    rows = errors(LATER, "new", 1) + errors(EARLIER, "more", 4) + errors(LATER, "more", 7)
    rows += errors(EARLIER, "same", 4) + errors(LATER, "same", 6) + errors(EARLIER, "few", 1) + errors(LATER, "few", 5)
    tell(put, [*rows, *errors(EARLIER, "gone", 9), pod_log(LATER, "fine", ServiceName="fine", SeverityNumber=9)])

    assert changes(desk) == [
        ("new_errors", "changed", "Service", "new", 0, 1),
        ("more_errors", "changed", "Service", "more", 4, 7),
    ]
    assert the(desk.ask("what_changed", {}), "evidence")[1:] == ["level=error 0", "level=error 6"]


def test_the_earlier_window_can_lie_a_day_back(desk, put):
    day = -86_400
    times = {"Daily 1": day + LATER, "Daily 2": LATER, "Between 3": EARLIER}
    tell(put, [event(time, name.split()[0], uid=name) for name, time in times.items()])
    tell(put, [pod_log(time, SeverityNumber=9) for time in times.values()])

    reply = desk.ask("what_changed", {"back": 86_400})

    assert found(reply, *CHANGE) == [
        ("looked_at", "known", "", "events", 1, 1),
        ("looked_at", "known", "", "logs", 1, 1),
    ]
    assert (
        changes(desk, back=10)
        == changes(desk)
        == [
            ("new_warning", "changed", "Pod", "Daily", 0, 1),
            ("gone_warning", "changed", "Pod", "Between", 1, 0),
        ]
    )


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ({"namespace": "bank"}, {"InBank", "bank"}),
        ({"composition": "c1"}, {"OfC1", "of c1"}),
        ({"cluster": "south"}, set()),
        ({"limit": 1}, set()),
    ],
)
def test_each_filter_narrows(desk, put, written, names):
    error = {"SeverityNumber": 17}
    tell(put, [event(LATER, "InBank", namespace="bank"), event(LATER, "OfC1", composition="c1"), event(LATER, "Else")])
    tell(put, [pod_log(LATER, resource=where(namespace="bank"), ServiceName="bank", **error)])
    tell(put, [pod_log(LATER, resource=where(**LABEL), ServiceName="of c1", **error), pod_log(LATER, **error)])

    assert {row[3] for row in changes(desk, **written)} == names
    assert desk.ask("what_changed", written).truncated is ("limit" in written)
