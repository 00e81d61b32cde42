"""uvicorn, kept within bounds and without what an embedded server must not do.

In: an ASGI application, an address, bounds. Out: a listening server on the running event loop.
Refuses header blocks over 64 KiB (431), and closes connections that do not finish a request in time, which
tells an OTLP sender to send the same again. uvicorn by itself bounds neither, takes over the process's
signals, and ends the process where a port is taken.
"""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterator

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEADER_BYTES = 64 * 1024
"""Of one request's line and headers, while they arrive."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection. `request_timeout` is set by `bounded_protocol`."""

    request_timeout: float

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        """Give the first request as long as any other: it may never come."""
        self._in_headers = False
        self._header_bytes = 0
        self._deadline: asyncio.TimerHandle | None = None
        super().connection_made(transport)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what an unfinished header block takes."""
        super().data_received(data)
        if self._in_headers:
            self._header_bytes += len(data)
            if self._header_bytes > MAX_HEADER_BYTES:
                self._in_headers = False
                self.transport.write(
                    b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
                )
                self.transport.close()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._in_headers = True
        self._header_bytes = 0
        self._arm()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Drop trailers: nobody reads them, and their number has no bound."""
        if self._in_headers:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The header block is whole."""
        self._in_headers = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is whole; from here on the time is ours."""
        self._disarm()
        super().on_message_complete()

    def _arm(self) -> None:
        self._disarm()
        self._deadline = self.loop.call_later(self.request_timeout, self._close_late)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _close_late(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()


def bounded_protocol(request_timeout: float) -> type[BoundedProtocol]:
    """The protocol class for uvicorn; `request_timeout` in seconds, from a request's first byte to its
    last."""
    return type("BoundedProtocol", (BoundedProtocol,), {"request_timeout": request_timeout})


class HttpServer(uvicorn.Server):
    """A uvicorn server that somebody else starts, stops and guards against signals."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the process's signals to the process."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        self.ready.set()


def server_config(app: Callable[..., Awaitable[None]], *, request_timeout: float, keep_alive: int) -> uvicorn.Config:
    """Settings for a lean server: no access log, lifespan, WebSocket, proxy headers or `Server` header.

    `request_timeout` and `keep_alive` in seconds.
    """
    return uvicorn.Config(
        app,
        http=bounded_protocol(request_timeout),
        interface="asgi3",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=keep_alive,
    )


def listening_socket(host: str, port: int) -> socket.socket:
    """Bind `host`:`port`; port 0 takes a free one. Raises `OSError` with the address in its message."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        # As gRPC does: "::" is for IPv4 as well.
        both = host == "::" and socket.has_dualstack_ipv6()
        return socket.create_server((host, port), family=family, backlog=1024, dualstack_ipv6=both)
    except OSError as error:
        hint = "change http.host or http.port of ingest"
        raise OSError(error.errno, f"cannot listen on {host}:{port}: {error.strerror}; {hint}") from error
