"""A body that is not said to be JSON is refused in the house's shape, with what to send."""

import asyncio
import json

import pytest

from mcp_server.http_requests import Requests


def ask(*headers):
    """Status, body, and how many requests came through."""
    sent, through = [], []

    async def application(_scope, _receive, send):
        through.append(1)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    async def go():
        incoming = asyncio.Queue()
        incoming.put_nowait({"type": "http.request", "body": b"{}", "more_body": False})

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/mcp", "headers": [(b"host", b"localhost"), *headers]}
        await Requests(application, application, 1000)(scope, incoming.get, send)

    asyncio.run(go())
    return sent[0]["status"], json.loads(sent[1]["body"]), len(through)


@pytest.mark.parametrize("headers", [(), ((b"content-type", b"text/plain"),)])
def test_a_body_that_is_not_said_to_be_json_is_refused_with_the_header_to_send(headers):
    status, body, through = ask(*headers)

    assert (status, body["error"]["code"], through) == (415, "unsupported_media_type", 0)
    assert "Content-Type: application/json" in body["error"]["mend"]


@pytest.mark.parametrize("said", [b"application/json", b" Application/JSON ; charset=utf-8"])
def test_json_gets_through_however_it_is_spelled(said):
    assert ask((b"content-type", said)) == (200, {}, 1)
