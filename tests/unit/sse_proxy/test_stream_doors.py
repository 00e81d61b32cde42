"""How a stream ends at each door: SSE over ASGI, and a WebSocket with its close codes."""

import asyncio

import pytest
from stream_process import ANNA, Database, Process

from sse_proxy import streams, watching, web_socket
from sse_proxy.coding import WebSocketCoding
from sse_proxy.event_stream import EventStream
from sse_proxy.feeds import LOGS

WATCH = watching.watch(LOGS, {}, ANNA)


async def opened(*, socket=False):
    here = Process(Database(LOGS), [WATCH], by_topic=False)
    await here.look()
    if socket:
        here.channels[WATCH].coding = WebSocketCoding("x", WATCH, by_topic=False)
        here.channels[WATCH].viewers.add(None)  # the channel stays
    return here.open(WATCH, "")


async def forever():
    await asyncio.get_running_loop().create_future()


def asgi(receive, end):
    """Give what an EventStream sends until it is over, and who was told that it is."""

    async def scene():
        viewer, sent, left = await opened(), [], []

        async def send(message):
            sent.append(message)
            if len(sent) == 2:
                end(viewer)

        stream = EventStream(viewer, left.append, {"x-more": "1"})
        await asyncio.wait_for(stream({"type": "http"}, receive, send), 60)
        return sent, left == [viewer], viewer.ended

    return asyncio.run(scene())


def test_an_event_stream_says_what_it_is_and_ends_with_a_farewell():
    sent, told, _ = asgi(forever, lambda viewer: viewer.end(streams.CLOSING))
    headers = dict(sent[0]["headers"])
    assert headers[b"content-type"].startswith(b"text/event-stream")
    assert headers[b"cache-control"] == b"no-store"
    assert headers[b"x-more"] == b"1"
    assert b"content-length" not in headers
    assert sent[1]["body"].startswith(b": connected")
    assert sent[2]["body"].startswith(b": bye")
    assert sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
    assert told


def test_a_client_that_leaves_ends_it():
    async def leaves():
        return {"type": "http.disconnect"}

    _, told, why = asgi(leaves, lambda _: None)
    assert (told, why) == (True, streams.GONE)


class Socket:
    """An accepted WebSocket, as far as streams use one."""

    def __init__(self, sent_end):
        self.sent, self.closed = [], None
        self._sent_end = sent_end

    async def send_text(self, text):
        self.sent.append(text)
        self._sent_end()

    async def receive(self):
        await forever()

    async def close(self, code, reason):
        self.closed = (code, reason)


@pytest.mark.parametrize(
    ("why", "code"),
    [(streams.CLOSING, 1012), (streams.REVOKED, 4401), (streams.DEAD, 1013), (streams.BROKEN, 1012)],
)
def test_a_web_socket_is_closed_with_a_code_that_says_why(why, code):
    async def scene():
        viewer = await opened(socket=True)
        socket = Socket(lambda: viewer.end(why))
        await asyncio.wait_for(web_socket.serve(socket, viewer), 60)
        return socket

    socket = asyncio.run(scene())
    assert socket.closed == (code, why)
    assert '"event": "connected"' in socket.sent[0]
    assert '"event": "bye"' in socket.sent[-1]


def test_what_a_web_socket_says_in_bytes_is_ignored_too():
    said = [{"type": "websocket.receive", "bytes": b"x"}, {"type": "websocket.receive", "text": "x"}]
    said.append({"type": "websocket.disconnect", "code": 1000})

    async def scene():
        viewer = await opened(socket=True)
        socket = Socket(lambda: None)

        async def receive():
            return said.pop(0)

        socket.receive = receive
        await asyncio.wait_for(web_socket.serve(socket, viewer), 60)
        return viewer.ended

    assert asyncio.run(scene()) == streams.GONE


def test_a_web_socket_whose_client_leaves_is_not_closed_again():
    async def scene():
        viewer = await opened(socket=True)
        socket = Socket(lambda: None)

        async def gone():
            return {"type": "websocket.disconnect", "code": 1000}

        socket.receive = gone
        await asyncio.wait_for(web_socket.serve(socket, viewer), 60)
        return socket.closed, viewer.ended

    assert asyncio.run(scene()) == (None, streams.GONE)
