"""The REST window's listener: uvicorn on the house's own loop, without uvicorn's signals and log set-up.

In: an ASGI application and an address. Out: a bound port; requests under way at `stop` have `grace` seconds
to end.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

Application = Callable[[Any, Any, Any], Awaitable[None]]
"""An ASGI 3 application."""

_BACKLOG = 2048


class _Server(uvicorn.Server):
    """uvicorn that tells when it listens and leaves signals to `otelhouse.running`."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self.listens.set()


class RestServer:
    """Listens between `start` and `stop`, on the event loop that runs them."""

    def __init__(self, application: Application, host: str, port: int) -> None:
        self._application = application
        self._host = host
        self._port = port
        self._server: _Server | None = None
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> int:
        """Listen; gives the port. Raises `OSError` where the address is not to be had."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        bound = socket.create_server((self._host, self._port), family=family, backlog=_BACKLOG)
        config = uvicorn.Config(
            self._application, log_config=None, access_log=False, lifespan="off", server_header=False, ws="none"
        )
        self._server = _Server(config)
        self._running = asyncio.create_task(self._server.serve(sockets=[bound]), name="rest")
        listens = asyncio.create_task(self._server.listens.wait())
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
