"""What `restart_acceleration` answers. The window is the hour up to ten past noon; its later half begins at -1200."""

import pytest
from answers import found, the
from cluster_scene import event, flat, gauge, tell, where

JUDGED = ("about", "state", "pod", "restarts_earlier", "restarts_later", "signs_earlier", "signs_later")
EARLIER, LATER = -2000, -100


def restarts(pod, *values, **more):
    return gauge("k8s.container.restarts", values, where(pod, **more))


def test_restarts_are_measured_in_each_half(desk, put):
    put(
        "otel_metrics_gauge",
        [
            *restarts("worse", (-3100, 1), (EARLIER, 2), (-1300, 2), (-1100, 4), (LATER, 6)),
            *restarts("better", (-2900, 0), (EARLIER, 5), (LATER, 6)),
            *restarts("few", (EARLIER, 0), (LATER, 2)),
            *restarts("calm", (EARLIER, 9), (LATER, 9)),
        ],
    )

    reply = desk.ask("restart_acceleration", {})

    assert found(reply, *JUDGED) == [
        ("all", "bad", "", 6, 7, 0, 0),
        ("pod", "bad", "worse", 1, 4, 0, 0),
        ("pod", "ok", "few", 0, 2, 0, 0),
        ("pod", "ok", "better", 5, 1, 0, 0),
        ("pod", "ok", "calm", 0, 0, 0, 0),
    ]
    assert found(reply, "pods", "unknown", "looked_at", "last_sign")[0] == (4, 0, 4, "")


def test_containers_and_generations_of_a_pod_are_counted_apart_and_added_up(desk, put):
    put("otel_metrics_gauge", restarts("p", (-600, 0), (LATER, 1), container="a"))
    put("otel_metrics_gauge", restarts("p", (-600, 7), (LATER, 9), container="b"))
    put("otel_metrics_gauge", restarts("p", (-599, 30), (-99, 31), uid="another"))
    put("otel_metrics_gauge", restarts("p", (-600, 0), (LATER, 1), container="a"))

    assert found(desk.ask("restart_acceleration", {}), "pod", "restarts_later") == [("", 4), ("p", 4)]


def test_without_the_metric_signs_among_the_events_tell(desk, put):
    again = {"message": "Back-off restarting failed container app in pod"}
    loop = [event(s, count=n, first=-2500, **again) for s, n in ((-2500, 1), (-1000, 4), (-500, 6))]
    tell(put, [*loop, event(LATER, "OOMKilling"), event(EARLIER, name="calm", count=3, **again)])
    tell(put, loop)
    tell(put, [flat(-500, loop[-1])])

    reply = desk.ask("restart_acceleration", {})

    assert found(reply, *JUDGED) == [
        ("all", "bad", "", None, None, 4, 6),
        ("pod", "bad", "api-1", None, None, 1, 6),
        ("pod", "ok", "calm", None, None, 3, 0),
    ]
    assert found(reply, "reasons", "last_sign")[1] == (["BackOff", "OOMKilling"], "2026-01-01T11:58:20.000000000Z")


def test_of_an_event_that_is_older_than_the_window_only_its_growth_counts(desk, put):
    again = {"message": "Back-off restarting failed container", "first": -90_000}
    tell(put, [event(EARLIER, count=500, **again), event(LATER, count=502, **again)])

    assert found(desk.ask("restart_acceleration", {}), *JUDGED)[1:] == [("pod", "ok", "api-1", None, None, 1, 2)]


def test_a_rolling_update_and_a_missing_image_are_no_restarts(desk, put):
    stopped = {"type": "Normal", "message": "Stopping container app"}
    tell(put, [event(LATER, "Killing", name=f"p{n}", **stopped) for n in range(9)])
    tell(put, [event(LATER, count=40, message='Back-off pulling image "nginx:nope"')])

    reply = desk.ask("restart_acceleration", {})

    assert found(reply, "about", "state", "pods", "unknown", "looked_at") == [("all", "unknown", 10, 10, 10)]


def test_a_kill_after_a_failed_probe_is_a_sign_though_it_is_normal(desk, put):
    failed = "Container app failed liveness probe, will be restarted"
    tell(put, [event(LATER, "Killing", type="Normal", count=4, first=-600, message=failed)])

    assert found(desk.ask("restart_acceleration", {}), *JUDGED)[1:] == [("pod", "bad", "api-1", None, None, 0, 4)]


def test_what_was_measured_goes_before_signs_and_old_measurements_do_not(desk, put):
    again = {"message": "Back-off restarting failed container", "count": 9}
    tell(put, [event(LATER, **again), event(LATER, name="gone", **again)])
    put("otel_metrics_gauge", restarts("api-1", (-600, 3), (LATER, 3)))
    put("otel_metrics_gauge", restarts("gone", (-2900, 3), (EARLIER, 3)))

    assert found(desk.ask("restart_acceleration", {}), "pod", "state")[1:] == [("gone", "bad"), ("api-1", "ok")]


def test_nothing_looked_at_is_no_row(desk):
    assert desk.ask("restart_acceleration", {}).rows == []


@pytest.mark.parametrize(
    ("written", "pods"),
    [
        ({"namespace": "bank"}, ["", "b"]),
        ({"cluster": "south"}, []),
        ({"composition": "c1"}, ["", "c"]),
        ({"limit": 2}, ["", "a"]),
        ({"more_than": 7}, ["", "a", "b", "c"]),
    ],
)
def test_each_filter_narrows(desk, put, written, pods):
    put("otel_metrics_gauge", restarts("a", (-600, 0), (LATER, 9)))
    put("otel_metrics_gauge", restarts("b", (-600, 0), (LATER, 8), namespace="bank"))
    put("otel_metrics_gauge", restarts("c", (-600, 0), (LATER, 7), **{"krateo.composition.id": "c1"}))

    reply = desk.ask("restart_acceleration", written)

    assert the(reply, "pod") == pods
    assert reply.truncated is ("limit" in written)
    if "more_than" in written:
        assert the(reply, "state") == ["bad", "bad", "bad", "ok"]
