"""The OTLP/gRPC door: Export of logs, traces and metrics, and gRPC's health check. The only importer of grpc.

In: unary Export calls; their messages stay bytes, parsing them is not the door's business. Out:
`Intake.accept`, and its answer as Export<Signal>ServiceResponse or as a status with google.rpc.Status
details. Refuses what is over the size limit, arrives too slowly, or comes while all places or all memory are
taken. Any other service, profiles included, is UNIMPLEMENTED.

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
import logging
from collections.abc import AsyncIterator
from typing import NoReturn
from urllib.parse import unquote

import grpc

from ingest.admission import Budget, Counters, Gate, Reservation, Turns
from ingest.compression import GZIP_MAGIC, Coding, Decompressor, looks_like_zlib, too_large
from ingest.errors import BusyError, IngestError, MalformedError
from ingest.intake import Encoding, Intake
from ingest.response import export_response
from ingest.settings import IngestSettings
from ingest.status import MAX_MESSAGE_BYTES, Failure, clip, failure_of, internal_failure, status_bytes
from sql.signals import Signal

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
_SERVING, _NOT_SERVING = b"\x08\x01", b"\x08\x02"
"""HealthCheckResponse with `status` (field 1) 1 and 2."""


class GrpcDoor:
    """Listens between `start` and `stop`, on the event loop that runs them."""

    def __init__(self, settings: IngestSettings, intake: Intake, budget: Budget, counters: Counters) -> None:
        self._settings = settings
        self._intake = intake
        self._budget = budget
        self._counters = counters
        self._gate = Gate(settings.max_concurrent_requests)
        self._turns = Turns(settings.memory_bytes // settings.max_request_bytes, READ_PATIENCE)
        self._decompressor = Decompressor(settings.max_request_bytes)
        self._server: grpc.aio.Server | None = None
        self._health = _SERVING
        self._health_requests = frozenset(_health_request(name) for name in ("", *SERVICES))

    async def start(self) -> int:
        """Listen; gives the port. Raises `OSError` where the address is not to be had."""
        server = grpc.aio.server(options=_options(self._settings))
        server.add_generic_rpc_handlers(self._handlers())
        port = self._listen(server)
        await server.start()
        self._server = server
        return port

    async def stop(self, grace: float) -> None:
        """Take no new requests, give those under way `grace` seconds, then cut them off. Safe twice."""
        self._health = _NOT_SERVING
        if self._server is not None:
            await self._server.stop(grace)
        self._decompressor.close()

    def _listen(self, server: grpc.aio.Server) -> int:
        host, port = self._settings.grpc.host, self._settings.grpc.port
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            bound: int = server.add_insecure_port(address)
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
        check = {"Check": grpc.unary_unary_rpc_method_handler(self._check)}
        return [*handlers, grpc.method_handlers_generic_handler(HEALTH_SERVICE, check)]

    async def _export(
        self, signal: Signal, _messages: AsyncIterator[bytes], context: grpc.aio.ServicerContext
    ) -> bytes:
        self._counters.request(signal, TRANSPORT)
        sender = sender_of(context.peer())
        try:
            with self._gate:
                # No local name for the body: whoever reads it behind the seam can let go of it.
                accepted = await self._intake.accept(signal, await self._receive(context), Encoding.PROTOBUF, sender)
            return export_response(signal, accepted, Encoding.PROTOBUF, self._settings.max_response_bytes)
        except IngestError as error:
            failure = failure_of(error)
        except Exception:  # noqa: BLE001 - a request ends here: its sender must get an answer whatever broke
            _log.exception("a %s request of %s broke", signal, sender)
            failure = internal_failure()
        self._counters.refused(signal, TRANSPORT, failure.reason)
        return await _refuse(context, failure)

    async def _receive(self, context: grpc.aio.ServicerContext) -> bytes:
        with Reservation(self._budget) as reservation:
            message = await self._read(context, reservation)
            return await self._decompressor.decompress(message, coding_of(message), reservation)

    async def _read(self, context: grpc.aio.ServicerContext, reservation: Reservation) -> bytes:
        seconds = self._settings.read_timeout_s
        try:
            async with asyncio.timeout(seconds) as limit, self._turns.turn(limit):
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

    async def _check(self, request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        if request not in self._health_requests:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such service here")
        return self._health


async def _refuse(context: grpc.aio.ServicerContext, failure: Failure) -> NoReturn:
    details = (("grpc-status-details-bin", status_bytes(failure)),)
    await context.abort(_CODES[failure.code], clip(failure.message, MAX_MESSAGE_BYTES), details)
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


def sender_of(peer: str) -> str:
    """The address in gRPC's name of a peer: ``ipv4:10.0.0.7:5317``, ``ipv6:%5B::1%5D:5317``, ``unix:``."""
    kind, _, address = peer.partition(":")
    if kind not in {"ipv4", "ipv6"}:
        return kind
    return unquote(address).rpartition(":")[0].strip("[]")


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
        # A connection alone may reach past all places, so that its sender is told so instead of left to wait.
        ("grpc.max_concurrent_streams", 2 * settings.max_concurrent_requests),
        ("grpc.keepalive_time_ms", milliseconds(door.keepalive_time_s)),
        ("grpc.keepalive_timeout_ms", milliseconds(door.keepalive_timeout_s)),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", milliseconds(door.min_ping_interval_s)),
        ("grpc.max_connection_idle_ms", milliseconds(door.max_connection_idle_s)),
        ("grpc.max_connection_age_ms", milliseconds(door.max_connection_age_s)),
        ("grpc.max_connection_age_grace_ms", milliseconds(door.max_connection_age_grace_s)),
    ]
