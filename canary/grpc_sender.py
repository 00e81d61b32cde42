"""The front door OTLP/gRPC, as a sender sees it. The one module of this room that knows gRPC.

In: a door and serialised requests. Out: nothing once they are acknowledged; else `NotAcceptedError`, which says whether
to come again, in the terms of https://opentelemetry.io/docs/specs/otlp/#failures.
"""

import contextlib

import grpc

from canary.doors import Door
from canary.http_sender import check_whole
from canary.sending import NotAcceptedError

_METHODS = {
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
}
_CHECK = "/grpc.health.v1.Health/Check"
"""https://github.com/grpc/grpc/blob/master/doc/health-checking.md"""
_AGAIN = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    }
)


class GrpcSender:
    """Sends by one door, over a connection of its own for as long as a beat lasts."""

    def __init__(self, door: Door) -> None:
        self._headers = tuple(door.headers.items())
        options = [("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1)]
        if door.secure:
            key, certificate = door.certificate or (None, None)
            credentials = grpc.ssl_channel_credentials(door.roots, key, certificate)
            self._channel = grpc.secure_channel(door.place, credentials, options)
        else:
            self._channel = grpc.insecure_channel(door.place, options)
        self._tried = False

    def ready(self, seconds: float) -> None:
        """Open the connection, the first time."""
        if self._tried:
            return
        self._tried = True
        check = self._channel.unary_unary(_CHECK, request_serializer=None, response_deserializer=None)
        with contextlib.suppress(grpc.RpcError):  # whatever it says, it came there; or `send` tells why not
            check(b"", timeout=seconds, metadata=self._headers)

    def send(self, signal: str, request: bytes, seconds: float) -> None:
        """Send once. Raises `NotAcceptedError`."""
        export = self._channel.unary_unary(_METHODS[signal], request_serializer=None, response_deserializer=None)
        try:
            response: bytes = export(request, timeout=seconds, metadata=self._headers)
        except grpc.RpcError as problem:
            code, words = problem.code(), str(problem.details())[:200]
            again = 0.0 if code in _AGAIN else None
            raise NotAcceptedError(f"it says {code.name}: {words}", again_after=again) from problem
        check_whole(response)

    def close(self) -> None:
        """End the connection."""
        self._channel.close()
