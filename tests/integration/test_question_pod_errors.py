"""What `pod_errors` answers: warnings and error logs of one pod, counted, and what was looked at."""

import re

import pytest
from answers import found, the
from cluster_scene import CLUSTER, event, flat, pod_log, tell, where

from sql.catalogue import load_catalogue

POD = {"namespace": "shop", "pod": "api-1"}
COUNTED = ("about", "what", "count", "message")


def test_events_and_logs_come_newest_first_after_a_row_that_says_what_was_looked_at(desk, put):
    tell(
        put,
        [
            event(-100, count=3, container="app"),
            event(-50, "Killing", type="Normal"),
            pod_log(-90, "boom", SeverityNumber=17, TraceId="a" * 32),
            pod_log(-60, "boom", SeverityNumber=17),
            pod_log(-30, "fine", SeverityNumber=9),
            pod_log(-20, "what is this"),
        ],
    )

    reply = desk.ask("pod_errors", POD)

    looked_at = "2 events and 4 log records of 1 pods looked at; severity unknown of 1 log records"
    assert found(reply, *COUNTED) == [
        ("all", "", 5, looked_at),
        ("log", "ERROR", 2, "boom"),
        ("event", "BackOff", 3, "BackOff of api-1"),
    ]
    assert found(reply, "pod", "container", "trace_id", "looked_at", "first_seen", "last_seen") == [
        ("", "", "", 6, "2026-01-01T11:58:20.000000000Z", "2026-01-01T11:59:00.000000000Z"),
        ("api-1", "app", "a" * 32, 2, "2026-01-01T11:58:30.000000000Z", "2026-01-01T11:59:00.000000000Z"),
        ("api-1", "app", "", 1, "2026-01-01T11:58:20.000000000Z", "2026-01-01T11:58:20.000000000Z"),
    ]


def test_a_pod_without_errors_is_told_from_one_of_which_nothing_is_known(desk, put):
    tell(put, [pod_log(1, "fine", SeverityText="info")])

    assert found(desk.ask("pod_errors", POD), "about", "count", "looked_at", "last_seen") == [("all", 0, 1, "")]
    assert desk.ask("pod_errors", {**POD, "pod": "api-2"}).rows == []


@pytest.mark.parametrize(
    ("body", "severity"),
    [
        ('{"level":"error","msg":"no"}', "ERROR"),
        ('{"ts": 1, "severity": "CRITICAL"}', "FATAL"),
        ('{"level":50,"msg":"pino"}', "ERROR"),
        ("time=x level=fatal msg=no", "FATAL"),
        ("E0131 10:00:00.1 1 main.go:1] no", "ERROR"),
        ("2026-01-31 10:00:00 ERROR no", "ERROR"),
        ("\x1b[31mERROR\x1b[0m no", "ERROR"),
        ("panic: runtime error", "FATAL"),
        ("Traceback (most recent call last):", "ERROR"),
        ("Exception in thread main java.lang.X", "ERROR"),
        ("INFO 0 ERROR", None),
        ('{"level":"info","msg":"an error of 3 %"}', None),
        ('{"level":"warn","msg":"FATAL"}', None),
        ("no errors, errorless", None),
        ("terror", None),
        ("", None),
    ],
)
def test_a_severity_that_nobody_gives_is_read_from_the_text(desk, put, body, severity):
    tell(put, [pod_log(1, body)])

    assert the(desk.ask("pod_errors", POD), "what") == ([""] if severity is None else ["", severity])


def test_a_severity_that_is_given_goes_before_the_text(desk, put):
    tell(put, [pod_log(1, "ERROR", SeverityNumber=9), pod_log(2, "level=info", SeverityText="Error")])

    assert the(desk.ask("pod_errors", POD), "what") == ["", "Error"]


def test_the_same_event_from_two_collectors_counts_once_and_is_no_log(desk, put):
    one = event(-30, count=2, message="ERROR: level=error")
    tell(put, [one, {**one, "ResourceAttributes": where()}])
    second = flat(-30, one)
    tell(put, [{**second, "ResourceAttributes": {**where(), **second["ResourceAttributes"]}}])

    assert found(desk.ask("pod_errors", POD), "about", "count", "looked_at") == [("all", 2, 1), ("event", 2, 1)]


def test_a_pod_is_exact_and_a_star_stands_for_any_ending(desk, put):
    for pod in ("api-1", "api-10", "api%1", "bank"):
        tell(put, [pod_log(1, f"error in {pod}", SeverityNumber=17, resource=where(pod)), event(1, name=pod)])
    tell(put, [pod_log(1, SeverityNumber=17, resource=where(namespace="other")), event(1, namespace="other")])

    assert set(the(desk.ask("pod_errors", POD), "pod")) == {"", "api-1"}
    assert set(the(desk.ask("pod_errors", {**POD, "pod": "api-1*"}), "pod")) == {"", "api-1", "api-10"}
    assert set(the(desk.ask("pod_errors", {**POD, "pod": "api%1"}), "pod")) == {"", "api%1"}
    assert len(desk.ask("pod_errors", {**POD, "pod": "*"}).rows) == 9


def test_pods_of_one_name_in_two_clusters_are_two(desk, put):
    south = {"k8s.cluster.uid": "uid-south", "k8s.cluster.name": "south"}
    for cluster in (CLUSTER, south):
        tell(put, [pod_log(1, "boom", SeverityNumber=17, resource={**where(), **cluster}), event(2, cluster=cluster)])

    reply = desk.ask("pod_errors", POD)

    assert sorted(found(reply, "about", "count", "cluster")) == [
        ("all", 4, ""), ("event", 1, "north"), ("event", 1, "south"), ("log", 1, "north"), ("log", 1, "south"),
    ]  # fmt: skip
    assert "of 2 pods" in the(reply, "message")[0]


def test_the_newest_errors_are_kept(desk, put):
    tell(put, [pod_log(n, f"error {n}", SeverityNumber=17) for n in range(5)])

    reply = desk.ask("pod_errors", {**POD, "limit": 3})

    assert (found(reply, "count", "message")[1:], reply.truncated) == ([(1, "error 4"), (1, "error 3")], True)
    assert the(reply, "count")[0] == 5


def test_severities_are_read_alike_by_every_question_that_reads_them():
    own = re.compile(r"\(number, text, body\).*?AS level_of", re.DOTALL)
    read = [text for question in load_catalogue().values() for text in own.findall(question.sql)]

    assert len(read) >= 5
    assert len(set(read)) == 1
