"""The OTLP/HTTP door: POST /v1/logs, /v1/traces, /v1/metrics, protobuf or JSON.

In: HTTP requests. Out: `Intake.accept` with the whole, decompressed body, and its answer in the request's own
encoding. Refuses other paths (404), methods (405), who is not let in (401, 403), content types and codings (415), what
is over the size limit before or after decompression (413), what cannot be read (400), what a sender wants over its
share or its limits (429), and all that comes while places or memory are taken (503). Every refusal carries a
google.rpc.Status in the request's own encoding; where the content type names no encoding of OTLP, in JSON, since then
a person with a command line is likelier to read it than an SDK.

Three answers in which the sources leave a choice:
- Unknown `Content-Encoding`: 415 with `Accept-Encoding`, as RFC 9110 section 15.5.16 has it; an OpenTelemetry
  Collector says 400. A sender drops the request either way.
- A body that does not arrive in time: 503 and not 408, since of the two only 503 makes a sender repeat it.
- After an early refusal the rest of the body is read and thrown away, within the time a request has, so that a sender
  which writes before it reads still gets its answer.

Source: OTLP specification, "OTLP/HTTP", https://opentelemetry.io/docs/specs/otlp/#otlphttp.
"""

import asyncio
import contextlib
import io
import logging
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from google.rpc import code_pb2

from identity.errors import IdentityError, UnauthenticatedError
from identity.sender import Sender
from ingest.admission import Admission, Budget, Counters, Gate, Reservation
from ingest.compression import ACCEPTED, Coding, Decompressor, coding_named, too_large
from ingest.connections import Connections, counted
from ingest.errors import BusyError, IngestError
from ingest.http_server import BoundedProtocol, HttpServer, certificate_subject, listening_socket, server_config
from ingest.intake import Encoding, Intake
from ingest.response import export_response
from ingest.settings import IngestSettings
from ingest.status import Failure, failure_of, internal_failure, retry_after_header, status_body
from sql.signals import Signal

if TYPE_CHECKING:
    # Certificates take their time to load; a house without TLS needs none.
    from identity.tls import DoorTls

_log = logging.getLogger(__name__)

TRANSPORT = "http"

PATHS = {"/v1/logs": Signal.LOGS, "/v1/traces": Signal.TRACES, "/v1/metrics": Signal.METRICS}
CONTENT_TYPES = {b"application/x-protobuf": Encoding.PROTOBUF, b"application/json": Encoding.JSON}

_TYPE_OF = {encoding: name for name, encoding in CONTENT_TYPES.items()}
_GRACE_AFTER_TIMEOUT = 5.0
"""Seconds the connection outlives the time a request has, so that the answer about it can still be sent and
read."""

_WANTED = (b"authorization", b"content-type", b"content-encoding", b"content-length")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]


class _DisconnectedError(Exception):
    """The sender went away before its request was whole."""


class _RefusedError(Exception):
    """The door's own refusal, with headers beside it."""

    def __init__(self, failure: Failure, headers: Headers) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.headers = headers


@dataclass(slots=True)
class _Request:
    """What the door needs of an ASGI scope, and who sent it once that is known."""

    method: str
    path: str
    peer: str
    """The address of who sent it."""
    authorization: str | None
    certificate_subject: str
    content_type: bytes
    content_encoding: str
    content_length: int
    """Bytes, 0 where it is not said."""
    sender: Sender | None = None

    @property
    def signal(self) -> Signal | None:
        return PATHS.get(self.path)

    @property
    def encoding(self) -> Encoding | None:
        """What the content type names; its parameters say nothing that OTLP leaves open."""
        return CONTENT_TYPES.get(self.content_type.partition(b";")[0].strip().lower())


class HttpDoor:
    """Listens between `start` and `stop`, on the event loop that runs them. Also an ASGI application by
    itself."""

    def __init__(
        self,
        settings: IngestSettings,
        intake: Intake,
        budget: Budget,
        counters: Counters,
        tls: "DoorTls | None" = None,
        admission: Admission | None = None,
    ) -> None:
        """`admission` is shared by both doors; without one everybody is let in."""
        self._admission = admission or Admission()
        self._settings = settings
        self._tls = tls
        self._intake = intake
        self._budget = budget
        self._counters = counters
        self._gate = Gate(settings.max_concurrent_requests, settings.sender_share, self._admission.pressure)
        self._connections = Connections(settings.http.max_connections, settings.http.max_connections_per_address)
        self._decompressor = Decompressor(settings.max_request_bytes)
        self._server: HttpServer | None = None
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> int:
        """Listen; gives the port. Raises `OSError` where the address is not to be had."""
        door = self._settings.http
        listener = listening_socket(door.host, door.port)
        port: int = listener.getsockname()[1]
        timeout = self._settings.read_timeout_s + _GRACE_AFTER_TIMEOUT
        config = server_config(self, request_timeout=timeout, keep_alive=door.keep_alive_s)
        config.http = counted(cast("type[BoundedProtocol]", config.http), self._connections, door.max_connection_age_s)
        self._connections.watch_unread(door.write_timeout_s)
        self._server = HttpServer(config, self._tls)
        self._serving = asyncio.create_task(self._server.serve([listener]), name="otlp-http")
        ready = asyncio.create_task(self._server.ready.wait())
        await asyncio.wait((self._serving, ready), return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            ready.cancel()
            self._serving.result()
        return port

    async def stop(self, grace: float) -> None:
        """Take no new requests, give those under way `grace` seconds, then answer them with 503. Safe
        twice."""
        if self._server is not None and self._serving is not None:
            # uvicorn takes whole seconds in its signature and hands them to asyncio, which takes any.
            self._server.config.timeout_graceful_shutdown = grace  # type: ignore[assignment]
            self._server.should_exit = True
            await self._serving
        self._connections.stop_watching()
        self._decompressor.close()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3)."""
        request = _request_of(scope)
        encoding = request.encoding or Encoding.JSON
        try:
            status, headers, body = await self._answer(request, receive)
        except _DisconnectedError:
            return
        await _reply(send, status, [(b"content-type", _TYPE_OF[encoding]), *headers], body)

    async def _answer(self, request: _Request, receive: Receive) -> tuple[int, Headers, bytes]:
        """Give status, headers and body; whatever goes wrong becomes one of these."""
        headers: Headers = []
        try:
            return 200, headers, await self._export(request, receive)
        except _RefusedError as refusal:
            failure, headers = refusal.failure, refusal.headers
        except (IngestError, IdentityError) as error:
            failure = failure_of(error)
            if isinstance(error, UnauthenticatedError):
                headers = [(b"www-authenticate", b"Bearer")]
        except asyncio.CancelledError:
            # uvicorn cancels what is left at the end of a shutdown, and would answer 500, which means: drop
            # it.
            failure = failure_of(BusyError("the house is shutting down: send the same again"))
        except _DisconnectedError:
            self._count(request, "disconnected")
            raise
        except Exception:  # noqa: BLE001 - a request ends here: its sender must get an answer whatever broke
            _log.exception("a request of %s to %s broke", request.peer, request.path)
            failure = internal_failure()
        self._count(request, failure.reason)
        with contextlib.suppress(asyncio.CancelledError):  # at the end of a shutdown: the answer goes out at once
            await self._admission.hold_back(failure.reason)
        if failure.retry_after is not None:
            headers = [*headers, (b"retry-after", retry_after_header(failure.retry_after))]
        return failure.http_status, headers, status_body(failure, request.encoding or Encoding.JSON)

    def _count(self, request: _Request, reason: str) -> None:
        if request.signal is not None:
            self._counters.refused(request.signal, TRANSPORT, reason)
        name = request.sender.name if request.sender is not None else ""
        self._admission.refusals.note(TRANSPORT, request.peer, name, reason)

    async def _export(self, request: _Request, receive: Receive) -> bytes:
        signal = request.signal
        if signal is None:
            raise _not_found(request.path)
        self._counters.request(signal, TRANSPORT)
        if request.method != "POST":
            raise _method_not_allowed(request.method)
        sender = request.sender = self._admission.admit(
            request.authorization, request.peer, request.certificate_subject
        )
        encoding = request.encoding
        if encoding is None:
            raise _unsupported_type(request.content_type)
        coding = coding_named(request.content_encoding)
        if coding is None:
            raise _unsupported_coding(request.content_encoding)
        with self._admission.allowances.request(sender), self._gate.place(sender.key):
            self._budget.expect(sender.key)
            # No local name for the body: whoever reads it behind the seam can let go of it.
            accepted = await self._intake.accept(
                signal, await self._body(request, sender, coding, receive), encoding, sender
            )
        return export_response(signal, accepted, encoding, self._settings.max_response_bytes)

    async def _body(self, request: _Request, sender: Sender, coding: Coding, receive: Receive) -> bytes:
        if request.content_length > self._settings.max_request_bytes:
            raise too_large(self._settings.max_request_bytes)
        seconds = self._settings.read_timeout_s
        with Reservation(self._budget, sender.key) as reservation:
            try:
                async with asyncio.timeout(seconds):
                    raw = await self._read(receive, reservation)
            except TimeoutError as error:
                late = f"the request did not arrive within {seconds:g} seconds: send the same again"
                raise BusyError(late) from error
            body = await self._decompressor.decompress(raw, coding, reservation)
        self._admission.allowances.spend(sender, len(body))
        return body

    async def _read(self, receive: Receive, reservation: Reservation) -> bytes:
        """Collect the body. What a sender has only announced is not held: it may never come."""
        collected = io.BytesIO()  # gives its bytes away without a copy, unlike a list of pieces
        while True:
            event = await receive()
            if event["type"] == "http.disconnect":
                raise _DisconnectedError
            size = collected.tell() + len(event["body"])
            if size > self._settings.max_request_bytes:
                raise too_large(self._settings.max_request_bytes)
            reservation.hold(size)
            collected.write(event["body"])
            if not event["more_body"]:
                return collected.getvalue()


def _request_of(scope: Message) -> _Request:
    wanted: dict[bytes, bytes | None] = dict.fromkeys(_WANTED)
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    for name, value in headers:
        if name in wanted:
            wanted[name] = value
    client = scope.get("client")
    authorization = wanted[b"authorization"]
    return _Request(
        method=scope["method"],
        path=scope["path"],
        peer=client[0] if client else "",
        authorization=None if authorization is None else authorization.decode("latin-1"),
        certificate_subject=certificate_subject(scope),
        content_type=wanted[b"content-type"] or b"",
        content_encoding=(wanted[b"content-encoding"] or b"").decode("latin-1"),
        content_length=int(wanted[b"content-length"] or 0),
    )


async def _reply(send: Send, status: int, headers: Headers, body: bytes) -> None:
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


def _not_found(path: str) -> _RefusedError:
    message = f"nothing is at {path}: OTLP goes to {', '.join(PATHS)}"
    return _RefusedError(Failure(code_pb2.NOT_FOUND, 404, "not_found", message), [])


def _method_not_allowed(method: str) -> _RefusedError:
    message = f"{method} is not possible here: OTLP is sent with POST"
    failure = Failure(code_pb2.UNIMPLEMENTED, 405, "method_not_allowed", message)
    return _RefusedError(failure, [(b"allow", b"POST")])


def _unsupported_type(content_type: bytes) -> _RefusedError:
    known = " or ".join(name.decode() for name in CONTENT_TYPES)
    message = f"content type {content_type.decode('latin-1')!r} is not OTLP: use {known}"
    failure = Failure(code_pb2.INVALID_ARGUMENT, 415, "unsupported_media_type", message)
    return _RefusedError(failure, [(b"accept", b", ".join(CONTENT_TYPES))])


def _unsupported_coding(content_encoding: str) -> _RefusedError:
    message = f"content encoding {content_encoding!r} is not known: use one of {ACCEPTED}, or none"
    failure = Failure(code_pb2.INVALID_ARGUMENT, 415, "unsupported_media_type", message)
    return _RefusedError(failure, [(b"accept-encoding", ACCEPTED.encode())])
