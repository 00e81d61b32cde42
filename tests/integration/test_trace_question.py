"""What `trace` answers, on traces whole and broken."""

from answers import at, found, span, the

from query.desk import Desk
from store.port import Select


def waterfall(desk: Desk) -> list[tuple[object, ...]]:
    return found(desk.ask("trace", {"trace_id": "A" * 32}), "span_id", "depth", "placement")


def test_a_trace_is_a_waterfall(desk, put):
    put(
        "otel_traces",
        [
            span("late", "root", start=60, ms=20, StatusCode="Error", StatusMessage="no stock"),
            span("leaf", "early", start=12, ms=5, ServiceName="bank"),
            span(
                "root",
                start=0,
                ms=100,
                **{"Events.Timestamp": [at(0)], "Events.Name": ["x"], "Events.Attributes": [{}]},
            ),
            span("early", "root", start=10, ms=30),
            span("other trace", TraceId="b" * 32),
        ],
    )

    reply = desk.ask("trace", {"trace_id": "a" * 32})

    assert found(reply, "depth", "span_id", "service", "offset_ns", "duration_ns", "self_ns", "error", "events") == [
        (0, "root", "shop", 0, 100_000_000, 50_000_000, False, 1),
        (1, "early", "shop", 10_000_000, 30_000_000, 25_000_000, False, 0),
        (2, "leaf", "bank", 12_000_000, 5_000_000, 5_000_000, False, 0),
        (1, "late", "shop", 60_000_000, 20_000_000, 20_000_000, True, 0),
    ]
    assert reply.window is None
    assert the(reply, "start")[0] == "2026-01-01T12:00:00.000000000Z"


def test_self_time_counts_overlapping_and_overhanging_children_once(desk, put):
    put(
        "otel_traces",
        [
            span("root", start=0, ms=100),
            span("one", "root", start=10, ms=40),
            span("two", "root", start=30, ms=40),
            span("overhanging", "root", start=90, ms=500),
            span("elsewhere", "root", start=700, ms=5),
        ],
    )

    assert found(desk.ask("trace", {"trace_id": "a" * 32}), "span_id", "self_ns")[0] == ("root", 30_000_000)


def test_a_span_whose_parent_never_arrived_is_a_root_of_its_own(desk, put):
    put("otel_traces", [span("child", "orphan", start=6), span("orphan", "lost", start=5), span("root", start=0)])

    assert waterfall(desk) == [("root", 0, "root"), ("orphan", 0, "orphan"), ("child", 1, "child")]


def test_spans_that_are_their_own_ancestors_come_last(desk, put):
    put(
        "otel_traces",
        [
            span("one", "two", start=1),
            span("two", "one", start=2),
            span("self", "self", start=3),
            span("below", "self", start=4),
            span("root", start=9),
        ],
    )

    assert waterfall(desk) == [
        ("root", 0, "root"),
        ("one", 0, "unreached"),
        ("two", 0, "unreached"),
        ("self", 0, "unreached"),
        ("below", 0, "unreached"),
    ]


def test_spans_that_were_stored_twice_are_shown_twice_and_do_not_multiply(desk, put):
    chain = [span(f"s{n:02}", f"s{n - 1:02}" if n else "", start=n, ms=50 - n) for n in range(40)]
    put("otel_traces", chain)
    put("otel_traces", [dict(row, SpanKind="Client") for row in chain])

    reply = desk.ask("trace", {"trace_id": "a" * 32})

    assert [depth for (depth,) in found(reply, "depth")] == [n // 2 for n in range(80)]


def test_a_trace_deeper_than_the_bound_is_still_whole(desk, put):
    put("otel_traces", [span(f"s{n}", f"s{n - 1}" if n else "", start=n) for n in range(300)])

    reply = desk.ask("trace", {"trace_id": "a" * 32})

    assert len(reply.rows) == 300
    assert the(reply, "placement").count("unreached") == 99


def test_spans_without_an_id_are_shown_and_own_nothing(desk, put):
    put("otel_traces", [span("", "", start=0), span("", "root", start=1), span("root", start=2)])

    assert sorted(row[0] for row in waterfall(desk)) == ["", "", "root"]


def test_a_trace_that_the_lookup_table_does_not_know_is_found(desk, put, question_tables):
    put("otel_traces", [span("root", start=0.5)])
    question_tables.select(Select("TRUNCATE TABLE otel_traces_trace_id_ts"))

    assert waterfall(desk) == [("root", 0, "root")]


def test_a_span_in_the_last_fraction_of_the_last_second_belongs_to_its_trace(desk, put):
    put("otel_traces", [span("root", start=999.999)])

    assert waterfall(desk) == [("root", 0, "root")]


def test_a_duration_that_wrapped_around_counts_as_none(desk, put):
    put("otel_traces", [span("root", Duration=2**64 - 5, SpanKind="Server")])

    assert the(desk.ask("trace", {"trace_id": "a" * 32}), "duration_ns") == [0]
    assert the(desk.ask("slow_traces", {}), "duration_ms") == []
    assert the(desk.ask("services", {}), "p99_ms") == [0]


def test_a_trace_that_does_not_exist_has_no_rows(desk, put):
    put("otel_traces", [span("root")])

    assert desk.ask("trace", {"trace_id": "c" * 32}).rows == []
