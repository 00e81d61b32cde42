"""What `services` and `slow_traces` answer, and how fresh an answer says it is."""

import asyncio
import math

import pytest
from answers import found, log, span, the

from query.desk import Desk
from query.errors import FailedError, LimitExceededError
from query.readiness import NotReadyError, store_checks
from query.settings import QuerySettings
from sql.catalogue import load_catalogue
from store.port import Select


def test_services_are_counted_from_their_spans_and_logs(desk, put):
    spans = [
        span(str(n), start=n, ms=n, SpanKind="Server", StatusCode="Error" if n > 98 else "Ok") for n in range(1, 101)
    ]
    spans.append(
        span("old spelling", SpanKind="SPAN_KIND_CONSUMER", StatusCode="STATUS_CODE_ERROR", ServiceName="queue")
    )
    spans.append(span("client", SpanKind="Client", StatusCode="Error", ServiceName="cron", start=500))
    spans.append(span("too early", SpanKind="Server", start=-4_000_000))
    put("otel_traces", spans)
    put("otel_logs", [log(1), log(2), log(1, ServiceName="quiet"), log(-4000), log(600)])

    reply = desk.ask("services", {})

    assert found(reply, "service", "requests", "errors", "error_rate", "spans", "logs", "last_seen") == [
        ("shop", 100, 2, 0.02, 100, 2, "2026-01-01T12:00:02.000000000Z"),
        ("queue", 1, 1, 1.0, 1, 0, "2026-01-01T12:00:00.000000000Z"),
        ("cron", 0, 0, None, 1, 0, "2026-01-01T12:00:00.500000000Z"),
        ("quiet", 0, 0, None, 0, 1, "2026-01-01T12:00:01.000000000Z"),
    ]
    quantiles = found(reply, "p50_ms", "p95_ms", "p99_ms")
    assert quantiles[0] == (50, 95, 99)
    assert quantiles[3] == (None, None, None)


@pytest.mark.parametrize(
    ("durations", "quantiles"),
    [
        ([1500], (1500, 1500, 1500)),
        ([0, 1500], (0, 1500, 1500)),
        ([1500, 0, 0, 0], (0, 1500, 1500)),
        ([3, 1, 2], (2, 3, 3)),
        ([1500, *[0] * 99], (0, 0, 0)),
    ],
)
def test_the_quantiles_of_few_requests_are_durations_that_were_measured(desk, put, durations, quantiles):
    for n, ms in enumerate(durations[:2]):  # in parts of their own, whose estimates ClickHouse puts together
        put("otel_traces", [span(str(n), ms=ms, SpanKind="Server")])
    put("otel_traces", [span(f"more {n}", ms=ms, SpanKind="Server") for n, ms in enumerate(durations[2:])])

    assert found(desk.ask("services", {}), "p50_ms", "p95_ms", "p99_ms") == [quantiles]


def test_the_quantiles_of_many_requests_are_off_by_less_than_half_a_percent_of_the_requests(desk, put):
    number = 5000
    for part in range(5):
        # The n-th slowest request takes n * n milliseconds, so a duration tells how many were at most that.
        ranks = range(part + 1, number + 1, 5)
        put("otel_traces", [span(str(n), ms=n * n / 1000, SpanKind="Server") for n in ranks])

    (quantiles,) = found(desk.ask("services", {}), "p50_ms", "p95_ms", "p99_ms")

    shares = [math.sqrt(ms * 1000) / number for ms in quantiles]
    assert shares == pytest.approx([0.5, 0.95, 0.99], abs=0.005)


def test_services_are_narrowed_by_namespace_and_cluster(desk, put):
    here = {"k8s.namespace.name": "a", "k8s.cluster.name": "c"}
    put("otel_traces", [span("1", ResourceAttributes=here), span("2", ServiceName="bank")])
    put("otel_logs", [log(1, ResourceAttributes=here, ServiceName="logger"), log(1)])

    assert set(the(desk.ask("services", {"namespace": "a", "cluster": "c"}), "service")) == {"shop", "logger"}
    assert desk.ask("services", {"namespace": "a", "cluster": "other"}).rows == []


def test_slow_traces_are_ranked_by_their_longest_entry_span(desk, put):
    put(
        "otel_traces",
        [
            span("r1", start=0, ms=100, TraceId="1" * 32, ServiceName="web", SpanName="GET /"),
            span("c1", "r1", start=10, ms=200, TraceId="1" * 32, StatusCode="Error"),
            span("r2", start=0, ms=300, TraceId="2" * 32, SpanName="GET /slow"),
            span("s3", "lost", start=0, ms=200, TraceId="3" * 32, SpanKind="Server", SpanName="handle"),
            span("i4", "lost", start=0, ms=900, TraceId="4" * 32),
            span("r5", start=-4_000_000, ms=900, TraceId="5" * 32),
            span("none", start=0, ms=900, TraceId=""),
        ],
    )

    reply = desk.ask("slow_traces", {})

    columns = ("trace_id", "root_service", "root_span", "has_root", "duration_ms", "total_ms", "spans", "errors")
    assert found(reply, *columns) == [
        ("2" * 32, "shop", "GET /slow", True, 300, 300, 1, 0),
        ("3" * 32, "shop", "handle", False, 200, 200, 1, 0),
        ("1" * 32, "web", "GET /", True, 100, 210, 2, 1),
    ]
    assert the(desk.ask("slow_traces", {"min_duration_ms": 200}), "trace_id") == ["2" * 32, "3" * 32]
    assert the(desk.ask("slow_traces", {"service": "web"}), "trace_id") == ["1" * 32]


def test_slow_traces_that_were_cut_say_so(desk, put):
    put("otel_traces", [span("r", ms=n, TraceId=f"{n:032}") for n in range(1, 6)])

    reply = desk.ask("slow_traces", {"limit": 2})

    assert (the(reply, "duration_ms"), reply.truncated) == ([5, 4], True)


def test_a_slow_trace_counts_its_spans_after_the_window(desk, put):
    put("otel_traces", [span("r", ms=700_000), span("late", "r", start=650_000)])

    assert found(desk.ask("slow_traces", {}), "spans", "total_ms") == [(2, 700_000)]


def test_an_answer_says_how_fresh_each_signal_is_that_it_reads(desk, put):
    put("otel_logs", [log(1), log(2)])
    put("otel_traces", [span("a", start=3000)])

    through = desk.ask("services", {}).data_through

    assert through == {"logs": "2026-01-01T12:00:02.000000000Z", "traces": "2026-01-01T12:00:03.000000000Z"}


def test_an_answer_about_one_cluster_says_how_fresh_that_cluster_is(desk, put):
    east, west = ({"ResourceAttributes": {"k8s.cluster.name": name}} for name in ("east", "west"))
    put("otel_logs", [log(1, **east), log(5, **west)])

    by_cluster = [desk.ask("recent_logs", {"cluster": name}).data_through for name in ("east", "west", "north")]
    beside = asyncio.run(desk.ask_async("recent_logs", {"cluster": "east"}))

    assert by_cluster == [
        {"logs": "2026-01-01T12:00:01.000000000Z"},
        {"logs": "2026-01-01T12:00:05.000000000Z"},
        {},
    ]
    assert beside.data_through == by_cluster[0]
    assert desk.ask("recent_logs", {}).data_through == by_cluster[1]


def test_a_clock_that_runs_ahead_does_not_make_an_answer_look_fresh(desk, put):
    put("otel_logs", [log(1), log(86_400)])

    assert desk.ask("recent_logs", {}).data_through == {}


# cost


def test_a_question_that_would_read_too_much_is_refused_and_not_cut(question_tables, put):
    put("otel_traces", [span(str(n), start=n, SpanKind="Server") for n in range(20_000)])
    poor = Desk(question_tables, load_catalogue(), QuerySettings(max_bytes_read=1000))

    with pytest.raises(LimitExceededError) as refusal:
        poor.ask("services", {"since": "2026-01-01T12:00:00Z"})

    poor.close()
    assert "shorter time window" in refusal.value.mend


def test_a_missing_table_is_a_failure_and_not_an_empty_answer(question_tables, desk):
    question_tables.select(Select("RENAME TABLE otel_traces TO elsewhere"))
    try:
        with pytest.raises(FailedError, match="otel_traces"):
            desk.ask("slow_traces", {})
        with pytest.raises(NotReadyError, match="missing: otel_traces"):
            store_checks(question_tables)["tables"]()
    finally:
        question_tables.select(Select("RENAME TABLE elsewhere TO otel_traces"))
    store_checks(question_tables)["tables"]()
    store_checks(question_tables)["clickhouse"]()
