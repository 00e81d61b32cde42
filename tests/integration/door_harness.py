"""A door on an event loop of its own, with something at the seam that remembers what came through.

The tests stand outside, as senders do: they block, while the door runs on its own thread.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvloop
from prometheus_client import CollectorRegistry

from identity.sender import Sender
from ingest.admission import Admission, Admit, anybody
from ingest.counters import Counters
from ingest.grpc_door import GrpcDoor
from ingest.http_door import HttpDoor
from ingest.intake import Accepted, Encoding
from ingest.memory import Budget
from ingest.settings import IngestSettings
from sql.signals import Signal

PATIENCE = 10.0
"""Seconds after which waiting has failed."""

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Received:
    """What came through the seam."""

    signal: Signal
    body: bytes
    encoding: Encoding
    sender: Sender


class RecordingIntake:
    """Remembers requests; answers with `answer`, an `Accepted` or an exception, once `release` lets it."""

    def __init__(self) -> None:
        self.requests: queue.Queue[Received] = queue.Queue()
        self.answer: Accepted | Exception = Accepted()
        self.released = threading.Event()
        self.released.set()
        self.cancelled = threading.Event()

    async def accept(self, signal: Signal, body: bytes, encoding: Encoding, sender: Sender) -> Accepted:
        self.requests.put(Received(signal, body, encoding, sender))
        if not self.released.is_set():
            await self._wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def _wait(self) -> None:
        try:
            while not self.released.is_set():  # noqa: ASYNC110 - set from the test's own thread
                await asyncio.sleep(0.002)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    def forget(self) -> None:
        """Be as new."""
        self.requests = queue.Queue()
        self.answer = Accepted()
        self.released.set()
        self.cancelled.clear()

    def next(self) -> Received:
        """Wait for the next request."""
        return self.requests.get(timeout=PATIENCE)


class WatchedCounters(Counters):
    """The house's own counters, which also tell a waiting test."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.refusals: queue.Queue[tuple[str, str, str]] = queue.Queue()
        super().__init__(self.registry)

    def refused(self, signal: Signal, transport: str, reason: str) -> None:
        super().refused(signal, transport, reason)
        self.refusals.put((signal.value, transport, reason))

    def next_refusal(self) -> tuple[str, str, str]:
        """Wait for the next refusal: signal, transport, reason."""
        return self.refusals.get(timeout=PATIENCE)


@dataclass
class Opened:
    """A door that listens on `port`."""

    port: int
    door: GrpcDoor | HttpDoor
    loop: asyncio.AbstractEventLoop
    intake: RecordingIntake
    budget: Budget
    counters: WatchedCounters = field(default_factory=WatchedCounters)

    def forget(self) -> None:
        """Be as new, but for the budget's peak."""
        self.intake.forget()
        self.counters.refusals = queue.Queue()

    def stop(self, grace: float) -> Callable[[], None]:
        """Begin to stop; the result waits for the end."""
        stopping = asyncio.run_coroutine_threadsafe(self.door.stop(grace), self.loop)
        return lambda: stopping.result(PATIENCE + grace)


@contextmanager
def opened(kind: type[GrpcDoor] | type[HttpDoor], settings: IngestSettings, admit: Admit = anybody) -> Iterator[Opened]:
    """Start a door that lets in whom `admit` lets in, and stop it at the end."""
    loop = uvloop.new_event_loop()  # as in the real house
    thread = threading.Thread(target=loop.run_forever, name="door")
    thread.start()
    intake, budget, counters = (
        RecordingIntake(),
        Budget(settings.memory_bytes, share=settings.sender_share),
        WatchedCounters(),
    )
    try:
        door = kind(settings, intake, budget, counters, admission=Admission(admit))
        port = asyncio.run_coroutine_threadsafe(door.start(), loop).result(PATIENCE)
        house = Opened(port, door, loop, intake, budget, counters)
        try:
            yield house
        finally:
            intake.released.set()
            house.stop(1.0)()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE)
        loop.close()
