"""Which pairs of services `service_map` finds, and how it counts what goes on between them."""

from answers import NOON, found, span, the

EDGE = ("caller", "callee", "connection", "calls", "errors")


def edges(desk, **written):
    return found(desk.ask("service_map", written), *EDGE)


def call(number, start=0, ms=10, **columns):
    """The two spans of one call from shop to bank."""
    return [
        span(f"c{number}", start=start, ms=ms + 2, SpanKind="Client"),
        span(f"s{number}", f"c{number}", start=start + 1, ms=ms, SpanKind="Server", ServiceName="bank", **columns),
    ]


def test_calls_between_services_are_counted_with_errors_of_either_side_and_latency_of_the_called(desk, put):
    spans = [one for n in range(1, 101) for one in call(n, ms=n, StatusCode="Error" if n == 1 else "Unset")]
    spans[4]["StatusCode"] = "Error"
    put("otel_traces", [*spans, span("inside", "s1", ServiceName="bank")])

    reply = desk.ask("service_map", {})

    assert found(reply, *EDGE, "error_share", "p50_ms", "p95_ms") == [
        ("shop", "bank", "call", 100, 2, 0.02, 50, 95),
    ]


def test_a_consumer_is_called_by_its_parent_or_by_what_it_links_to_and_never_twice(desk, put):
    def links(*ids):
        return {
            "Links.TraceId": [trace for trace, _ in ids],
            "Links.SpanId": [one for _, one in ids],
            "Links.TraceState": [""] * len(ids),
            "Links.Attributes": [{}] * len(ids),
        }

    kafka = {"messaging.system": "kafka", "messaging.destination.name": "orders"}
    put(
        "otel_traces",
        [
            span("p1", SpanKind="Producer", SpanAttributes=kafka),
            span("p2", SpanKind="Producer", SpanAttributes=kafka),
            span("p3", SpanKind="Producer", SpanAttributes=kafka),
            span("k1", "p1", SpanKind="Consumer", ServiceName="bill", **links(("a" * 32, "p1"))),
            span(
                "k2",
                SpanKind="Consumer",
                ServiceName="mail",
                TraceId="b" * 32,
                **links(("a" * 32, "p2"), ("a" * 32, "p2")),
            ),
            span("no", SpanKind="Internal", ServiceName="audit", TraceId="b" * 32, **links(("a" * 32, "p2"))),
        ],
    )

    assert sorted(edges(desk)) == [
        ("shop", "bill", "messaging", 1, 0),
        ("shop", "kafka/orders", "messaging", 1, 0),
        ("shop", "mail", "messaging", 1, 0),
    ]


def test_what_tells_nothing_itself_is_known_by_what_the_caller_says_of_it(desk, put):
    told = {
        "db": {"db.system.name": "postgresql", "db.namespace": "orders", "server.address": "10.0.0.1"},
        "old db": {"db.system": "redis"},
        "peer": {"peer.service": "legacy", "server.address": "x"},
        "host": {"server.address": "api.example.com"},
        "url": {"url.full": "https://maps.example.com/v1?q=1"},
        "nobody": {},
        "itself": {"peer.service": "shop"},
    }
    put(
        "otel_traces",
        [span(name, SpanKind="Client", SpanAttributes=said, StatusCode="Error") for name, said in told.items()],
    )

    assert sorted(edges(desk)) == [
        ("shop", "api.example.com", "external", 1, 1),
        ("shop", "legacy", "external", 1, 1),
        ("shop", "maps.example.com", "external", 1, 1),
        ("shop", "postgresql/orders", "database", 1, 1),
        ("shop", "redis", "database", 1, 1),
    ]


def test_a_call_that_the_called_side_tells_is_not_counted_again_as_external(desk, put):
    client, server = call(1)
    put("otel_traces", [{**client, "SpanAttributes": {"server.address": "bank.svc"}}, server])

    assert edges(desk) == [("shop", "bank", "call", 1, 0)]


def test_orphans_roots_and_calls_within_a_service_are_no_edges(desk, put):
    put(
        "otel_traces",
        [
            span("root", SpanKind="Server"),
            span("own", "root", SpanKind="Server"),
            span("orphan", "lost", SpanKind="Server", ServiceName="bank"),
            span("same ids", "root", SpanKind="Server", ServiceName="bank", TraceId="b" * 32),
            span("", "root", SpanKind="Server", ServiceName="bank"),
            span("no trace", "root", SpanKind="Server", ServiceName="bank", TraceId=""),
        ],
    )

    assert edges(desk) == []


def test_spans_that_were_stored_twice_as_callers_do_not_multiply(desk, put):
    client, server = call(1)
    put("otel_traces", [client, server])
    put("otel_traces", [client])

    assert edges(desk) == [("shop", "bank", "call", 1, 0)]


def test_a_call_is_in_the_window_if_the_called_side_is_and_the_old_spelling_counts(desk, put):
    client, server = call(1, start=999)
    put("otel_traces", [{**client, "SpanKind": "SPAN_KIND_CLIENT"}, {**server, "SpanKind": "SPAN_KIND_SERVER"}])

    assert edges(desk, since=str(NOON + 1), until=str(NOON + 2)) == [("shop", "bank", "call", 1, 0)]
    assert edges(desk, since=str(NOON), until=str(NOON + 1)) == []


def test_a_clock_that_is_behind_hides_no_call(desk, put):
    client, server = call(1, start=60_000)
    put("otel_traces", [client, {**server, "Timestamp": "2026-01-01 12:00:00.000000000"}])

    assert edges(desk) == [("shop", "bank", "call", 1, 0)]


def test_the_map_is_narrowed_by_service_on_either_side_and_by_place(desk, put):
    where = {"k8s.namespace.name": "ns", "k8s.cluster.name": "c", "krateo.composition.id": "k"}
    put("otel_traces", [{**one, "ResourceAttributes": where} for one in call(1)])
    put("otel_traces", [span("x", SpanKind="Client", ServiceName="web", SpanAttributes={"peer.service": "far"})])

    assert the(desk.ask("service_map", {"service": "bank"}), "caller") == ["shop"]
    assert the(desk.ask("service_map", {"service": "shop"}), "callee") == ["bank"]
    assert the(desk.ask("service_map", {"service": "far"}), "caller") == ["web"]
    for written in ({"namespace": "ns"}, {"cluster": "c"}, {"composition": "k"}):
        assert the(desk.ask("service_map", written), "callee") == ["bank"]


def test_a_call_between_namespaces_is_shown_to_whoever_asks_for_either(desk, put):
    client, server = call(1)
    put(
        "otel_traces",
        [
            {**one, "ResourceAttributes": {"k8s.namespace.name": name}}
            for one, name in ((client, "front"), (server, "back"))
        ],
    )

    for namespace, shown in (("front", ["bank"]), ("back", ["bank"]), ("other", [])):
        assert the(desk.ask("service_map", {"namespace": namespace}), "callee") == shown
