"""The OTLP/gRPC door: Export of logs, traces and metrics, and gRPC's health check. The only importer of grpc.

In: unary Export calls; their messages stay bytes, parsing them is not the door's business. Out:
`Intake.accept`, and its answer as Export<Signal>ServiceResponse or as a status with google.rpc.Status
details. Refuses who is not let in, what is over the size limit, arrives too slowly, or comes while all places or all
memory, or the sender's share of them, are taken. Any other service, profiles included, is UNIMPLEMENTED. The health
check is open to everybody.

Three things are unlike a plain gRPC server, and all bound memory:
- A handler reads its message itself, so that a request without a place is refused before its bytes are taken in.
- gRPC gives a message whole or not at all and does not tell its size before, so the budget can be asked only when the
  message is there. Hence messages are read in turns: as many at once as would fit into the budget if each were as large
  as is allowed. One that lies ready, as small ones do, has its turn within a step of the event loop.
- Decompression is ours (`grpc.per_message_decompression` is off): it asks the budget first, answers a truncated body
  with INVALID_ARGUMENT where gRPC would say INTERNAL, and costs half of what gRPC's own does.

Source: OTLP specification, "OTLP/gRPC", https://opentelemetry.io/docs/specs/otlp/#otlpgrpc.
"""

import asyncio
import errno
import functools
import itertools
import logging
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import unquote

import grpc

from identity.errors import IdentityError
from identity.sender import Sender
from ingest import grpc_credentials
from ingest.admission import Admission, Budget, Counters, Gate, Reservation
from ingest.compression import GZIP_MAGIC, Coding, Decompressor, looks_like_zlib, too_large
from ingest.errors import BusyError, IngestError, MalformedError
from ingest.intake import Encoding, Intake
from ingest.response import export_response
from ingest.settings import IngestSettings
from ingest.socket_watch import Peer, SocketWatch
from ingest.status import (
    MAX_MESSAGE_BYTES,
    Failure,
    clip,
    failure_of,
    internal_failure,
    retry_info_bytes,
    status_bytes,
)
from ingest.turns import Turns
from sql.signals import Signal

if TYPE_CHECKING:
    # Certificates take their time to load; a house without TLS needs none.
    from identity.tls import DoorTls

_log = logging.getLogger(__name__)

TRANSPORT = "grpc"

SERVICES = {
    "opentelemetry.proto.collector.logs.v1.LogsService": Signal.LOGS,
    "opentelemetry.proto.collector.trace.v1.TraceService": Signal.TRACES,
    "opentelemetry.proto.collector.metrics.v1.MetricsService": Signal.METRICS,
}
HEALTH_SERVICE = "grpc.health.v1.Health"

READ_PATIENCE = 1.0
"""Seconds that a message may take to arrive while others wait for their turn."""

_CODES = {code.value[0]: code for code in grpc.StatusCode}
_NEVER = 2**31 - 1
"""The largest number that a channel argument holds."""
_SERVING, _NOT_SERVING = b"\x08\x01", b"\x08\x02"
"""HealthCheckResponse with `status` (field 1) 1 and 2."""


class GrpcDoor:
    """Listens between `start` and `stop`, on the event loop that runs them."""

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
        turns = settings.memory_bytes // settings.max_request_bytes
        self._turns = Turns(turns, READ_PATIENCE, settings.sender_share)
        self._decompressor = Decompressor(settings.max_request_bytes)
        self._server: grpc.aio.Server | None = None
        self._watch: SocketWatch | None = None
        self._unread: dict[grpc.aio.ServicerContext, float] = {}
        """The calls whose answers are on their way, and since when; the oldest first."""
        self._health = _SERVING
        self._health_requests = frozenset(_health_request(name) for name in ("", *SERVICES))

    async def start(self) -> int:
        """Listen; gives the port. Raises `OSError` where the address is not to be had."""
        server = grpc.aio.server(options=_options(self._settings))
        server.add_generic_rpc_handlers(self._handlers())
        port = self._listen(server)
        await server.start()
        self._server = server
        bounds = self._settings.grpc
        most, most_per_address = bounds.max_connections, bounds.max_connections_per_address
        self._watch = SocketWatch(port, most, most_per_address, self._slow_readers)
        self._watch.start()
        return port

    async def stop(self, grace: float) -> None:
        """Take no new requests, give those under way `grace` seconds, then cut them off. Safe twice."""
        self._health = _NOT_SERVING
        if self._watch is not None:
            await self._watch.stop()
        if self._server is not None:
            await self._server.stop(grace)
        self._decompressor.close()

    def _listen(self, server: grpc.aio.Server) -> int:
        host, port = self._settings.grpc.host, self._settings.grpc.port
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            bound: int
            if self._tls is None:
                bound = server.add_insecure_port(address)
            else:
                bound = server.add_secure_port(address, grpc_credentials.server_credentials(self._tls))
        except RuntimeError as error:
            # gRPC keeps the reason to itself; a taken port is nearly always it.
            hint = "is another process there? Change grpc.host or grpc.port of ingest"
            message = f"cannot listen on {address}: {hint}"
            raise OSError(errno.EADDRINUSE, message) from error
        return bound

    def _handlers(self) -> list[grpc.GenericRpcHandler]:
        methods = {
            service: grpc.stream_unary_rpc_method_handler(functools.partial(self._export, signal))
            for service, signal in SERVICES.items()
        }
        handlers = [grpc.method_handlers_generic_handler(name, {"Export": m}) for name, m in methods.items()]
        check = {"Check": grpc.stream_unary_rpc_method_handler(self._check)}
        return [*handlers, grpc.method_handlers_generic_handler(HEALTH_SERVICE, check)]

    async def _export(
        self, signal: Signal, _messages: AsyncIterator[bytes], context: grpc.aio.ServicerContext
    ) -> bytes:
        self._counters.request(signal, TRANSPORT)
        sender = Sender(peer_of(context.peer())[0])
        try:
            sender = self._admission.admit(authorization_of(context), sender.peer, self._certificate_subject(context))
            answer = await self._store(signal, sender, context)
        except (IngestError, IdentityError) as error:
            failure = failure_of(error)
        except Exception:  # noqa: BLE001 - a request ends here: its sender must get an answer whatever broke
            _log.exception("a %s request of %s broke", signal, sender.key)
            failure = internal_failure()
        else:
            self._unread[context] = asyncio.get_running_loop().time()
            context.add_done_callback(self._read_by)
            return answer
        self._counters.refused(signal, TRANSPORT, failure.reason)
        self._admission.refusals.note(TRANSPORT, sender.peer, sender.name, failure.reason)
        await self._admission.hold_back(failure.reason)
        return await _refuse(context, failure)

    async def _store(self, signal: Signal, sender: Sender, context: grpc.aio.ServicerContext) -> bytes:
        with self._admission.allowances.request(sender), self._gate.place(sender.key):
            self._budget.expect(sender.key)
            # No local name for the body: whoever reads it behind the seam can let go of it.
            accepted = await self._intake.accept(
                signal, await self._receive(context, sender), Encoding.PROTOBUF, sender
            )
        return export_response(signal, accepted, Encoding.PROTOBUF, self._settings.max_response_bytes)

    def _read_by(self, context: grpc.aio.ServicerContext) -> None:
        del self._unread[context]

    def _slow_readers(self) -> set[Peer]:
        """Those who have left an answer unread for too long."""
        before = asyncio.get_running_loop().time() - self._settings.grpc.write_timeout_s
        late = itertools.takewhile(lambda item: item[1] < before, self._unread.items())
        return {peer_of(context.peer()) for context, _ in late}

    def _certificate_subject(self, context: grpc.aio.ServicerContext) -> str:
        return grpc_credentials.certificate_subject(context) if self._tls is not None else ""

    async def _receive(self, context: grpc.aio.ServicerContext, sender: Sender) -> bytes:
        with Reservation(self._budget, sender.key) as reservation:
            message = await self._read(context, sender.key, reservation)
            body = await self._decompressor.decompress(message, coding_of(message), reservation)
        self._admission.allowances.spend(sender, len(body))
        return body

    async def _read(self, context: grpc.aio.ServicerContext, sender_key: str, reservation: Reservation) -> bytes:
        seconds = self._settings.read_timeout_s
        try:
            async with asyncio.timeout(seconds) as limit, self._turns.turn(limit, sender_key):
                message = await context.read()
                if message is not grpc.aio.EOF:
                    reservation.hold(len(message))
                    return bytes(message)
        except TimeoutError as error:
            late = f"the request did not arrive within {seconds:g} seconds, or {READ_PATIENCE:g} while others waited"
            raise BusyError(f"{late}: send the same again") from error
        if not context.peer():
            # gRPC itself has ended the call and answered it, which at this point it does only over the limit.
            raise too_large(self._settings.max_request_bytes)
        raise MalformedError("the call carries no request")

    async def _check(self, _messages: AsyncIterator[bytes], context: grpc.aio.ServicerContext) -> bytes:
        """Answer a health check, whose message may be as large as any other and waits for its turn like one."""
        try:
            with Reservation(self._budget) as reservation:
                request = await self._read(context, f"health {peer_of(context.peer())[0]}", reservation)
        except IngestError as error:
            await _refuse(context, failure_of(error))
        if request not in self._health_requests:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such service here")
        return self._health


async def _refuse(context: grpc.aio.ServicerContext, failure: Failure) -> NoReturn:
    details = [("grpc-status-details-bin", status_bytes(failure))]
    if failure.retry_after is not None:
        # The Python SDK looks for its pause here alone, and else doubles one of its own.
        details.append(("google.rpc.retryinfo-bin", retry_info_bytes(failure.retry_after)))
    await context.abort(_CODES[failure.code], clip(failure.message, MAX_MESSAGE_BYTES), tuple(details))
    raise AssertionError("abort always raises")


def coding_of(message: bytes) -> Coding:
    """Tell how a message is compressed; gRPC keeps the name of the coding to itself.

    No Export request begins like gzip: its first byte would be a field of wire type 7, which does not exist.
    The first byte of gRPC's deflate would be field 15 as a varint, and the only field of an Export request is
    1.
    """
    if message.startswith(GZIP_MAGIC):
        return Coding.GZIP
    if message.startswith(b"\x78") and looks_like_zlib(message):
        return Coding.DEFLATE
    return Coding.IDENTITY


def authorization_of(context: grpc.aio.ServicerContext) -> str | None:
    """The call's `authorization`, the first where there are several."""
    return next((value for key, value in context.invocation_metadata() or () if key == "authorization"), None)


def peer_of(name: str) -> Peer:
    """Address and port in gRPC's name of a peer: ``ipv4:10.0.0.7:5317``, ``ipv6:%5B::1%5D:5317``, ``unix:``."""
    kind, _, place = name.partition(":")
    if kind not in {"ipv4", "ipv6"}:
        return kind, 0
    address, _, port = unquote(place).rpartition(":")
    return address.strip("[]"), int(port)


def _health_request(service: str) -> bytes:
    """A serialised HealthCheckRequest: `service` is field 1. Names are shorter than 128 bytes, so one byte
    says how long."""
    return b"\n%c%s" % (len(service), service.encode()) if service else b""


def _options(settings: IngestSettings) -> list[tuple[str, int]]:
    """Channel arguments, by gRPC core's names (include/grpc/impl/channel_arg_names.h)."""
    door = settings.grpc

    def milliseconds(seconds: float) -> int:
        return round(seconds * 1000)

    return [
        ("grpc.so_reuseport", 0),  # a second process on the same port must fail, not take half of the senders
        ("grpc.per_message_decompression", 0),
        # gRPC would widen the window of streams that nobody reads yet to what the line carries, megabytes each.
        # Without, such a stream holds 64 KiB; one that is read still gets a window for its message.
        ("grpc.http2.bdp_probe", 0),
        ("grpc.max_receive_message_length", settings.max_request_bytes),
        ("grpc.max_send_message_length", settings.max_response_bytes),
        # What is more waits with its sender. Few streams keep short what gRPC itself queues, first come first served.
        ("grpc.max_concurrent_streams", door.max_streams_per_connection),
        # Above so many requests that no handler has begun, gRPC would refuse some at random, for good.
        ("grpc.server.max_pending_requests", _NEVER),
        ("grpc.server.max_pending_requests_hard_limit", _NEVER),
        # A few more than there may be: who comes gets in, and `SocketWatch` drops the longest silent.
        ("grpc.max_allowed_incoming_connections", door.max_connections + max(16, door.max_connections // 8)),
        *grpc_credentials.HANDSHAKE_OPTIONS,
        ("grpc.keepalive_time_ms", milliseconds(door.keepalive_time_s)),
        ("grpc.keepalive_timeout_ms", milliseconds(door.keepalive_timeout_s)),
        # gRPC waits for the answer to any ping for so long, and 60 seconds by default, whatever the line above says.
        ("grpc.http2.ping_timeout_ms", milliseconds(door.keepalive_timeout_s)),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", milliseconds(door.min_ping_interval_s)),
        ("grpc.max_connection_idle_ms", milliseconds(door.max_connection_idle_s)),
        ("grpc.max_connection_age_ms", milliseconds(door.max_connection_age_s)),
        ("grpc.max_connection_age_grace_ms", milliseconds(door.max_connection_age_grace_s)),
    ]
