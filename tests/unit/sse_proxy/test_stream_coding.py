"""What goes over the wire: blocks of Server-Sent Events, messages of a WebSocket, topics and gaps."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from stream_process import ANNA

from identity.reader import Reader, Role, Scope
from sse_proxy import watching
from sse_proxy.coding import Gap, SseCoding, WebSocketCoding
from sse_proxy.feeds import EVENTS, LOGS
from sse_proxy.rows import Row

SECOND = 10**9


def row(**cells):
    return Row(1, 2, tuple(cells.get(column, "") for column in EVENTS.columns), b"{}")


def coding(by_topic=True, **wanted):
    watch = watching.watch(EVENTS, {name: [value] for name, value in wanted.items()}, ANNA)
    return SseCoding("x", watch, by_topic=by_topic)


@pytest.mark.parametrize(
    ("by_topic", "wanted", "cells", "topics"),
    [
        (False, {}, {"composition_id": "c-1"}, ("",)),
        (True, {}, {}, ("krateo",)),
        (True, {}, {"composition_id": "c-1"}, ("krateo", "c-1")),
        (True, {"composition_id": "c-1"}, {"composition_id": "c-1"}, ("c-1",)),
        (True, {"composition_id": "c-1"}, {"composition_id": "other", "uid": "c-1"}, ("c-1",)),
        (True, {}, {"composition_id": "c\ndata: forged"}, ("krateo", "cdata: forged")),
    ],
)
def test_topics(by_topic, wanted, cells, topics):
    assert coding(by_topic, **wanted).topics(row(**cells)) == topics


def test_blocks_are_as_the_standard_has_them():
    sse = coding()
    assert sse.message("krateo", b"AQ", b"{}") == b"id: AQ\nevent: krateo\ndata: {}\n\n"
    assert sse.message("", b"AQ", b"{}") == b"id: AQ\ndata: {}\n\n"
    assert sse.message("status", b"", b"{}") == b"event: status\ndata: {}\n\n"
    assert sse.greeting(b"AQ", 2000) == b": connected\n\nretry: 2000\nid: AQ\n\n"
    assert sse.greeting(b"", 2000) == b": connected\n\nretry: 2000\n\n"
    assert (sse.keepalive(b"AQ"), sse.keepalive(b"")) == (b": keepalive\nid: AQ\n\n", b": keepalive\n\n")
    assert sse.position(b"AQ") == b"id: AQ\n\n"
    assert sse.farewell(5) == b": bye\nretry: 5\n\n"
    assert sse.join([b"a", b"b"]) == b"ab"


def test_messages_of_a_web_socket_are_json_of_one_form():
    socket = WebSocketCoding("x", watching.watch(EVENTS, {}, ANNA), by_topic=True)
    made = [
        socket.message("krateo", b"AQ", b'{"a":1}'), socket.greeting(b"AQ", 7), socket.keepalive(b"AQ"),
        socket.position(b"AQ"), socket.farewell(7),
    ]  # fmt: skip
    told = [json.loads(text) for text in socket.join(made)]
    assert [one["event"] for one in told] == ["krateo", "connected", "keepalive", "keepalive", "bye"]
    assert all(set(one) == {"event", "id", "data"} for one in told)
    assert told[0]["data"] == {"a": 1}


def test_a_gap_says_from_where_to_where_and_where_to_get_it():
    watch = watching.watch(LOGS, {"service": ["shop"], "text": ["a&b"]}, ANNA)
    told = json.loads(Gap("late", SECOND, 3 * SECOND, None).told(watch))
    assert (told["reason"], told["signal"], told["rows"]) == ("late", "logs", None)
    assert told["from"].startswith("1970-01-01T00:00:01")
    assert told["to"].startswith("1970-01-01T00:00:03")
    asked = parse_qs(urlsplit(told["fetch"]).query)
    assert asked == {
        "signal": ["logs"], "after": [told["from"]], "until": [told["to"]], "service": ["shop"], "text": ["a&b"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "scope", "rows"),
    [({}, Scope(), 17), ({"service": ["shop"]}, Scope(), None), ({}, Scope(namespaces=("a",)), None)],
)
def test_the_number_of_rows_in_a_flood_is_told_to_who_sees_them_all(wanted, scope, rows):
    watch = watching.watch(LOGS, wanted, Reader("anna", Role.VIEWER, scope))
    assert json.loads(Gap("flood", 1, 2, 17).told(watch))["rows"] == rows


def test_a_gap_without_a_beginning_cannot_be_fetched():
    told = json.loads(Gap("unreadable", None, SECOND).told(watching.watch(LOGS, {}, ANNA)))
    assert (told["from"], told["fetch"]) == (None, None)
