"""What `trace_critical_path` finds, on traces whole and broken, and as a plain program finds it."""

import random

from answers import found, span, the

MS = 1_000_000


def path(desk, *columns, trace_id="a" * 32):
    return found(desk.ask("trace_critical_path", {"trace_id": trace_id, "limit": 10_000}), *columns)


def test_the_path_goes_through_what_ended_last(desk, put):
    put(
        "otel_traces",
        [
            span("root", start=0, ms=100, SpanKind="Server"),
            span("beside", "root", start=10, ms=60),
            span("first", "root", start=10, ms=20, StatusCode="Error", StatusMessage="slow"),
            span("last", "root", start=40, ms=50, ServiceName="bank"),
            span("inner", "last", start=50, ms=30, ServiceName="bank"),
        ],
    )

    assert path(desk, "depth", "service", "span_id", "offset_ns", "duration_ns", "path_ns", "share", "error") == [
        (0, "shop", "root", 0, 100 * MS, 30 * MS, 0.3, False),
        (1, "shop", "first", 10 * MS, 20 * MS, 20 * MS, 0.2, True),
        (1, "bank", "last", 40 * MS, 50 * MS, 20 * MS, 0.2, False),
        (2, "bank", "inner", 50 * MS, 30 * MS, 30 * MS, 0.3, False),
    ]
    assert path(desk, "kind", "status_message", "parent_span_id", "moved_ns", "roots", "trace_spans")[:2] == [
        ("Server", "", "", 0, 1, 5),
        ("Internal", "slow", "root", 0, 1, 5),
    ]


def test_what_runs_on_after_its_parent_counts_up_to_the_parents_end(desk, put):
    put("otel_traces", [span("root", ms=100), span("late", "root", start=80, ms=500), span("after", "root", start=200)])

    assert path(desk, "span_id", "path_ns") == [("root", 80 * MS), ("late", 20 * MS)]


def test_a_child_whose_clock_is_behind_is_moved_into_its_parent_with_all_below_it(desk, put):
    put(
        "otel_traces",
        [
            span("root", start=1000, ms=100),
            span("remote", "root", start=400, ms=60, ServiceName="bank"),
            span("inner", "remote", start=420, ms=20, ServiceName="bank"),
        ],
    )

    assert path(desk, "span_id", "offset_ns", "path_ns", "moved_ns") == [
        ("root", 0, 40 * MS, 0),
        ("remote", 20 * MS, 40 * MS, 620 * MS),
        ("inner", 40 * MS, 20 * MS, 620 * MS),
    ]


def test_a_moved_child_that_is_longer_than_its_parent_begins_with_it(desk, put):
    put("otel_traces", [span("root", start=100, ms=10), span("long", "root", start=0, ms=90, ServiceName="bank")])

    assert path(desk, "span_id", "path_ns", "moved_ns") == [("root", 0, 0), ("long", 10 * MS, 100 * MS)]


def test_of_several_roots_the_longest_is_looked_at_and_a_root_before_an_orphan(desk, put):
    put(
        "otel_traces",
        [
            span("short", start=0, ms=10),
            span("long", start=50, ms=30),
            span("orphan", "lost", start=0, ms=900),
            span("child", "long", start=60, ms=5),
        ],
    )

    assert path(desk, "span_id", "path_ns", "roots") == [("long", 25 * MS, 3), ("child", 5 * MS, 3)]


def test_without_a_root_the_longest_orphan_is_looked_at(desk, put):
    put("otel_traces", [span("a", "lost", ms=10), span("b", "lost", ms=20), span("of b", "b", ms=5, start=1)])

    assert path(desk, "span_id", "path_ns") == [("b", 15 * MS), ("of b", 5 * MS)]


def test_spans_that_are_their_own_ancestors_are_walked_once(desk, put):
    put("otel_traces", [span("one", "two", ms=50), span("two", "one", ms=40, start=1), span("self", "self", ms=5)])

    assert path(desk, "span_id", "path_ns", "roots") == [("one", 10 * MS, 0), ("two", 40 * MS, 0)]


def test_spans_stored_twice_without_an_id_or_of_no_duration_change_nothing(desk, put):
    rows = [
        span("root", ms=100),
        span("child", "root", start=10, ms=20),
        span("instant", "root", start=50, ms=0),
        span("", "root", start=60, ms=40),
        span("wrapped", "root", start=40, Duration=2**64 - 5),
    ]
    put("otel_traces", rows)
    put("otel_traces", rows)

    assert path(desk, "span_id", "path_ns", "trace_spans") == [("root", 80 * MS, 4), ("child", 20 * MS, 4)]


def test_a_trace_of_no_duration_has_no_shares(desk, put):
    put("otel_traces", [span("root", ms=0)])

    assert path(desk, "span_id", "path_ns", "share") == [("root", 0, None)]


def test_a_trace_that_does_not_exist_has_no_path(desk, put):
    put("otel_traces", [span("root")])

    assert path(desk, "span_id", trace_id="c" * 32) == []


def test_a_trace_deeper_than_the_bound_ends_there(desk, put):
    put("otel_traces", [span(f"s{n}", f"s{n - 1}" if n else "", start=n, ms=1000 - n) for n in range(230)])

    reply = desk.ask("trace_critical_path", {"trace_id": "a" * 32, "limit": 10_000})

    assert len(reply.rows) == 201
    assert sum(the(reply, "path_ns")) == 1000 * MS


def walk(spans, span_id, begin, end):
    """(span, nanoseconds of its own) along the path below one span, by recursion."""
    children = [
        (min(b + d, end), max(b, begin), name)
        for name, (parent, b, d) in spans.items()
        if parent == span_id and min(b + d, end) > max(b, begin)
    ]
    found, left, at = [], 0, end
    for child_end, child_begin, name in sorted(children, key=lambda one: (-one[0], one[1], one[2])):
        if child_end <= at:
            left += at - child_end
            found += walk(spans, name, child_begin, child_end)
            at = child_begin
    return [(span_id, left + at - begin), *found]


def test_random_traces_have_the_path_that_a_plain_program_finds(desk, put):
    dice = random.Random(7)
    traces = {}
    for number in range(12):
        spans = {"s0": ("", 0, 1000)}
        for n in range(1, dice.randint(2, 40)):
            spans[f"s{n}"] = (f"s{dice.randrange(n)}", dice.randrange(0, 1000), dice.randrange(0, 600))
        traces[f"{number:032}"] = spans
    put(
        "otel_traces",
        [
            span(name, parent, start=begin, ms=ms, TraceId=trace)
            for trace, spans in traces.items()
            for name, (parent, begin, ms) in spans.items()
        ],
    )

    for trace, spans in traces.items():
        expected = {name: own * MS for name, own in walk(spans, "s0", 0, 1000)}
        assert dict(path(desk, "span_id", "path_ns", trace_id=trace)) == expected
        assert sum(expected.values()) == 1000 * MS
