"""The REST window's listener: the same bounded HTTP server as the OTLP/HTTP door's, on the house's own loop.

In: an ASGI application, an address, and TLS if there is any. Out: a bound port; requests under way at `stop` have
`grace` seconds to end.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from ingest.http_server import HttpServer, server_config

if TYPE_CHECKING:
    # Certificates take their time to load; a house without TLS needs none.
    from identity.tls import DoorTls

Application = Callable[[Any, Any, Any], Awaitable[None]]
"""An ASGI 3 application."""

REQUEST_SECONDS = 30.0
"""What a request may take to arrive; questions are a few parameters."""

_BACKLOG = 2048

_KEEP_ALIVE_SECONDS = 5
"""An idle connection stays open as long."""


class RestServer:
    """Listens between `start` and `stop`, on the event loop that runs them."""

    def __init__(self, application: Application, host: str, port: int, tls: "DoorTls | None" = None) -> None:
        self._application = application
        self._host = host
        self._port = port
        self._tls = tls
        self._server: HttpServer | None = None
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> int:
        """Listen; gives the port. Raises `OSError` where the address is not to be had."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        bound = socket.create_server((self._host, self._port), family=family, backlog=_BACKLOG)
        config = server_config(
            self._application, request_timeout=REQUEST_SECONDS, keep_alive=_KEEP_ALIVE_SECONDS, web_socket=True
        )
        self._server = HttpServer(config, self._tls)
        self._running = asyncio.create_task(self._server.serve(sockets=[bound]), name="rest")
        listens = asyncio.create_task(self._server.ready.wait())
        await asyncio.wait((self._running, listens), return_when=asyncio.FIRST_COMPLETED)
        if not listens.done():  # it ended before it listened; say why
            listens.cancel()
            self._running.result()
        port: int = bound.getsockname()[1]
        return port

    async def stop(self, grace: float) -> None:
        """Take no new requests, give those under way `grace` seconds, then cut them off. Safe twice."""
        if self._server is None or self._running is None:
            return
        self._server.config.timeout_graceful_shutdown = max(1, round(grace))
        self._server.should_exit = True
        await self._running
