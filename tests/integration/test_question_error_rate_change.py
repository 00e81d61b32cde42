"""What `error_rate_change` calls a change, and what it does not.

For the desk it is ten minutes past noon: the window begins at -1200 s, the one before at -3000 s.
"""

import pytest
from answers import NOON, found, log, span, the

AFTER, BEFORE = -600, -2400
"""Seconds after noon: in the middle of either window."""


def requests(seconds, total, errors, **columns):
    return [
        span(f"{seconds} {n}", start=seconds * 1000 + n, SpanKind="Server", StatusCode="Error" if n < errors else "Ok")
        | columns
        for n in range(total)
    ]


def verdicts(desk, **written):
    return found(desk.ask("error_rate_change", written), "verdict", "service", "source", "errors", "errors_before")


@pytest.mark.parametrize(
    ("now", "before", "verdict"),
    [
        ((100, 20), (100, 5), "up"),
        ((100, 5), (100, 20), "down"),
        ((100, 12), (100, 10), "same"),
        ((1000, 100), (100, 10), "same"),  # ten times the errors of ten times the requests
        ((120, 18), (14, 0), "unclear"),  # chance alone leaves 14 without an error in 1 of 10 cases
        ((14, 0), (120, 18), "unclear"),
        ((100, 4), (100, 0), "too_few"),
        ((3, 3), (100, 0), "too_few"),
        ((100, 7), (100, 0), "up"),
        ((100, 0), (100, 0), "no_errors"),
        ((0, 0), (100, 50), "silent"),
        ((100, 50), (0, 0), "no_baseline"),
        ((10, 10), (10, 10), "same"),
    ],
)
def test_a_difference_is_a_change_if_chance_does_not_explain_it(desk, put, now, before, verdict):
    put("otel_traces", [*requests(AFTER, *now), *requests(BEFORE, *before)])

    reply = desk.ask("error_rate_change", {})

    assert found(reply, "verdict", "source", "total", "errors", "total_before", "errors_before") == [
        (verdict, "requests", *now, *before)
    ]
    share = [errors / total if total else None for total, errors in (now, before)]
    assert found(reply, "error_share", "error_share_before") == [tuple(share)]


@pytest.mark.parametrize(
    ("now", "before", "verdict"),
    [
        ((10, 10), (500, 0), "up"),
        ((6, 6), (500, 0), "unclear"),
        ((500, 3), (500, 4), "too_few"),
        ((5, 0), (40, 30), "down"),
    ],
)
def test_of_logs_the_number_of_errors_counts_whatever_else_was_written(desk, put, now, before, verdict):
    for seconds, (total, errors) in ((AFTER, now), (BEFORE, before)):
        put("otel_logs", [log(seconds + n / 10, SeverityNumber=17 if n < errors else 9) for n in range(total)])

    assert verdicts(desk) == [(verdict, "shop", "logs", now[1], before[1])]


def test_changes_come_first_and_every_service_is_there(desk, put):
    put(
        "otel_traces",
        [
            *requests(AFTER, 50, 0, ServiceName="calm"),
            *requests(BEFORE, 50, 0, ServiceName="calm"),
            *requests(AFTER, 50, 40, ServiceName="broken"),
            *requests(BEFORE, 50, 0, ServiceName="broken"),
            *requests(BEFORE, 50, 0, ServiceName="gone"),
            *(one | {"SpanKind": "Client"} for one in requests(AFTER, 50, 50, ServiceName="caller")),
        ],
    )
    put("otel_logs", [log(AFTER, "level=error")])

    assert verdicts(desk) == [
        ("up", "broken", "requests", 40, 0),
        ("silent", "gone", "requests", 0, 0),
        ("no_baseline", "shop", "logs", 1, 0),
        ("no_errors", "calm", "requests", 0, 0),
    ]


def test_the_window_before_may_lie_further_back_and_never_overlaps(desk, put):
    put("otel_traces", [*requests(AFTER, 50, 40), *requests(BEFORE, 50, 40), *requests(-6000, 50, 0)])

    assert the(desk.ask("error_rate_change", {}), "verdict") == ["same"]
    assert the(desk.ask("error_rate_change", {"baseline_offset": 60}), "verdict") == ["same"]
    reply = desk.ask("error_rate_change", {"baseline_offset": 5400})
    assert found(reply, "verdict", "baseline_since", "baseline_until") == [
        ("up", "2026-01-01T10:10:00.000000000Z", "2026-01-01T10:40:00.000000000Z")
    ]


def test_each_moment_belongs_to_one_window(desk, put):
    put("otel_logs", [log(seconds) for seconds in (-3000.000000001, -3000, -1200.000000001, -1200, 599.999999999, 600)])

    assert found(desk.ask("error_rate_change", {}), "total", "total_before") == [(2, 2)]


def test_a_window_that_begins_with_time_itself_has_no_baseline(desk, put):
    put("otel_logs", [log(0)])

    assert the(desk.ask("error_rate_change", {"since": "0", "until": str(NOON + 1)}), "verdict") == ["no_baseline"]


def test_min_errors_says_what_is_too_few(desk, put):
    put("otel_traces", [*requests(AFTER, 100, 20), *requests(BEFORE, 100, 0)])

    assert the(desk.ask("error_rate_change", {"min_errors": 21}), "verdict") == ["too_few"]


def test_changes_are_narrowed_by_service_namespace_cluster_and_composition(desk, put):
    where = {"k8s.namespace.name": "ns", "k8s.cluster.name": "c", "krateo.composition.id": "k"}
    put("otel_logs", [log(0, ServiceName="a", ResourceAttributes=where), log(0)])
    put("otel_traces", [*requests(AFTER, 1, 0, ServiceName="a", ResourceAttributes=where), *requests(AFTER, 1, 0)])

    for written in ({"namespace": "ns"}, {"cluster": "c"}, {"composition": "k"}, {"service": "a"}):
        assert the(desk.ask("error_rate_change", written), "service") == ["a", "a"]


def test_nothing_in_either_window_is_no_row(desk):
    assert verdicts(desk) == []


def test_the_beginning_of_errors_is_told_where_few_came_before(desk, put):
    put("otel_traces", [*requests(-2400, 100, 0), *requests(-1100, 50, 0), *requests(-300, 40, 40)])
    put("otel_traces", [{**one, "ServiceName": "old"} for at in (-2400, -300) for one in requests(at, 40, 20)])

    told = dict(found(desk.ask("error_rate_change", {}), "service", "errors_since"))

    assert told["old"] == ""
    assert next(time for name, time in told.items() if name != "old").startswith("2026-01-01T11:55:00.0")
