"""How many log records match, by severity and service."""

from answers import NOON, found, log

WINDOW = {"since": str(NOON - 60), "until": str(NOON + 600)}


def test_records_are_counted_by_severity_and_service_the_most_severe_first(desk, put):
    put(
        "otel_logs",
        [
            log(1, SeverityNumber=9, SeverityText="INFO"),
            log(2, SeverityNumber=9, SeverityText="Information"),
            log(3, SeverityNumber=17, SeverityText="ERROR", ServiceName="cart"),
            log(4, SeverityNumber=21, SeverityText="FATAL"),
            log(5, SeverityNumber=17),
        ],
    )

    reply = desk.ask("log_counts", WINDOW)

    assert found(reply, "severity", "service", "count") == [
        ("FATAL", "shop", 1), ("ERROR", "cart", 1), ("ERROR", "shop", 1), ("INFO", "shop", 2),
    ]  # fmt: skip
    assert found(reply, "first_seen", "last_seen")[-1] == (
        "2026-01-01T12:00:01.000000000Z", "2026-01-01T12:00:02.000000000Z",
    )  # fmt: skip


def test_a_severity_that_the_source_does_not_give_is_read_from_the_text(desk, put):
    put("otel_logs", [log(1, "level=error could not connect"), log(2, "E0101 12:00:00 klog"), log(3, "just words")])

    assert found(desk.ask("log_counts", WINDOW), "severity", "count") == [("ERROR", 2), ("", 1)]
    assert found(desk.ask("log_counts", {**WINDOW, "min_severity": "warn"}), "severity", "count") == [("ERROR", 2)]


def test_it_counts_what_recent_logs_shows_whatever_the_filter(desk, put):
    east = {"ResourceAttributes": {"k8s.cluster.name": "east", "k8s.namespace.name": "pay"}}
    put(
        "otel_logs",
        [
            log(1, "100% of_it\\", TraceId="a" * 32, SeverityNumber=17),
            log(2, "1000 of it", LogAttributes={"http.route": "/cart"}),
            log(3, "other", ServiceName="cart", **east),
        ],
    )
    for filters in (
        {"text": "100%"}, {"text": "of_it"}, {"text": "\\"}, {"trace_id": "a" * 32}, {"service": "cart"},
        {"namespace": "pay"}, {"cluster": "east"}, {"attribute": "http.route"}, {"attribute_value": "/cart"},
        {"attribute": "http.route", "attribute_value": "/cart"}, {"min_severity": "error"}, {"service": "nobody"},
    ):  # fmt: skip
        counted = sum(count for (count,) in found(desk.ask("log_counts", {**WINDOW, **filters}), "count"))
        assert counted == len(desk.ask("recent_logs", {**WINDOW, **filters}).rows), filters
