"""What `canary_records` shows of beats that came as OTLP: every item, with the fields that its checksum is over."""

import asyncio
import json
import uuid

import mcp_window
import pytest
from answers import NOON, at, delimited, found
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from canary import messages
from canary.items import DOORS, EVENT, EVERY_WAY, LOG, METRICS, POD, REASON, SERVICE, items
from canary.questions import row_of, seen_by_agents, seen_rows, table_rows, window
from query import rendering
from sql import otlp
from sql.signals import Signal
from store.port import Select

SENT = NOON * 10**9 + 123_456_789
TABLES = ("otel_logs", "otel_traces", "otel_traces_trace_id_ts", *(f"otel_metrics_{kind}" for kind in METRICS))
REQUESTS = {
    "logs": (ExportLogsServiceRequest, "resource_logs"),
    "traces": (ExportTraceServiceRequest, "resource_spans"),
    "metrics": (ExportMetricsServiceRequest, "resource_metrics"),
}


@pytest.fixture
def send(question_tables, put):
    """Store a beat's items: the event as its table has it, since the house makes that row; the others as OTLP."""

    def send(run, number, sent, cluster=""):
        everything = items(run, number, sent, cluster)
        for door in DOORS:
            mine = [one for one in everything if one.door == door]
            for signal, request in messages.requests(one for one in mine if one.kind != EVENT).items():
                kind, resources = REQUESTS[signal]
                chunks = [delimited(one) for one in getattr(kind.FromString(request), resources)]
                question_tables.insert(otlp.insert_for(Signal(signal), chunks, uuid.uuid4().hex))
        put("otel_k8s_events", [event(one) for one in everything if one.kind == EVENT])
        return everything

    yield send
    for table in TABLES:
        question_tables.select(Select(f"TRUNCATE TABLE {table}"))


def event(item):
    told = {"Reason": REASON, "Type": "Normal", "Kind": "Pod", "Name": POD, "Count": 1, "EventUid": item.event_uid}
    return {**told, "Namespace": SERVICE, "EventTime": at((item.sent // 10**9) - NOON), "Message": item.line}


def seen(reply):
    """The answer as the canary reads it over REST."""
    return seen_rows([row_of(row) for row in json.loads(rendering.dump(rendering.document(reply)))["rows"]])


def asked(since, until):
    return {name: str(value) for name, value in window(since, until).items()}


def test_every_kind_is_there_once_and_as_it_was_sent(desk, send):
    sent = send("0123abcd", 7, SENT)

    shown = seen(desk.ask("canary_records", asked(SENT, SENT)))

    assert {one.identity for one in shown} == {item.identity for item in sent}
    assert len(shown) == len(EVERY_WAY)
    assert all(one.intact for one in shown)
    assert {one.checksum for one in shown} == {item.line.rsplit(" ", 1)[1] for item in sent}


@pytest.mark.parametrize("beats", [1, 3])
def test_a_tool_shows_every_item_whole_in_its_tables_and_in_its_text(desk, question_tables, send, beats):
    sent = [item for number in range(beats) for item in send("0123abcd", 7 + number, SENT + number * 60 * 10**9)]

    async def shown():
        async with mcp_window.opened(desk, question_tables) as client:
            wanted = {**window(SENT, SENT + beats * 60 * 10**9), "detail": "full", "max_tokens": 15_000}
            return await client.call("canary_records", **wanted)

    result = asyncio.run(shown())
    rows = table_rows(result["structuredContent"]["tables"])
    seen = seen_by_agents(rows, result["content"][0]["text"])

    assert sorted(row.line for row in rows) == sorted(item.line for item in sent)
    assert len(seen) == len(sent)
    assert all(one.intact for one in seen)


def test_what_came_twice_is_there_twice_and_what_was_changed_shows(desk, send, put):
    send("0123abcd", 7, SENT)
    log = next(item for item in items("0123abcd", 7, SENT, "") if item.kind == LOG)
    row = {"Timestamp": at(0.123456789), "ServiceName": SERVICE, "Body": log.line, "SeverityText": "WARN"}
    put("otel_logs", [{**row, "LogAttributes": {"otelhouse.canary": log.line}}])

    shown = [one for one in seen(desk.ask("canary_records", asked(SENT, SENT))) if one.identity.kind == LOG]

    assert sorted(one.intact for one in shown) == [False, *(True for _ in DOORS)]


def test_a_window_has_its_own_beats_alone_in_the_order_in_which_they_came(desk, send):
    send("0123abcd", 7, SENT)
    send("0123abcd", 8, SENT + 60 * 10**9)
    send("0123abcd", 9, SENT + 120 * 10**9)

    both = desk.ask("canary_records", asked(SENT, SENT + 60 * 10**9))
    last = desk.ask("canary_records", asked(SENT + 120 * 10**9, SENT + 120 * 10**9))

    assert {one.identity.number for one in seen(both)} == {7, 8}
    assert {one.identity.number for one in seen(last)} == {9}
    assert found(both, "ingested_at") == sorted(found(both, "ingested_at"))


def test_what_users_send_is_not_in_it(desk, put):
    put("otel_logs", [{"Timestamp": at(0), "ServiceName": "shop", "LogAttributes": {"otelhouse.canary": "me too"}}])

    assert desk.ask("canary_records", {}).rows == []
