"""What is counted before and after a change, and what each number rests on."""

import json

import pytest
from answers import NOON, at, found, log, span

ASKED = {"changed_at": str(NOON + 100), "before_s": 100, "settle_s": 100, "until": str(NOON + 600)}
"""Before: noon to 100 s after; passed over up to 200 s; after: up to 600 s."""

POD = {"ResourceAttributes": {"k8s.namespace.name": "shop", "k8s.pod.name": "api-7d9f8b6c5-x2x4z"}}


def event(seconds, reason="BackOff", name="api-7d9f8b6c5-x2x4z", kind="Warning", count=1, message="told"):
    return {
        "EventTime": at(seconds), "FirstTime": at(seconds), "Namespace": "shop", "Kind": "Pod", "Name": name,
        "Reason": reason, "Type": kind, "Count": count, "Message": message, "EventUid": f"{name}{reason}{seconds}",
    }  # fmt: skip


def by_aspect(desk, **more):
    reply = desk.ask("resolution", {**ASKED, **more})
    rows = found(reply, "aspect", "before", "after", "looked_at_before", "looked_at_after")
    return {row[0]: row[1:] for row in rows}


def test_nothing_at_all_has_no_rows(desk):
    assert desk.ask("resolution", ASKED).rows == []


def test_each_window_counts_its_own_and_the_time_to_settle_counts_for_neither(desk, put):
    put("otel_k8s_events", [event(10), event(50), event(150), event(250), event(300, kind="Normal", reason="Started")])

    assert by_aspect(desk)["warning_events"] == (2.0, 1.0, 2, 2)


def test_the_ends_of_the_windows_are_where_they_should_be(desk, put):
    put(
        "otel_k8s_events",
        [event(-0.1), event(0), event(99.9), event(100), event(199.9), event(200), event(599.9), event(600)],
    )

    assert by_aspect(desk)["warning_events"] == (2.0, 2.0, 2, 2)


def test_error_logs_count_by_number_text_or_body_and_rest_on_all_logs(desk, put):
    put(
        "otel_logs",
        [
            log(10, SeverityNumber=17),
            log(20, "level=error x"),
            log(30, "fine"),
            log(300, "ERROR y"),
            log(310),
            log(320),
        ],
    )

    assert by_aspect(desk)["error_logs"] == (2.0, 1.0, 3, 3)


def test_requests_that_failed_and_their_p95(desk, put):
    requests = [span(str(n), start=n * 1000, ms=100, SpanKind="Server") for n in range(10, 40)]
    failing = [span(f"f{n}", start=n * 1000, ms=9, SpanKind="Server", StatusCode="Error") for n in range(50, 60)]
    later = [span(f"l{n}", start=n * 1000, ms=20, SpanKind="Server") for n in range(300, 350)]
    put("otel_traces", [*requests, *failing, *later, span("call", start=20_000, SpanKind="Client", StatusCode="Error")])

    aspects = by_aspect(desk, service="shop")

    assert aspects["failed_requests"] == (10.0, 0.0, 40, 50)
    assert aspects["p95_ms"][:2] == pytest.approx((100, 20), rel=0.02)
    assert aspects["alive"] == (41.0, 50.0, 41, 50)


@pytest.mark.parametrize(
    ("filters", "warnings"),
    [
        ({"pod": "api-*"}, 2.0),
        ({"pod": "api-7d9f8b6c5-x2x4z"}, 1.0),
        ({"pod": "api"}, 0.0),
        ({"reason": "OOMKilling"}, 1.0),
        ({"text": "100%"}, 1.0),
        ({"text": "of_memory"}, 0.0),
        ({"namespace": "shop"}, 3.0),
    ],
)
def test_filters_narrow_the_warnings(desk, put, filters, warnings):
    put(
        "otel_k8s_events",
        [
            event(10),
            event(20, "OOMKilling", "api-7d9f8b6c5-other", message="out of memory at 100% of it"),
            event(30, name="other"),
        ],
    )

    aspects = by_aspect(desk, **filters)
    assert aspects.get("warning_events", (0.0,))[0] == warnings


def test_other_namespaces_are_no_sign_of_life(desk, put):
    put("otel_logs", [log(300, ResourceAttributes={"k8s.namespace.name": "other"}), log(10, **POD)])

    assert by_aspect(desk, namespace="shop", pod="api-*")["alive"] == (1.0, 0.0, 1, 0)


def test_events_that_came_as_logs_are_not_counted_twice(desk, put):
    body = json.dumps({"object": {"involvedObject": {"kind": "Pod"}, "reason": "BackOff", "type": "Warning"}})
    put("otel_logs", [log(10, body, SeverityNumber=17), log(11, "x")])

    assert by_aspect(desk)["error_logs"] == (0.0, 0.0, 1, 0)


def test_a_window_after_that_has_not_begun_is_of_no_length(desk, put):
    put("otel_logs", [log(10)])

    reply = desk.ask("resolution", {**ASKED, "until": str(NOON + 150)})

    assert found(reply, "after_seconds")[0] == (0.0,)


def test_events_are_no_sign_of_life_of_a_service_and_warnings_of_nothing(desk, put):
    put("otel_logs", [log(10)])
    put("otel_k8s_events", [event(300), event(310), event(320, kind="Normal", reason="Started")])

    assert by_aspect(desk, service="shop")["alive"] == (1.0, 0.0, 1, 0)
    assert by_aspect(desk, namespace="shop")["alive"] == (0.0, 1.0, 0, 1)


def test_warnings_alone_have_rows(desk, put):
    put("otel_k8s_events", [event(300)])

    assert by_aspect(desk)["warning_events"] == (0.0, 1.0, 0, 1)
    assert by_aspect(desk)["alive"] == (0.0, 0.0, 0, 0)


def test_an_event_from_two_collectors_of_which_one_names_no_cluster_counts_once(desk, put):
    both = [event(10, count=3), event(300, count=2)]
    put("otel_k8s_events", both)
    put("otel_k8s_events", [{**one, "ClusterUid": "c", "ClusterName": "east"} for one in both])

    assert by_aspect(desk)["warning_events"] == (3.0, 2.0, 1, 1)


def in_cluster(name, row):
    return {**row, "ResourceAttributes": {**row.get("ResourceAttributes", {}), "k8s.cluster.name": name}}


def test_a_cluster_that_fell_silent_is_named_beside_one_that_goes_on(desk, put):
    north = {"ClusterUid": "n", "ClusterName": "north"}
    put(
        "otel_k8s_events",
        [{**event(10), **north}, {**event(20, "Unhealthy"), "ClusterUid": "s", "ClusterName": "south"}],
    )
    put("otel_logs", [in_cluster("north", log(10, SeverityNumber=17, **POD)), in_cluster("south", log(300, **POD))])
    put("otel_traces", [in_cluster("north", span("a", start=10_000, SpanKind="Server", StatusCode="Error"))])

    reply = desk.ask("resolution", {**ASKED, "text": "o"})

    clusters = {row[0]: row[1:] for row in found(reply, "aspect", "clusters", "silent_clusters")}
    both, gone = (["north", "south"], ["north"]), (["north"], ["north"])
    assert {name: tuple(map(list, told)) for name, told in clusters.items()} == {
        "warning_events": both, "error_logs": gone, "matching_logs": gone, "failed_requests": gone, "p95_ms": gone,
        "alive": ([], []),
    }  # fmt: skip


def test_what_names_no_cluster_is_a_cluster_of_its_own_but_for_events(desk, put):
    put("otel_k8s_events", [event(10)])
    put("otel_logs", [log(10, SeverityNumber=17, **POD), in_cluster("south", log(300, **POD))])

    clusters = {
        row[0]: row[1:] for row in found(desk.ask("resolution", ASKED), "aspect", "clusters", "silent_clusters")
    }

    assert [list(told) for told in clusters["warning_events"]] == [[""], []]
    assert [list(told) for told in clusters["error_logs"]] == [[""], [""]]
