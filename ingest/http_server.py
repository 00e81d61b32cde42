"""uvicorn, kept within bounds and without what an embedded server must not do.

In: an ASGI application, an address, bounds, and TLS if there is any. Out: a listening server on the running event loop.
With TLS the scope of each request has ASGI's TLS extension, https://asgi.readthedocs.io/en/latest/specs/tls.html.
Refuses header blocks over 64 KiB (431), and closes connections that do not finish a request in time, which
tells an OTLP sender to send the same again. uvicorn by itself bounds neither, takes over the process's
signals, and ends the process where a port is taken.
"""

import asyncio
import contextlib
import logging
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from identity import client_certificate
from identity.tls_settings import HANDSHAKE_SECONDS

if TYPE_CHECKING:
    # Certificates take their time to load; a house without TLS needs none.
    from identity.tls import DoorTls

MAX_HEADER_BYTES = 64 * 1024
"""Of one request's line and headers, while they arrive."""

_FAREWELL_SECONDS = 0.5
"""What a client has at the end to answer TLS's good-bye; one that is idle does not read it."""


_TELL_EVERY = 60.0
"""Seconds between two lines of one server about what is no HTTP."""

_TLS_RECORD = b"\x16\x03"
"""How a TLS handshake begins (RFC 8446, section 5.1); no request of HTTP does."""


class SparingLog(logging.LoggerAdapter[logging.Logger]):
    """uvicorn's log. What it warns of is what strangers send, as often as they like: a line a minute tells it."""

    def __init__(self) -> None:
        super().__init__(logging.getLogger("uvicorn.error"), {})
        self._next = 0.0
        self._untold = 0

    @property
    def level(self) -> int:
        """As a logger's own; uvicorn asks for it."""
        return self.logger.level

    def warning(self, msg: object, *args: Any, **_: Any) -> None:  # noqa: ANN401  as logging
        """Tell `msg`, and how many there were since the last line."""
        self._untold += 1
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _TELL_EVERY
            self.logger.warning("%s (%d since the last such line)", str(msg) % args if args else msg, self._untold)
            self._untold = 0


class BoundedProtocol(HttpToolsProtocol):
    """One connection. `request_timeout` and `sparing_log` are set by `bounded_protocol`."""

    request_timeout: float
    sparing_log: SparingLog

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        """Give the first request as long as any other: it may never come."""
        self._in_headers = False
        self._header_bytes = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._tls = _tls_extension(transport)
        self._nothing_yet = True
        self.logger = self.sparing_log  # type: ignore[assignment]  # uvicorn calls no more than an adapter has
        super().connection_made(transport)
        if self.client is None:
            # Reset before it was taken up: whoever it was, nothing may be done in the name of nobody.
            transport.abort()
            return
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what an unfinished header block takes."""
        if self._nothing_yet and self._tls is None and data.startswith(_TLS_RECORD):
            self.logger.warning("TLS came to a port that speaks plain HTTP")
            self.send_400_response("This port speaks plain HTTP: write http instead of https.")
            return
        self._nothing_yet = False
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
        self.scope["extensions"] = {"otelhouse.abort": self.transport.abort}  # type: ignore[dict-item]  # not of ASGI
        if self._tls is not None:
            self.scope["extensions"]["tls"] = self._tls
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

    def shutdown(self) -> None:
        """End what is idle, and the rest after its answer."""
        super().shutdown()
        if self._tls is not None and self.transport.is_closing() and not self.transport.get_write_buffer_size():
            self.loop.call_later(_FAREWELL_SECONDS, self.transport.abort)

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
    settings = {"request_timeout": request_timeout, "sparing_log": SparingLog()}
    return type("BoundedProtocol", (BoundedProtocol,), settings)


class HttpServer(uvicorn.Server):
    """A uvicorn server that somebody else starts, stops and guards against signals."""

    def __init__(self, config: uvicorn.Config, door: "DoorTls | None" = None) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()
        self._door = door

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the process's signals to the process."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        if self._door is None:
            await super().startup(sockets)
        else:
            await super().startup([])  # uvicorn has no bound for a handshake
            context = self._door.server_context()
            self.servers = [await self._listen(one, context) for one in sockets or ()]
        self.ready.set()

    async def _listen(self, listener: socket.socket, context: ssl.SSLContext) -> asyncio.Server:
        return await asyncio.get_running_loop().create_server(
            self._connection,
            sock=listener,
            ssl=context,
            ssl_handshake_timeout=HANDSHAKE_SECONDS,
            backlog=self.config.backlog,
        )

    def _connection(self) -> asyncio.Protocol:
        protocol: type[asyncio.Protocol] = self.config.http_protocol_class
        state: dict[str, Any] = self.lifespan.state
        return protocol(config=self.config, server_state=self.server_state, app_state=state)  # type: ignore[call-arg]  # as uvicorn


def server_config(
    app: Callable[..., Awaitable[None]], *, request_timeout: float, keep_alive: int, web_socket: bool = False
) -> uvicorn.Config:
    """Settings for a lean server: no access log, lifespan, proxy headers or `Server` header.

    `request_timeout` and `keep_alive` in seconds. With `web_socket` it takes those too, from clients that say little,
    and pings them.
    """
    return uvicorn.Config(
        app,
        http=bounded_protocol(request_timeout),
        interface="asgi3",
        ws="websockets-sansio" if web_socket else "none",
        ws_max_size=MAX_HEADER_BYTES,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=keep_alive,
    )


def certificate_subject(scope: Mapping[str, Any]) -> str:
    """Whose certificate the connection of this ASGI scope was opened with; empty without one.

    Written as `identity.client_certificate.subject` does.
    """
    return (scope.get("extensions") or {}).get("tls", {}).get("client_cert_name") or ""


def _tls_extension(transport: asyncio.Transport) -> dict[object, object] | None:
    """ASGI's TLS extension for a connection, None for one in plain text."""
    connection = transport.get_extra_info("ssl_object")
    if connection is None:
        return None
    shown = connection.getpeercert(binary_form=True)
    return {
        "server_cert": None,
        "client_cert_chain": [ssl.DER_cert_to_PEM_cert(shown)] if shown else [],
        "client_cert_name": client_certificate.subject(shown) if shown else None,
        "client_cert_error": None,
        "tls_version": {"TLSv1.2": 0x0303, "TLSv1.3": 0x0304}.get(connection.version()),
        "cipher_suite": None,
    }


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
