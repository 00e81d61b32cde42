"""The REST listener: real sockets, real requests."""

import asyncio
import socket

import pytest

from otelhouse.rest_server import RestServer


async def application(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


async def get(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: house\r\nConnection: close\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    await writer.wait_closed()
    return answer


def test_it_answers_between_start_and_stop_and_frees_its_port():
    async def scenario():
        server = RestServer(application, "127.0.0.1", 0)
        port = await server.start()
        answer = await get(port)
        await server.stop(1)
        await server.stop(1)
        return port, answer

    port, answer = asyncio.run(scenario())

    assert answer.endswith(b"ok")
    socket.create_server(("127.0.0.1", port)).close()


def test_a_taken_port_is_an_os_error_and_nothing_runs():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = RestServer(application, "127.0.0.1", taken.getsockname()[1])

        async def scenario():
            try:
                await server.start()
            finally:
                await server.stop(1)

        with pytest.raises(OSError, match="in use"):
            asyncio.run(scenario())
