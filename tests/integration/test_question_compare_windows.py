"""What `compare_windows` says has changed. The window begins at -3000 s, the one before at -6600 s."""

from answers import found, log, span, the

AFTER, BEFORE = -1800, -5400


def requests(seconds, total, ms=10.0, errors=0, **columns):
    return [
        span(f"{seconds} {n}", start=seconds * 1000 + n, ms=ms, SpanKind="Server", SpanName="GET /")
        | {"StatusCode": "Error" if n < errors else "Ok", **columns}
        for n in range(total)
    ]


def changes(desk, **written):
    return found(desk.ask("compare_windows", written), "aspect", "service", "subject", "before", "after")


def test_each_kind_of_change_is_told_and_what_was_looked_at(desk, put):
    put("otel_traces", requests(BEFORE, 100, 10))
    put("otel_traces", requests(AFTER, 300, 40, errors=60))
    put(
        "otel_logs",
        [
            *(log(BEFORE + n, f"step {n} done") for n in range(20)),
            *(log(BEFORE + n, f"beat {n}") for n in range(10)),
            *(log(BEFORE + n, f"rare {n}") for n in range(9)),
            *(log(AFTER + n, f"step {n} done") for n in range(20)),
            *(log(AFTER + n, f"no route to 10.0.0.{n}", SeverityNumber=17, TraceId=f"{n:032}") for n in range(9)),
            *(log(AFTER + n, f"retry {n}") for n in range(12)),
        ],
    )

    reply = desk.ask("compare_windows", {})

    assert found(reply, "aspect", "service", "subject", "before", "after") == [
        ("looked_at", "", "logs", 39, 41),
        ("looked_at", "", "requests", 100, 300),
        ("error_share", "shop", "requests", 0, 0.2),
        ("error_logs", "shop", "logs", 0, 9),
        ("p95_ms", "shop", "GET /", 10, 40),
        ("requests", "shop", "requests", 100, 300),
        ("new_log_pattern", "shop", "no route to <ip>", 0, 9),
        ("new_log_pattern", "shop", "retry <n>", 0, 12),
        ("gone_log_pattern", "shop", "beat <n>", 10, 0),
    ]
    assert found(reply, "samples_before", "samples_after", "example", "trace_id")[6] == (
        0,
        9,
        "no route to 10.0.0.8",
        f"{8:032}",
    )
    assert found(reply, "baseline_since", "baseline_until")[0] == (
        "2026-01-01T10:10:00.000000000Z",
        "2026-01-01T11:10:00.000000000Z",
    )


def test_where_nothing_changed_only_what_was_looked_at_is_told(desk, put):
    for seconds in (BEFORE, AFTER):
        put("otel_traces", requests(seconds, 40, errors=20))
        put("otel_logs", [log(seconds, "same", SeverityNumber=17)])

    assert changes(desk) == [("looked_at", "", "logs", 1, 1), ("looked_at", "", "requests", 40, 40)]


def test_small_numbers_are_no_change(desk, put):
    put("otel_traces", [*requests(BEFORE, 19, 10), *requests(AFTER, 19, 500, errors=4)])
    put("otel_logs", [log(AFTER + n, "same", SeverityNumber=17) for n in range(4)])
    put("otel_logs", [log(BEFORE, "same")])

    assert [aspect for aspect, *_ in changes(desk)] == ["looked_at", "looked_at"]


def test_a_service_that_fell_silent_lost_its_requests(desk, put):
    put("otel_traces", requests(BEFORE, 30))

    assert changes(desk)[1:] == [("requests", "shop", "requests", 30, 0)]


def test_without_records_before_no_message_is_new_and_without_records_now_none_is_gone(desk, put):
    put("otel_logs", [log(AFTER, "first")])
    assert changes(desk) == [("looked_at", "", "logs", 0, 1)]

    assert changes(desk, since="2026-01-01T12:10:00Z", until="2026-01-01T13:10:00Z") == [
        ("looked_at", "", "logs", 1, 0)
    ]


def test_nothing_in_either_window_is_no_row(desk):
    assert changes(desk) == []


def test_the_window_before_may_lie_further_back(desk, put):
    put("otel_logs", [log(AFTER, "now"), log(BEFORE, "now"), log(AFTER - 10_800, "then")])

    assert changes(desk)[1:] == []
    assert changes(desk, baseline_offset=10_800)[1:] == [("new_log_pattern", "shop", "now", 0, 1)]


def test_windows_are_narrowed_by_service_namespace_cluster_and_composition(desk, put):
    where = {"k8s.namespace.name": "ns", "k8s.cluster.name": "c", "krateo.composition.id": "k"}
    put("otel_logs", [log(AFTER, ServiceName="a", ResourceAttributes=where), log(AFTER)])
    put("otel_traces", [*requests(AFTER, 2, ServiceName="a", ResourceAttributes=where), *requests(AFTER, 3)])

    for written in ({"namespace": "ns"}, {"cluster": "c"}, {"composition": "k"}, {"service": "a"}):
        assert the(desk.ask("compare_windows", written), "after") == [1, 2]
