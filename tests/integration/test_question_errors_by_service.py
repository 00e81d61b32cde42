"""What `errors_by_service` counts, and what it says where there is no error."""

from answers import at, found, log, span, the


def iso(seconds: float) -> str:
    return at(seconds).replace(" ", "T") + "Z"


def test_errors_are_counted_beside_what_was_looked_at(desk, put):
    put(
        "otel_logs",
        [
            log(1, "fine", SeverityNumber=9),
            log(2, "broken", SeverityNumber=17, TraceId="1" * 32),
            log(3, "severity in words", SeverityText="critical"),
            log(4, "level=error in the text"),
            log(5, "who knows"),
            log(1, "quiet", SeverityNumber=9, ServiceName="quiet"),
            log(700, "too late", SeverityNumber=17),
        ],
    )
    put(
        "otel_traces",
        [
            span("ok", start=1000),
            span("bad", start=9000, StatusCode="Error", StatusMessage="no stock", TraceId="2" * 32),
            span("old", start=2000, StatusCode="STATUS_CODE_ERROR", ServiceName="bank", TraceId="3" * 32),
        ],
    )

    reply = desk.ask("errors_by_service", {})

    columns = (
        "service",
        "error_logs",
        "logs",
        "error_spans",
        "spans",
        "last_error",
        "message",
        "trace_id",
        "logs_unclear",
    )
    assert found(reply, *columns) == [
        ("shop", 3, 5, 1, 2, iso(9), "no stock", "2" * 32, 1),
        ("bank", 0, 0, 1, 1, iso(2), "do old", "3" * 32, 0),
        ("quiet", 0, 1, 0, 0, "", "", "", 0),
    ]


def test_the_newest_error_may_be_a_log_record_that_belongs_to_no_trace(desk, put):
    put("otel_logs", [log(9, "x" * 600, SeverityNumber=17)])
    put("otel_traces", [span("bad", start=1000, StatusCode="Error", TraceId="2" * 32)])

    assert found(desk.ask("errors_by_service", {}), "message", "trace_id") == [("x" * 500, "2" * 32)]


def test_errors_are_narrowed_by_service_namespace_cluster_and_composition(desk, put):
    where = {"k8s.namespace.name": "ns", "k8s.cluster.name": "c", "krateo.composition.id": "k"}
    put("otel_logs", [log(1, ServiceName="a", ResourceAttributes=where), log(1, ServiceName="b")])
    put("otel_traces", [span("s", ServiceName="c", ResourceAttributes=where), span("t", ServiceName="d")])

    for written in ({"namespace": "ns"}, {"cluster": "c"}, {"composition": "k"}):
        assert set(the(desk.ask("errors_by_service", written), "service")) == {"a", "c"}
    assert the(desk.ask("errors_by_service", {"service": "d"}), "service") == ["d"]
    assert the(desk.ask("errors_by_service", {"service": "%"}), "service") == []


def test_nothing_in_the_window_is_no_row_rather_than_no_errors(desk, put):
    put("otel_logs", [log(-4000, SeverityNumber=17)])

    assert desk.ask("errors_by_service", {}).rows == []
