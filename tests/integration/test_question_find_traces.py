"""Which traces `find_traces` finds, and what it tells of them."""

import pytest
from answers import found, span, the

PLACED = {"k8s.namespace.name": "ns", "k8s.cluster.name": "c", "krateo.composition.id": "k"}


@pytest.fixture
def traces(put):
    """Four traces, named by what is special about one of their spans."""
    put(
        "otel_traces",
        [
            span("r1", start=0, ms=100, TraceId="slow", ServiceName="web", SpanName="GET /"),
            span("c1", "r1", start=10, ms=80, TraceId="slow", SpanAttributes={"http.route": "/a"}),
            span("r2", start=1000, ms=30, TraceId="failed", StatusCode="Error", SpanKind="Server"),
            span("r3", "lost", start=2000, ms=10, TraceId="placed", ResourceAttributes=PLACED, ServiceName="bank"),
            span("l3", "r3", start=2005, ms=10, TraceId="placed", ServiceName="bank", StatusCode="Ok"),
            span("r4", start=3000, ms=5, TraceId="old", StatusCode="STATUS_CODE_ERROR", SpanAttributes={"k": "/a"}),
            span("gone", start=-4_000_000, TraceId="gone"),
            span("none", TraceId=""),
        ],
    )


@pytest.mark.parametrize(
    ("written", "trace_ids"),
    [
        ({}, ["old", "placed", "failed", "slow"]),
        ({"service": "web"}, ["slow"]),
        ({"span": "GET /"}, ["slow"]),
        ({"span": "GET"}, []),
        ({"status": "error"}, ["old", "failed"]),
        ({"status": "ok"}, ["placed"]),
        ({"min_duration_ms": 80}, ["slow"]),
        ({"max_duration_ms": 5}, ["old"]),
        ({"min_duration_ms": 10, "max_duration_ms": 30}, ["placed", "failed"]),
        ({"attribute": "http.route"}, ["slow"]),
        ({"attribute": "http.route", "attribute_value": "/a"}, ["slow"]),
        ({"attribute": "http.route", "attribute_value": "/b"}, []),
        ({"attribute_value": "/a"}, ["old", "slow"]),
        ({"attribute": "k8s.namespace.name", "attribute_value": "ns"}, ["placed"]),
        ({"namespace": "ns", "cluster": "c", "composition": "k"}, ["placed"]),
        ({"cluster": "other"}, []),
        ({"service": "' OR 1 = 1 --"}, []),
    ],
)
def test_traces_are_found_by_what_holds_of_one_of_their_spans(desk, traces, written, trace_ids):
    assert the(desk.ask("find_traces", written), "trace_id") == trace_ids


def test_all_that_is_asked_for_must_hold_of_one_and_the_same_span(desk, traces):
    assert the(desk.ask("find_traces", {"service": "web", "attribute": "http.route"}), "trace_id") == []


def test_a_trace_that_was_found_is_told_as_a_whole(desk, traces):
    reply = desk.ask("find_traces", {"attribute": "http.route"})

    columns = ("start", "total_ms", "root_service", "root_span", "has_root", "spans", "errors", "services", "matching")
    assert found(reply, *columns, "match_service", "match_span", "match_span_id") == [
        ("2026-01-01T12:00:00.000000000Z", 100, "web", "GET /", True, 2, 0, 2, 1, "shop", "do c1", "c1")
    ]
    assert found(desk.ask("find_traces", {"service": "bank"}), "has_root", "root_span", "total_ms", "matching") == [
        (False, "do r3", 15, 2)
    ]


def test_spans_outside_of_the_window_belong_to_a_trace_that_was_found(desk, put):
    put("otel_traces", [span("r", start=0, ms=700_000), span("late", "r", start=650_000, ServiceName="bank")])

    assert found(desk.ask("find_traces", {"service": "shop"}), "spans", "total_ms") == [(2, 700_000)]


def test_the_newest_are_kept_where_the_limit_cuts_and_it_is_said(desk, traces):
    reply = desk.ask("find_traces", {"limit": 2})

    assert (the(reply, "trace_id"), reply.truncated) == (["old", "placed"], True)


def test_a_duration_that_wrapped_around_is_no_long_one(desk, put):
    put("otel_traces", [span("root", Duration=2**64 - 5)])

    assert desk.ask("find_traces", {"min_duration_ms": 1}).rows == []
