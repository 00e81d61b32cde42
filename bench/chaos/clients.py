"""Two OTLP clients for `bench.chaos.sender`: what is sent, and what an answer means to a sender.

In: a signal and bytes. Out: an `Outcome`, the words that came with it, and the seconds that the house asked the sender
to wait. The bytes of a request are made once and sent again as they are. HTTP requests alternate between plain
protobuf, gzip, and JSON (logs only).
"""

import asyncio
import gzip
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

import grpc
import grpc.aio
import urllib3
from google.rpc import error_details_pb2, status_pb2
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

from bench.chaos import numbered
from bench.chaos.ledger import Outcome
from bench.chaos.load import Load
from sql.signals import Signal

METHODS = {
    Signal.LOGS: "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    Signal.TRACES: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    Signal.METRICS: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
}
PATHS = {signal: f"/v1/{signal.value}" for signal in Signal}
PROTOBUF, JSON = "application/x-protobuf", "application/json"

Answer = tuple[Outcome, str, float]

_RETRYABLE = frozenset({
    grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.ABORTED, grpc.StatusCode.OUT_OF_RANGE, grpc.StatusCode.DATA_LOSS,
})  # fmt: skip
"""What a sender may repeat: OTLP specification, "Failures" of OTLP/gRPC."""
_RETRYABLE_HTTP = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Body:
    """A request as it goes over the wire, headers with it."""

    bytes: bytes
    content_type: str = PROTOBUF
    coding: str = ""


class Client(Protocol):
    """One transport."""

    name: str

    def written(self, signal: Signal, number: int) -> Body:
        """Make one request."""

    async def send(self, signal: Signal, body: Body) -> Answer:
        """Send it once."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Grpc:
    """One channel for all senders."""

    name = "grpc"

    def __init__(self, load: Load) -> None:
        self._load = load
        options = [
            ("grpc.max_send_message_length", -1),
            # A house that comes back is found within a second.
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 1000),
            # Loads of one process are separate senders, with a connection each.
            ("grpc.use_local_subchannel_pool", 1),
        ]
        self._channel = grpc.aio.insecure_channel(load.grpc, options)
        self._exports = {
            signal: self._channel.unary_unary(method, request_serializer=None, response_deserializer=None)
            for signal, method in METHODS.items()
        }
        self._metadata = (("authorization", f"Bearer {load.token}"),) if load.token else ()

    def written(self, signal: Signal, number: int) -> Body:
        """Plain protobuf."""
        return Body(numbered.request(signal, self._load.run, number, self._load.items))

    async def send(self, signal: Signal, body: Body) -> Answer:
        """Send it once, and wait for the answer no longer than the load says."""
        try:
            answer = await self._exports[signal](body.bytes, timeout=self._load.timeout, metadata=self._metadata)
        except grpc.aio.AioRpcError as error:
            return _of_grpc(error)
        return _of_success(answer, PROTOBUF)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._channel.close()


def _of_success(answer: bytes, content_type: str) -> Answer:
    """Look whether all was taken. The answers of the three signals differ in names only."""
    read = ExportLogsServiceResponse.FromString
    rejected = read(answer).partial_success.rejected_log_records if content_type == PROTOBUF else b"rejected" in answer
    if rejected:
        return Outcome.DENIED, f"partial success: {answer[:200]!r}", 0.0
    return Outcome.ACKNOWLEDGED, "", 0.0


def _of_grpc(error: grpc.aio.AioRpcError) -> Answer:
    words = f"{error.code().name}: {error.details()}"
    trailers = dict(error.trailing_metadata() or ())
    packed = trailers.get("grpc-status-details-bin")
    if packed is None:  # gRPC itself says that, since nobody at the other end did
        return (Outcome.UNKNOWN if error.code() in _RETRYABLE else Outcome.DENIED), words, 0.0
    retry = retry_delay(packed)
    if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and retry is None:
        return Outcome.DENIED, words, 0.0
    if error.code() in _RETRYABLE or error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return Outcome.REFUSED, words, retry or 0.0
    return Outcome.DENIED, words, 0.0


def retry_delay(packed: bytes) -> float | None:
    """Seconds in the RetryInfo of a serialised google.rpc.Status, None where there is none."""
    retry = error_details_pb2.RetryInfo()
    for detail in status_pb2.Status.FromString(packed).details:
        if detail.Unpack(retry):
            return float(retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9)
    return None


class Http:
    """A pool of connections, one for each sender; urllib3 on threads."""

    name = "http"

    def __init__(self, load: Load, threads: ThreadPoolExecutor) -> None:
        self._load = load
        self._threads = threads
        self._pool = urllib3.PoolManager(
            maxsize=load.senders * len(load.signals),
            retries=False,
            block=True,
            source_address=(load.source, 0) if load.source else None,
        )

    def written(self, signal: Signal, number: int) -> Body:
        """Plain protobuf, gzip or JSON, by the number."""
        plain = numbered.request(signal, self._load.run, number, self._load.items)
        if self._load.plain:
            return Body(plain)
        if signal is Signal.LOGS and number % 4 == 0:
            return Body(numbered.log_request_as_json(self._load.run, number, self._load.items), JSON)
        return Body(gzip.compress(plain, 1), coding="gzip") if number % 2 else Body(plain)

    async def send(self, signal: Signal, body: Body) -> Answer:
        """Send it once, on a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._send, signal, body)

    def _send(self, signal: Signal, body: Body) -> Answer:
        headers = {"content-type": body.content_type}
        if body.coding:
            headers["content-encoding"] = body.coding
        if self._load.token:
            headers["authorization"] = f"Bearer {self._load.token}"
        try:
            answer = self._pool.request(
                "POST", self._load.http + PATHS[signal], body=body.bytes, headers=headers, timeout=self._load.timeout
            )
        except urllib3.exceptions.HTTPError as error:
            return Outcome.UNKNOWN, f"{type(error).__name__}: {error}", 0.0
        if answer.status == 200:
            return _of_success(answer.data, body.content_type)
        words = f"HTTP {answer.status}: {answer.data[:200]!r}"
        if answer.status in _RETRYABLE_HTTP:
            return Outcome.REFUSED, words, float(answer.headers.get("retry-after", 0))
        return Outcome.DENIED, words, 0.0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.clear()
