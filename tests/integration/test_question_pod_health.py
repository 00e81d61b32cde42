"""What `pod_health` answers: a state for each check, and unknown where nothing is known."""

import pytest
from answers import NOON, found, the
from cluster_scene import event, flat, gauge, pod_log, tell, where

POD = {"namespace": "shop", "pod": "api-1", "until": str(NOON + 60)}
MEBIBYTE = 1024.0 * 1024
CHECKS = {"phase", "ready", "restarts", "memory", "memory_kills", "warning_events", "error_logs", "telemetry"}


def states(desk, **written):
    return dict(found(desk.ask("pod_health", {**POD, **written}), "check", "state"))


def evidence(desk, check, **written):
    return dict(found(desk.ask("pod_health", {**POD, **written}), "check", "evidence"))[check]


def put_a_healthy_pod(put):
    tell(put, [event(-500, "Started", type="Normal"), pod_log(-400, "fine", SeverityNumber=9)])
    put(
        "otel_metrics_gauge",
        [
            *gauge("k8s.pod.phase", [(-60, 2), (0, 2)]),
            *gauge("k8s.container.ready", [(-60, 1), (0, 1)]),
            *gauge("k8s.container.restarts", [(-60, 4), (0, 4)]),
            *gauge("container.memory.working_set", [(-60, 50 * MEBIBYTE), (0, 60 * MEBIBYTE)]),
            *gauge("k8s.container.memory_limit", [(-60, 100 * MEBIBYTE)]),
        ],
    )


def test_nothing_is_known_of_a_pod_that_nobody_told_of(desk):
    reply = desk.ask("pod_health", POD)

    assert set(found(reply, "state", "looked_at", "last_seen")) == {("unknown", 0, "")}
    assert set(the(reply, "check")) == CHECKS


def test_a_pod_of_which_everything_was_looked_at_is_well(desk, put):
    put_a_healthy_pod(put)

    assert states(desk) == dict.fromkeys(CHECKS, "ok")
    assert evidence(desk, "memory") == "0.6 of its limit at most, in container app; no limit known of 0 containers"
    assert evidence(desk, "telemetry") == "1 events, 1 log records and 5 series of metrics"


def test_each_part_without_data_is_unknown_by_itself(desk, put):
    put("otel_metrics_gauge", gauge("k8s.pod.phase", [(0, 2)]))

    known = {"phase": "ok", "telemetry": "ok"}
    assert states(desk) == {**dict.fromkeys(CHECKS, "unknown"), **known}


def test_a_crash_loop_is_bad_in_every_part_that_sees_it(desk, put):
    tell(put, [event(-60, count=3, container="app"), event(-50, "OOMKilling", count=2)])
    tell(put, [pod_log(-55, "level=fatal no memory"), pod_log(-54, "fine", SeverityNumber=9), pod_log(-54, "what")])
    put("otel_metrics_gauge", gauge("k8s.container.restarts", [(-120, 4), (-60, 5), (0, 7)]))
    put("otel_metrics_gauge", gauge("k8s.container.ready", [(-120, 1), (0, 0)]))
    put("otel_metrics_gauge", gauge("k8s.pod.phase", [(-120, 2), (0, 1)]))
    put("otel_metrics_gauge", gauge("k8s.container.memory_limit_utilization", [(-120, 0.99), (0, 0.2)]))

    reply = desk.ask("pod_health", POD)

    assert found(reply, "check", "state", "evidence") == [
        ("phase", "bad", "Pending"),
        ("ready", "bad", "containers that are not ready: app"),
        ("restarts", "bad", "3 restarts in the window"),
        ("memory", "bad", "0.99 of its limit at most, in container app; no limit known of 0 containers"),
        ("memory_kills", "bad", "2 events of kills or evictions for memory"),
        ("warning_events", "bad", "5 warnings: BackOff, OOMKilling"),
        ("error_logs", "bad", "1 of 3 log records are errors; severity unknown of 1"),
        ("telemetry", "ok", "2 events, 3 log records and 4 series of metrics"),
    ]
    assert the(reply, "last_seen")[5:7] == ["2026-01-01T11:59:10.000000000Z", "2026-01-01T11:59:05.000000000Z"]


def test_warnings_from_two_collectors_count_once_and_killing_is_no_warning(desk, put):
    warning = event(-60, count=3)
    tell(put, [warning, event(-50, "Killing", type="Normal")])
    tell(put, [flat(-60, warning)])

    assert evidence(desk, "warning_events") == "3 warnings: BackOff"


def test_logs_whose_severity_nobody_knows_are_no_sign_of_health(desk, put):
    tell(put, [pod_log(-60, "who knows")])

    assert states(desk)["error_logs"] == "unknown"
    assert evidence(desk, "error_logs") == "0 of 1 log records are errors; severity unknown of 1"


def test_a_single_count_of_restarts_tells_no_change(desk, put):
    put("otel_metrics_gauge", gauge("k8s.container.restarts", [(0, 7)]))

    assert states(desk)["restarts"] == "unknown"


@pytest.mark.parametrize("values", [[(-60, 3), (0, 0)], [(-60, 3), (-60, 3), (0, 3)]])
def test_a_counter_that_falls_or_repeats_is_no_restart(desk, put, values):
    put("otel_metrics_gauge", gauge("k8s.container.restarts", values))

    assert states(desk)["restarts"] == "ok"


@pytest.mark.parametrize(("phase", "state"), [(1, "bad"), (2, "ok"), (3, "ok"), (4, "bad"), (5, "unknown")])
def test_the_phase_is_the_newest_one(desk, put, phase, state):
    put("otel_metrics_gauge", gauge("k8s.pod.phase", [(-60, 4), (0, phase)]))

    assert states(desk)["phase"] == state


def test_memory_without_a_limit_is_unknown_and_the_bounds_are_the_askers(desk, put):
    put("otel_metrics_gauge", gauge("container.memory.working_set", [(0, 10 * MEBIBYTE)]))
    assert states(desk)["memory"] == "unknown"

    put("otel_metrics_gauge", gauge("k8s.container.memory_limit", [(0, 20 * MEBIBYTE)]))
    assert states(desk)["memory"] == "ok"
    assert states(desk, memory_share=0.5)["memory"] == "bad"
    put("otel_metrics_gauge", gauge("container.memory.working_set", [(0, 1)], where(container="sidecar")))
    assert states(desk)["memory"] == "unknown"

    tell(put, [pod_log(-1, SeverityNumber=17)])
    assert states(desk)["error_logs"] == "bad"
    assert states(desk, errors_allowed=1)["error_logs"] == "ok"


def test_a_pod_that_is_gone_does_not_make_its_successor_unready(desk, put):
    put("otel_metrics_gauge", gauge("k8s.container.ready", [(-900, 0)], where("api-1", uid="old")))
    put("otel_metrics_gauge", gauge("k8s.container.ready", [(0, 1)], where("api-1", uid="new")))

    assert states(desk)["ready"] == "ok"


def test_of_a_pod_that_was_last_measured_long_ago_nothing_is_known_of_now(desk, put):
    put_a_healthy_pod(put)

    told = states(desk, until=str(NOON + 2400))

    assert {told[check] for check in ("phase", "ready", "telemetry")} == {"unknown"}
    assert states(desk, until=str(NOON + 300)) == dict.fromkeys(CHECKS, "ok")


def test_events_about_a_pod_that_is_measured_no_more_are_no_telemetry_of_it(desk, put):
    put_a_healthy_pod(put)
    tell(put, [event(590, "Started", type="Normal")])

    assert states(desk, until=str(NOON + 600))["telemetry"] == "unknown"


def test_a_pod_that_fell_silent_among_others_is_unknown_and_named(desk, put):
    for name, seconds in (("api-1-a", -900), ("api-1-b", 0)):
        for metric, value in (("k8s.pod.phase", 2), ("k8s.container.ready", 1)):
            put("otel_metrics_gauge", gauge(metric, [(seconds, value)], where(name, uid=name)))

    asked = {"pod": "api-1*"}

    assert [states(desk, **asked)[check] for check in ("phase", "ready", "telemetry")] == ["unknown", "unknown", "ok"]
    assert evidence(desk, "phase", **asked) == "Running; nothing in the last 5 minutes of api-1-a"
    assert "api-1-a" in evidence(desk, "ready", **asked)


SOUTH = {"k8s.cluster.uid": "uid-south", "k8s.cluster.name": "south"}


def in_south(**more):
    return {**where("api-1", **more), **SOUTH}


def test_a_pod_of_another_cluster_of_which_next_to_nothing_is_known_is_not_well(desk, put):
    put_a_healthy_pod(put)
    tell(put, [event(-50, "Started", type="Normal", cluster=SOUTH)])

    told = states(desk)

    assert told == {**dict.fromkeys(CHECKS, "unknown"), "memory_kills": "ok", "warning_events": "ok", "telemetry": "ok"}
    assert evidence(desk, "phase") == "Running; nothing is known of south"
    assert set(states(desk, cluster="north").values()) == {"ok"}
    alone = states(desk, cluster="south")
    assert {check for check, state in alone.items() if state == "unknown"} == CHECKS - {
        "memory_kills", "warning_events", "telemetry"
    }  # fmt: skip


def test_each_clusters_memory_is_measured_by_its_own_limit_and_the_full_one_is_named(desk, put):
    for resource, used, limit in ((where(), 200, 4000), (in_south(), 950, 1000)):
        put("otel_metrics_gauge", gauge("container.memory.working_set", [(0, used * MEBIBYTE)], resource))
        put("otel_metrics_gauge", gauge("k8s.container.memory_limit", [(0, limit * MEBIBYTE)], resource))

    assert states(desk)["memory"] == "bad"
    assert evidence(desk, "memory") == (
        "0.95 of its limit at most, in container app; no limit known of 0 containers; bad in south"
    )
    assert states(desk, cluster="north")["memory"] == "ok"


def test_a_clusters_old_phase_does_not_hide_behind_anothers_new_one(desk, put):
    put("otel_metrics_gauge", gauge("k8s.pod.phase", [(0, 2)]))
    put("otel_metrics_gauge", gauge("k8s.pod.phase", [(-900, 2)], in_south()))
    tell(put, [pod_log(-1, "fine", SeverityNumber=9, resource=in_south())])

    told = states(desk)

    assert (told["phase"], told["telemetry"]) == ("unknown", "unknown")
    assert evidence(desk, "phase") == "Running; nothing in the last 5 minutes of api-1; nothing is known of south"
    assert evidence(desk, "telemetry").endswith("; nothing is known of south")


def test_what_is_bad_names_its_cluster_in_every_check(desk, put):
    put_a_healthy_pod(put)
    tell(put, [event(-60, "OOMKilling", cluster=SOUTH), pod_log(-55, SeverityNumber=17, resource=in_south())])
    for metric, values in (
        ("k8s.pod.phase", [(0, 4)]), ("k8s.container.ready", [(0, 0)]), ("k8s.container.restarts", [(-60, 4), (0, 5)]),
        ("k8s.container.memory_limit_utilization", [(0, 0.99)]),
    ):  # fmt: skip
        put("otel_metrics_gauge", gauge(metric, values, in_south()))

    told = found(desk.ask("pod_health", POD), "check", "state", "evidence")

    assert {check for check, state, said in told if state == "bad" and said.endswith("; bad in south")} == CHECKS - {
        "telemetry"
    }


def test_telemetry_that_names_no_cluster_is_of_the_only_one(desk, put):
    put_a_healthy_pod(put)
    tell(put, [event(-50, "Killing", type="Normal", cluster={}), pod_log(-40, "fine", SeverityNumber=9, resource={
        name: value for name, value in where().items() if not name.startswith("k8s.cluster")
    })])  # fmt: skip

    assert set(states(desk).values()) == {"ok"}
    assert list(the(desk.ask("pod_health", POD), "pods")[0]) == ["api-1"]


def test_the_pods_that_were_looked_at_are_named_with_their_clusters_where_there_are_several(desk, put):
    put_a_healthy_pod(put)
    tell(put, [event(-50, name="api-10"), pod_log(-1, resource=where("api-11"))])
    asked = {**POD, "pod": "api-1*"}

    reply = desk.ask("pod_health", asked)
    assert [list(pods) for pods in the(reply, "pods")] == [["api-1", "api-10", "api-11"]] * 8
    assert set(the(reply, "pods_total")) == {3}

    tell(put, [event(-50, cluster=SOUTH)])
    reply = desk.ask("pod_health", asked)
    assert list(the(reply, "pods")[0]) == ["north/api-1", "north/api-10", "north/api-11", "south/api-1"]
    assert the(desk.ask("pod_health", {**POD, "pod": "nobody"}), "pods_total")[0] == 0


@pytest.mark.parametrize("written", [{"pod": "api-2"}, {"namespace": "bank"}, {"cluster": "south"}, {"until": "30m"}])
def test_what_is_known_of_others_says_nothing(desk, put, written):
    put_a_healthy_pod(put)
    tell(put, [event(-1, name="api-10"), pod_log(-1, SeverityNumber=17, resource=where("api-10"))])

    assert states(desk)["warning_events"] == "ok"
    assert set(states(desk, **written).values()) == {"unknown"}
