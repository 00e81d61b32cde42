"""A load generator in a process of its own, so that its CPU time is nobody else's.

In: a file of requests, an address, how many requests and how many at once. Out: one JSON line: what was acknowledged,
refused, and in how many seconds. It never retries: a refusal is counted.
Run as ``python -m bench.sender``; `send` starts it.
"""

import asyncio
import contextlib
import json
import math
import pickle
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import grpc
import grpc.aio

from bench.workloads import Workload
from sql.signals import Signal

METHODS = {
    Signal.LOGS: "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    Signal.TRACES: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    Signal.METRICS: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
}
"""Of OTLP/gRPC."""

SENDERS_PER_CONNECTION = 64
"""Small senders have a connection each or share that of their process; on one alone gRPC would refuse streams at random
while more than `ingest.grpc.max_streams_per_connection` are not yet put away."""


@dataclass(frozen=True, slots=True)
class Job:
    """What one sender does."""

    target: str
    """``host:port`` of OTLP/gRPC."""
    signal: Signal
    requests: tuple[bytes, ...]
    count: int
    """Requests to send in all; the given ones are sent in turn."""
    at_once: int
    compression: str
    """``gzip`` or ``none``."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of it."""

    acknowledged: int
    refused: int
    seconds: float
    first_refusal: str = ""
    ended_at: float = 0.0
    """When the last answer came, in seconds since 1970."""


def send(target: str, workload: Workload, *, count: int, at_once: int, compression: str) -> Sent:
    """Send `count` requests of `workload` from a process of its own and wait for it."""
    job = Job(target, workload.signal, workload.requests, count, at_once, compression)
    with tempfile.NamedTemporaryFile(suffix=".job") as file:
        file.write(pickle.dumps(job))
        file.flush()
        done = subprocess.run(
            [sys.executable, "-m", "bench.sender", file.name], check=True, capture_output=True, text=True
        )
    return Sent(**json.loads(done.stdout))


async def _run(job: Job) -> Sent:
    compression = grpc.Compression.Gzip if job.compression == "gzip" else grpc.Compression.NoCompression
    # A pool of its own, or channels to one address would share a connection.
    options = [("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
    numbers = iter(range(job.count))
    outcomes: list[str] = []
    started = time.monotonic()

    async def one_sender(channel: grpc.aio.Channel) -> None:
        export = channel.unary_unary(METHODS[job.signal], request_serializer=None, response_deserializer=None)
        for number in numbers:
            try:
                await export(job.requests[number % len(job.requests)], compression=compression)
            except grpc.aio.AioRpcError as error:
                outcomes.append(f"{error.code().name}: {error.details()}")

    async with contextlib.AsyncExitStack() as open_channels:
        channels = [
            await open_channels.enter_async_context(grpc.aio.insecure_channel(job.target, options=options))
            for _ in range(math.ceil(job.at_once / SENDERS_PER_CONNECTION))
        ]
        await asyncio.gather(*(one_sender(channels[number % len(channels)]) for number in range(job.at_once)))
        seconds, ended_at = time.monotonic() - started, time.time()
    return Sent(job.count - len(outcomes), len(outcomes), seconds, outcomes[0] if outcomes else "", ended_at)


if __name__ == "__main__":
    # The file was written by `send`, a moment ago, by this very program.
    loaded = pickle.loads(Path(sys.argv[1]).read_bytes())  # noqa: S301
    sys.stdout.write(json.dumps(asdict(asyncio.run(_run(loaded)))))
