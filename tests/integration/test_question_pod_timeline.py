"""What `pod_timeline` answers: events and logs of one pod in one order."""

import pytest
from answers import found, the
from cluster_scene import event, flat, pod_log, tell, where

POD = {"namespace": "shop", "pod": "api-1"}


def test_events_and_logs_stand_in_one_order_newest_first(desk, put):
    tell(
        put,
        [
            event(-100, "Started", type="Normal", container="app"),
            pod_log(-90, "cannot connect", SeverityText="ERROR", TraceId="b" * 32),
            event(-80, "Killing", type="Normal"),
            pod_log(-70, "slow", SeverityNumber=13),
            pod_log(-65, "fine", SeverityNumber=9),
            event(-60, count=7),
        ],
    )

    reply = desk.ask("pod_timeline", POD)

    assert found(reply, "time", "source", "severity", "reason", "message", "count", "trace_id") == [
        ("2026-01-01T11:59:00.000000000Z", "event", "Warning", "BackOff", "BackOff of api-1", 7, ""),
        ("2026-01-01T11:58:50.000000000Z", "log", "WARN", "", "slow", 1, ""),
        ("2026-01-01T11:58:40.000000000Z", "event", "Normal", "Killing", "Killing of api-1", 1, ""),
        ("2026-01-01T11:58:30.000000000Z", "log", "ERROR", "", "cannot connect", 1, "b" * 32),
        ("2026-01-01T11:58:20.000000000Z", "event", "Normal", "Started", "Started of api-1", 1, ""),
    ]
    assert the(reply, "container") == ["", "app", "", "app", "app"]


def test_the_limit_counts_events_and_logs_together_and_keeps_the_newest(desk, put):
    rows = [event(2 * n, f"R{n}") for n in range(10)]
    rows += [pod_log(2 * n + 1, f"log {n}", SeverityNumber=17) for n in range(10)]
    tell(put, rows)

    reply = desk.ask("pod_timeline", {**POD, "limit": 5})

    assert (the(reply, "message"), reply.truncated) == (["log 9", "R9 of api-1", "log 8", "R8 of api-1", "log 7"], True)
    assert desk.ask("pod_timeline", {**POD, "limit": 20}).truncated is False


@pytest.mark.parametrize(("events", "logs"), [(8, 0), (0, 8)])
def test_one_half_alone_fills_the_limit(desk, put, events, logs):
    tell(put, [event(n, f"R{n}") for n in range(events)] + [pod_log(n, SeverityNumber=17) for n in range(logs)])

    reply = desk.ask("pod_timeline", {**POD, "limit": 5})

    assert the(reply, "time") == [f"2026-01-01T12:00:0{n}.000000000Z" for n in (7, 6, 5, 4, 3)]


def test_each_change_of_an_event_is_told_once(desk, put):
    changes = [event(10 * n, count=n, first=0) for n in (1, 2, 3)]
    tell(put, changes)
    tell(put, changes)
    tell(put, [flat(10 * n, change) for n, change in enumerate(changes, start=1)])

    assert found(desk.ask("pod_timeline", POD), "source", "count") == [("event", 3), ("event", 2), ("event", 1)]


@pytest.mark.parametrize(
    ("severity", "bodies"),
    [
        ("", ["level=error", "unknown", "level=debug"]),
        ("debug", ["level=error", "level=debug"]),
        ("ERROR", ["level=error"]),
        ("fatal", []),
    ],
)
def test_logs_are_narrowed_by_severity_even_where_only_their_text_says_it(desk, put, severity, bodies):
    tell(put, [pod_log(1, "level=debug"), pod_log(2, "unknown"), pod_log(3, "level=error")])

    assert the(desk.ask("pod_timeline", {**POD, "min_severity": severity}), "message") == bodies


def test_each_entry_names_the_cluster_of_its_pod(desk, put):
    south = {"k8s.cluster.uid": "uid-south", "k8s.cluster.name": "south"}
    tell(put, [pod_log(1, SeverityNumber=17), event(2)])
    tell(put, [pod_log(3, SeverityNumber=17, resource={**where(), **south}), event(4, cluster=south)])

    told = found(desk.ask("pod_timeline", POD), "source", "cluster")

    assert told == [("event", "south"), ("log", "south"), ("event", "north"), ("log", "north")]


def test_others_are_left_out(desk, put):
    error = {"SeverityNumber": 17}
    tell(put, [pod_log(1, "mine", **error), event(2)])
    tell(put, [pod_log(1, resource=where("api-2"), **error), pod_log(1, resource=where(namespace="x"), **error)])
    tell(put, [event(2, name="api-2"), event(2, namespace="x"), event(2, kind="Job"), pod_log(-4000, **error)])

    assert the(desk.ask("pod_timeline", POD), "message") == ["BackOff of api-1", "mine"]
    assert desk.ask("pod_timeline", {**POD, "cluster": "south"}).rows == []
