"""A steady load in a process of its own: logs, spans and metrics over OTLP/gRPC, and questions over REST.

In: where a house is, records a second, and for how long. Out: `Loaded`: what was acknowledged and refused, and how the
questions ended. Records are made anew every few seconds, so that their times are of now; they are sent at a pace that
does not follow the house, but for `AT_ONCE` requests of a signal that wait for their answers: where the house is slower
than the load, less is sent, and the figures say so. Nothing is sent again: a refusal is counted.
Run as ``python -m bench.steady_load``; `running` starts it.
"""

import asyncio
import contextlib
import itertools
import json
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import grpc
import grpc.aio

from bench import workloads
from bench.chaos import tether
from bench.sender import METHODS
from bench.workloads import Workload
from sql.signals import Signal

REQUESTS_A_SECOND = 4
"""For each signal."""
AT_ONCE = 8
FRESH_SECONDS = 10.0
"""For which records are sent again and again before others are made."""
SHARES = {Signal.LOGS: 0.4, Signal.TRACES: 0.2, Signal.METRICS: 0.4}
"""Of the records of a second."""
POINTS = 64
"""Data points of a metric in `workloads.number_points`."""
QUESTION_SECONDS = 2.0
"""From one question to the next, at least."""
QUESTIONS = (
    "recent_logs",
    "find_traces",
    "service_overview",
    "log_patterns",
    "metric_names",
    "errors_by_service",
    "log_counts",
    "slow_traces",
)
WINDOW = "15m"
STOP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent and asked."""

    target: str
    """``host:port`` of OTLP/gRPC."""
    rest: str
    """``http://host:port``"""
    rate: float
    """Records a second, of all signals."""
    seconds: float


@dataclass(slots=True)
class Loaded:
    """What came of it."""

    acknowledged: dict[str, int] = field(default_factory=lambda: dict.fromkeys(Signal, 0))
    """Records by signal."""
    requests: int = 0
    refused: int = 0
    """Of the requests."""
    questions: int = 0
    failed_questions: int = 0
    slowest_question: float = 0.0
    """Seconds."""
    seconds: float = 0.0
    first_problem: str = ""

    def problem(self, text: str) -> None:
        """Note what went wrong, if it is the first."""
        self.first_problem = self.first_problem or text[:300]


@contextlib.contextmanager
def running(load: Load) -> Iterator[Callable[[], Loaded]]:
    """Start it; what is given waits for its end and tells what came of it. It ends with this process."""
    with tempfile.TemporaryDirectory(prefix="otelhouse-load-") as folder:
        log = Path(folder) / "log"
        words = [sys.executable, "-m", "bench.steady_load", json.dumps(asdict(load))]
        process = tether.start(words, log, pipes=True)

        def told() -> Loaded:
            out, _ = process.communicate(timeout=load.seconds + STOP_SECONDS)
            if process.returncode:
                raise RuntimeError(f"the load ended with {process.returncode}: {log.read_text()[-2000:]}")
            return Loaded(**json.loads(out))

        try:
            yield told
        finally:
            process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)


def made(signal: Signal, rate: float) -> Workload:
    """Give one request of a signal, whose records are of now."""
    items = max(1, round(rate * SHARES[signal] / REQUESTS_A_SECOND))
    if signal is Signal.LOGS:
        return workloads.flat_logs(items, requests=1)
    if signal is Signal.TRACES:
        return workloads.spans(items, requests=1)
    whole = POINTS * max(1, round(items / POINTS))
    return workloads.number_points(whole, requests=1)


async def _run(load: Load) -> Loaded:
    found, began = Loaded(), time.monotonic()
    until = began + load.seconds
    async with grpc.aio.insecure_channel(load.target, options=[("grpc.max_send_message_length", -1)]) as channel:
        senders = [_Sender(channel, signal, load.rate, found) for signal in Signal]
        await asyncio.gather(*(one.run(until) for one in senders), _ask(load.rest, until, found))
    found.seconds = time.monotonic() - began
    return found


class _Sender:
    """Sends one signal at its pace."""

    def __init__(self, channel: grpc.aio.Channel, signal: Signal, rate: float, found: Loaded) -> None:
        self._export = channel.unary_unary(METHODS[signal], request_serializer=None, response_deserializer=None)
        self._signal, self._rate, self._found = signal, rate, found
        self._places = asyncio.Semaphore(AT_ONCE)

    async def run(self, until: float) -> None:
        """Send until then, and wait for what is under way."""
        fresh_until, at = 0.0, time.monotonic()
        async with asyncio.TaskGroup() as requests:
            while (now := time.monotonic()) < until:
                if now >= fresh_until:
                    workload = await asyncio.to_thread(made, self._signal, self._rate)
                    fresh_until = now + FRESH_SECONDS
                await self._places.acquire()
                requests.create_task(self._send(workload))
                at = max(at + 1 / REQUESTS_A_SECOND, time.monotonic() - 1)
                await asyncio.sleep(max(0.0, at - time.monotonic()))

    async def _send(self, workload: Workload) -> None:
        self._found.requests += 1
        try:
            await self._export(workload.requests[0])
            self._found.acknowledged[self._signal] += workload.items_per_request
        except grpc.aio.AioRpcError as error:
            self._found.refused += 1
            self._found.problem(f"{error.code().name}: {error.details()}")
        finally:
            self._places.release()


async def _ask(rest: str, until: float, found: Loaded) -> None:
    """Ask one question after the other."""
    for name in itertools.cycle(QUESTIONS):
        began = time.monotonic()
        if began >= until:
            return
        found.questions += 1
        try:
            await asyncio.to_thread(_answer, f"{rest}/api/v1/questions/{name}?since={WINDOW}")
        except (OSError, TimeoutError) as error:
            found.failed_questions += 1
            found.problem(f"{name}: {error}")
        took = time.monotonic() - began
        found.slowest_question = max(found.slowest_question, took)
        await asyncio.sleep(max(0.0, min(QUESTION_SECONDS - took, until - time.monotonic())))


def _answer(url: str) -> None:
    with urllib.request.urlopen(url, timeout=60) as answer:
        answer.read()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(asyncio.run(_run(Load(**json.loads(sys.argv[1])))))))
