"""What `trace` says where clocks differ and of several roots; its waterfall stands in test_trace_question."""

from answers import found, span


def test_a_child_that_begins_before_its_parent_stands_below_it_and_says_by_how_much(desk, put):
    put(
        "otel_traces",
        [
            span("root", start=100, ms=50),
            span("early", "root", start=40, ms=20, ServiceName="bank"),
            span("below", "early", start=30, ms=5, ServiceName="bank"),
            span("fine", "root", start=110, ms=5),
        ],
    )

    reply = desk.ask("trace", {"trace_id": "a" * 32})

    assert found(reply, "span_id", "depth", "offset_ns", "self_ns", "skew_ns") == [
        ("root", 0, 70_000_000, 45_000_000, 0),
        ("early", 1, 10_000_000, 20_000_000, 60_000_000),
        ("below", 2, 0, 5_000_000, 10_000_000),
        ("fine", 1, 80_000_000, 5_000_000, 0),
    ]


def test_several_roots_are_several_trees_in_the_order_of_their_starts(desk, put):
    put(
        "otel_traces",
        [
            span("second", start=50),
            span("of second", "second", start=51),
            span("first", start=0, ms=200),
            span("of first", "first", start=60),
            span("orphan", "lost", start=20),
        ],
    )

    reply = desk.ask("trace", {"trace_id": "a" * 32})

    assert found(reply, "span_id", "depth", "placement", "skew_ns") == [
        ("first", 0, "root", 0),
        ("of first", 1, "child", 0),
        ("orphan", 0, "orphan", 0),
        ("second", 0, "root", 0),
        ("of second", 1, "child", 0),
    ]


def test_an_instant_has_no_time_of_its_own(desk, put):
    put("otel_traces", [span("root", ms=0), span("child", "root", ms=0)])

    assert found(desk.ask("trace", {"trace_id": "a" * 32}), "duration_ns", "self_ns") == [(0, 0), (0, 0)]
