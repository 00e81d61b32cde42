"""What `service_overview` says of the requests of services."""

from answers import NOON, found, span, the


def test_requests_have_rate_errors_and_quantiles(desk, put):
    spans = [
        span(str(n), start=n, ms=n, SpanKind="Server", StatusCode="Error" if n > 98 else "Ok") for n in range(1, 101)
    ]
    spans.append(span("old", SpanKind="SPAN_KIND_CONSUMER", StatusCode="STATUS_CODE_ERROR", ServiceName="queue"))
    spans.append(span("wrapped", SpanKind="Server", Duration=2**64 - 1, ServiceName="skewed"))
    spans.append(span("call", SpanKind="Client", StatusCode="Error", ServiceName="cron", start=500))
    spans.append(span("work", SpanKind="Internal", StatusCode="Error", ServiceName="cron"))
    spans.append(span("too early", SpanKind="Server", start=-4_000_000))
    put("otel_traces", spans)

    reply = desk.ask("service_overview", {"since": str(NOON), "until": str(NOON + 200)})

    columns = ("service", "requests", "rate", "errors", "error_share", "p50_ms", "p95_ms", "p99_ms")
    assert found(reply, *columns) == [
        ("shop", 100, 0.5, 2, 0.02, 50, 95, 99),
        ("queue", 1, 0.005, 1, 1.0, 10, 10, 10),
        ("skewed", 1, 0.005, 0, 0.0, 0, 0, 0),
        ("cron", 0, 0, 0, None, None, None, None),
    ]
    assert found(reply, "calls", "call_errors", "spans", "last_seen")[3] == (1, 1, 2, "2026-01-01T12:00:00.500000000Z")


def test_a_row_may_be_a_span_of_a_service_instead(desk, put):
    put("otel_traces", [span(str(n), SpanKind="Server", SpanName=f"op {n % 2}") for n in range(3)])

    assert found(desk.ask("service_overview", {"by": "span"}), "service", "span", "requests") == [
        ("shop", "op 0", 2),
        ("shop", "op 1", 1),
    ]


def test_the_overview_is_narrowed_by_service_namespace_cluster_and_composition(desk, put):
    where = {"k8s.namespace.name": "ns", "k8s.cluster.name": "c", "krateo.composition.id": "k"}
    put("otel_traces", [span("1", ServiceName="placed", ResourceAttributes=where), span("2")])

    for written in ({"namespace": "ns"}, {"cluster": "c"}, {"composition": "k"}, {"service": "placed"}):
        assert the(desk.ask("service_overview", written), "service") == ["placed"]
    assert desk.ask("service_overview", {"namespace": "%"}).rows == []
