"""What lies between the OTLP doors and ClickHouse.

In: one whole, decompressed Export request. Out: `Accepted` once ClickHouse holds its rows, or one of
`ingest.errors`. Refuses what cannot be read (`MalformedError`), what does not fit into memory (`BusyError`,
`TooLargeError`), what comes after `close` began (`BusyError`).

    accept -> Budget -> read (JSON becomes protobuf, protobuf is checked) -> Gatherer -> Delivery -> Store

All state belongs to one event loop. Reading protobuf happens on it, at about a gigabyte a second in C; only
JSON, `mend` and the INSERT itself run on threads. A sender that goes away takes nothing from the others of
its batch: its rows may still be stored.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from ingest import otlp_json, wire
from ingest.batch import Batch, BatchLimits, Entry, Gatherer
from ingest.counters import Counters
from ingest.delivery import Delivery, RetryLimits
from ingest.errors import BusyError
from ingest.intake import Accepted, Encoding
from ingest.memory import Budget, Lease
from sql.signals import Signal
from store.port import Store

_log = logging.getLogger(__name__)

PROTOBUF_COST = 6
"""Bytes held for a moment per byte of protobuf: the body, its parsed form, what goes out. Measured as growth of the
process: 6.5 for flat logs of 270 bytes, less for longer ones; 13 to 17 for nothing but tiny or nested attributes."""
JSON_COST = 16
"""The same for JSON: the body, its text, Python's objects for it, the messages made of them. Measured: 14.5."""
JSON_ON_LOOP = 16 * 1024
"""Bytes of JSON that are read at once on the event loop; more would hold up everybody else."""


@dataclass(frozen=True, slots=True)
class PipelineLimits:
    """The bounds of the pipeline."""

    memory_bytes: int
    """What all requests together may hold, reading included."""
    batch: BatchLimits
    in_flight: int
    """Batches on their way to ClickHouse at once; each has a thread."""
    retry: RetryLimits = field(default_factory=RetryLimits)
    close_within: float = 30.0
    """Seconds that a shutdown waits for inserts before the senders are told to come back."""


class Pipeline:
    """Implements `ingest.intake.Intake`. Made and used on one running event loop."""

    def __init__(self, store: Store, counters: Counters, limits: PipelineLimits) -> None:
        self.budget = Budget(limits.memory_bytes, watch=counters.memory)
        self._counters = counters
        self._limits = limits
        self._gatherer = Gatherer(limits.batch)
        self._delivery = Delivery(store, counters, limits.retry, limits.in_flight)
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="otelhouse-json")
        self._running: Counter[Signal] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._closing = False
        self._closed = asyncio.Event()

    async def accept(self, signal: Signal, body: bytes, encoding: Encoding, sender: str) -> Accepted:
        """Store one Export request; see `Intake.accept`."""
        self._refuse_if_closing()
        cost = PROTOBUF_COST if encoding is Encoding.PROTOBUF else JSON_COST
        held = self.budget.reserve(cost * len(body))
        try:
            parcel = await self._read(signal, body, encoding)
            # The caller holds the body until the answer; the chunks live as long as their batch.
            held.resize(len(body))
            if parcel.rejected:
                _log.info("%d %s items of %s rejected: %s", parcel.rejected, signal, sender, parcel.message)
            if not parcel.items:
                accepted = Accepted(parcel.rejected, parcel.message)
            else:
                accepted = await self._enqueue(parcel)
        finally:
            held.release()
        self._counters.rejected(signal, accepted.rejected)
        return accepted

    async def close(self) -> None:
        """Refuse new requests, insert what is held, wait for it (bounded), let the threads go. Safe twice."""
        if self._closing:
            await self._closed.wait()
            return
        self._closing = True
        self._pump()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._limits.close_within
        while self._tasks and loop.time() < deadline:
            await asyncio.wait(self._tasks, timeout=deadline - loop.time(), return_when=asyncio.FIRST_COMPLETED)
        await self._give_up()
        self._delivery.close()
        self._reader.shutdown(wait=False)
        self._closed.set()

    async def _read(self, signal: Signal, body: bytes, encoding: Encoding) -> wire.Parcel:
        if encoding is Encoding.PROTOBUF:
            return wire.read(signal, body)
        if len(body) <= JSON_ON_LOOP:
            return wire.read(signal, otlp_json.read(signal, body))
        loop = asyncio.get_running_loop()
        return wire.read(signal, await loop.run_in_executor(self._reader, otlp_json.read, signal, body))

    async def _enqueue(self, parcel: wire.Parcel) -> Accepted:
        self._refuse_if_closing()
        loop = asyncio.get_running_loop()
        lease = Lease(self.budget, 0)
        lease.resize(parcel.size)
        entry = Entry(parcel, lease, loop.create_future())
        self._gatherer.add(entry, loop.time())
        self._pump()
        return await entry.answer

    def _refuse_if_closing(self) -> None:
        if self._closing:
            raise _shutting_down()

    def _pump(self) -> None:
        """Start every insert that is due and has a slot, and come back when the next one is due."""
        now = asyncio.get_running_loop().time()
        while len(self._tasks) < self._limits.in_flight:
            batch = self._gatherer.take_any() if self._closing else self._gatherer.take(now, +self._running)
            if batch is None:
                break
            self._start(batch)
        self._arm()

    def _start(self, batch: Batch) -> None:
        self._running[batch.signal] += 1
        task = asyncio.get_running_loop().create_task(self._delivery.deliver(batch))
        self._tasks.add(task)
        self._counters.inserts_running(len(self._tasks))

        def ended(task: asyncio.Task[None]) -> None:
            self._running[batch.signal] -= 1
            self._tasks.discard(task)
            self._counters.inserts_running(len(self._tasks))
            if task.cancelled():  # perhaps before its first step, so that nobody in it was told anything
                for entry in batch.entries:
                    entry.settle(_shutting_down())
            self._pump()

        task.add_done_callback(ended)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self._gatherer.next_due(+self._running)
        if due is not None and len(self._tasks) < self._limits.in_flight:
            self._timer = asyncio.get_running_loop().call_at(due, self._pump)

    async def _give_up(self) -> None:
        """Tell all who still wait to come back: time is up."""
        while (batch := self._gatherer.take_any()) is not None:
            for entry in batch.entries:
                entry.settle(_shutting_down())
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)


def _shutting_down() -> BusyError:
    return BusyError("the house is shutting down: send the same again", retry_after=1.0)
