"""What lies between the OTLP doors and ClickHouse.

In: one whole, decompressed Export request. Out: `Accepted` once ClickHouse holds its rows, or one of
`ingest.errors`. Refuses what cannot be read (`MalformedError`), what does not fit into memory (`BusyError`,
`TooLargeError`), what comes after `close` began (`BusyError`).

    accept -> Budget -> read (JSON becomes protobuf, protobuf is checked) -> Gatherer -> Delivery -> Store

All state belongs to one event loop. Reading protobuf happens on it, in C, some 3 ms a mebibyte. What is Python per
record runs on threads: JSON, the text of nested values (both at once where they are small), `mend`; and so does the
INSERT itself. A sender that goes away takes nothing from the others of its batch: its rows may still be stored.

Memory: a request is read only when what reading usually takes is free. One that needs more than the whole budget is
not refused for that, or a size that the doors allow would never get in: it needs the whole budget free, so it is read
while nothing else is held, and takes for that moment what it takes.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

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

R = TypeVar("R")

PROTOBUF_COST = 6
"""Bytes held for a moment per byte of protobuf: the body, its parsed form, what goes out. Measured as growth of the
process: 6.3 for flat logs of 270 bytes, less for longer ones. Only one request at a time is read like this, so what
tells little costs little: 33 for nothing but empty attributes, 71 for nothing but empty records."""
NESTED_COST = 26
"""The same where values are arrays or maps, which have a parsed form of their own. Measured: 10 for Kubernetes events,
21 for arrays of one number, 26 for empty arrays. `nested.TEXT_COST` comes on top for values over 64 KiB."""
JSON_COST = 16
"""The same for JSON: the body, its text, Python's objects for it, the messages made of them. Measured: 14.5."""
JSON_ON_LOOP = 16 * 1024
"""Bytes of JSON that are read at once on the event loop; more would hold up everybody else."""
NESTED_ON_LOOP = 64 * 1024
"""The same for protobuf whose nested values become text: 5 ms for Kubernetes events, 40 ms for empty arrays."""


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
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="otelhouse-read")
        self._running: Counter[Signal] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._closing = False
        self._closed = asyncio.Event()

    async def accept(self, signal: Signal, body: bytes, encoding: Encoding, sender: str) -> Accepted:
        """Store one Export request; see `Intake.accept`."""
        self._refuse_if_closing()
        cost = PROTOBUF_COST if encoding is Encoding.PROTOBUF else JSON_COST
        held = self.budget.reserve(max(len(body), self._capped(cost * len(body))))
        try:
            parcel = await self._read(signal, body, encoding, held)
        finally:
            # The body ends here: the doors keep none, and the chunks are counted as long as their batch lives.
            del body
            held.release()
        if parcel.rejected:
            _log.info("%d %s items of %s rejected: %s", parcel.rejected, signal, sender, parcel.message)
        accepted = await self._enqueue(parcel) if parcel.items else Accepted(parcel.rejected, parcel.message)
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

    async def _read(self, signal: Signal, body: bytes, encoding: Encoding, held: Lease) -> wire.Parcel:
        if encoding is Encoding.JSON:
            read = partial(otlp_json.read, signal, body)
            body = read() if len(body) <= JSON_ON_LOOP else await self._on_thread(read)
        request = wire.parse(signal, body)
        parcel = wire.pack(request)
        if parcel is not None:
            return parcel
        need = NESTED_COST * request.size
        held.grow(self._capped(need))

        def hold(size: int) -> None:
            # One value that alone is too much is refused for good; beside other requests it is a matter of waiting.
            held.grow(max(size, self._capped(need + size)))

        flatten = partial(wire.flatten, request, hold)
        return flatten() if request.size <= NESTED_ON_LOOP else await self._on_thread(flatten)

    async def _on_thread(self, read: Callable[[], R]) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._reader, read)

    def _capped(self, size: int) -> int:
        return min(size, self.budget.limit)

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
