"""What `agent_traces` answers: spans of agents, by their services and by what the spans say."""

import pytest
from answers import found, span, the
from cluster_scene import where


def test_spans_of_agents_come_newest_first_and_others_not_at_all(desk, put):
    chat = {
        "gen_ai.operation.name": "chat",
        "gen_ai.agent.name": "helper",
        "gen_ai.request.model": "m",
        "gen_ai.response.model": "m-1",
        "gen_ai.usage.input_tokens": "1200",
        "gen_ai.usage.output_tokens": "many",
        "gen_ai.conversation.id": "talk",
    }
    put(
        "otel_traces",
        [
            span("chat", start=1000, ms=1.5, ServiceName="any", SpanAttributes=chat),
            span("tool", start=3000, ServiceName="kagent-engine", SpanAttributes={"gen_ai.tool.name": "get_pod"}),
            span("old", start=2000, ServiceName="krateo-autopilot", StatusCode="Error", StatusMessage="no"),
            span("shop", start=4000, SpanAttributes={"gen": "x", "k": "gen_ai.tool.name"}),
            span("like", start=4000, ServiceName="my-krateo-x"),
        ],
    )

    reply = desk.ask("agent_traces", {})

    assert found(reply, "span_id", "service", "agent", "operation", "tool", "error", "status_message") == [
        ("tool", "kagent-engine", "", "", "get_pod", False, ""),
        ("old", "krateo-autopilot", "", "", "", True, "no"),
        ("chat", "any", "helper", "chat", "", False, ""),
    ]
    assert found(reply, "time", "duration_ms", "model", "input_tokens", "output_tokens", "conversation")[2] == (
        "2026-01-01T12:00:01.000000000Z",
        1.5,
        "m-1",
        1200,
        None,
        "talk",
    )


@pytest.mark.parametrize(
    ("written", "spans"),
    [
        ({"agent": "plain"}, ["1"]),
        ({"agent": "helper"}, ["2"]),
        ({"agent": "help"}, []),
        ({"agent": "%"}, []),
        ({"errors": 1}, ["3"]),
        ({"namespace": "ai"}, ["3"]),
        ({"cluster": "north"}, ["3"]),
        ({"limit": 1}, ["3"]),
    ],
)
def test_each_filter_narrows(desk, put, written, spans):
    put(
        "otel_traces",
        [
            span("1", start=1, ServiceName="plain"),
            span("2", start=2, SpanAttributes={"gen_ai.agent.name": "helper"}),
            span("3", start=3, ServiceName="kagent", StatusCode="Error", ResourceAttributes=where(namespace="ai")),
            span("4", start=-4_000_000, ServiceName="kagent"),
        ],
    )

    assert the(desk.ask("agent_traces", written), "span_id") == spans
