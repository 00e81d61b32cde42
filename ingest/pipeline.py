"""What lies between the OTLP doors and ClickHouse.

In: one whole, decompressed Export request. Out: `Accepted` once ClickHouse or the spool holds its rows, or one of
`ingest.errors`. Refuses what cannot be read (`MalformedError`), what does not fit into memory (`BusyError`,
`TooLargeError`), what comes after `close` began (`BusyError`).

    accept -> Budget -> read (JSON becomes protobuf, protobuf is checked) -> Gatherer -> Ways -> Delivery -> Store
                                                                                          |                  ^
                                                                                          +-> Spooling -> Drain

All state belongs to one event loop. Reading protobuf happens on it, in C, some 3 ms a mebibyte. What is Python per
record runs on threads: JSON, the text of nested values (both at once where they are small), the search for what
ClickHouse refuses; and so does the INSERT itself. A sender that goes away takes nothing from the others of its batch:
its rows may still be stored.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from identity.sender import Sender
from ingest import wire
from ingest.batch import Batch, BatchLimits, Entry, Gatherer
from ingest.counters import Counters
from ingest.crowding import Crowding
from ingest.delivery import BUSY_PAUSE, Delivery, RetryLimits
from ingest.drain import Drain, DrainLimits
from ingest.enriching import Enricher
from ingest.errors import BusyError
from ingest.insertion import Insertion
from ingest.intake import Accepted, Encoding
from ingest.memory import Budget
from ingest.outlook import Outlooks
from ingest.reading import Reader
from ingest.resends import Resends, key_of
from ingest.settings import SpoolMode
from ingest.shares import DEFAULT_SHARE
from ingest.spool.entry import Part
from ingest.spool.folder import Spool
from ingest.spooling import Spooling
from ingest.units import UnitLimits
from ingest.ways import SPOOL_PLACES, Rules, Way, Ways
from sql.signals import Signal
from sql.time_bounds import Bounds
from store.errors import StoreError
from store.port import Store

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PipelineLimits:
    """The bounds of the pipeline."""

    memory_bytes: int
    """What all requests together may hold, reading included."""
    batch: BatchLimits
    in_flight: int
    """Batches on their way to ClickHouse at once; each has a thread."""
    retry: RetryLimits = field(default_factory=RetryLimits)
    drain: DrainLimits = field(default_factory=DrainLimits)
    mode: SpoolMode = SpoolMode.WHEN_NEEDED
    """When the spool is used, if there is one."""
    sender_share: float = DEFAULT_SHARE
    """Of the memory, for one sender while others are active."""
    close_within: float = 30.0
    """Seconds that a shutdown waits for inserts before the senders are told to come back."""


HELD_BACK_PAUSE = 5.0
"""Seconds a sender waits while somebody has to mend ClickHouse's views, and there is no spool."""
KEY_ON_LOOP = 64 * 1024
"""Bytes of a body whose digest is made on the event loop, where requests are remembered."""


class Pipeline:
    """Implements `ingest.intake.Intake`. Made and used on one running event loop."""

    def __init__(
        self,
        store: Store,
        counters: Counters,
        limits: PipelineLimits,
        bounds: Bounds,
        spool: Spool | None = None,
        resends: Resends | None = None,
    ) -> None:
        """`spool` and `resends` are closed with the pipeline."""
        self.budget = Budget(limits.memory_bytes, watch=counters.memory, share=limits.sender_share)
        self.outlooks = Outlooks()
        self.spooling = None if spool is None else Spooling(spool, counters, _unit_limits(limits.batch))
        self._resends = resends
        self._counters = counters
        self._limits = limits
        self._gatherer = Gatherer(limits.batch)
        self._insert = Insertion(store, counters, bounds, self.spooling, limits.in_flight)
        self._drain = self._make_drain(store, bounds)
        self._crowding = Crowding(limits.memory_bytes)
        self._ways = self._make_ways()
        self._reader = Reader(self.budget, counters)
        self._timer: asyncio.TimerHandle | None = None
        self._closing = False
        self._closed = asyncio.Event()

    def enrich_with(self, enricher: Enricher) -> None:
        """Find out more about what comes in from now on."""
        self._reader.enricher = enricher

    def start(self) -> None:
        """Begin to empty the spool. What comes in is taken without it as well."""
        if self._drain is not None:
            self._drain.start()

    def hold_back(self, reason: str) -> None:
        """Let everything go to the spool and stay there until `let_go`: rows would get lost in ClickHouse."""
        for signal in Signal:
            self.outlooks[signal].turned_bad(reason)
        self._ways.hold_back(reason)
        if self._drain is not None:
            self._drain.pause()

    def let_go(self) -> None:
        """ClickHouse and its tables are there: empty the spool, and insert what comes."""
        for outlook in self.outlooks.values():
            outlook.turned_good()
        self._ways.hold_back("")
        if self._drain is not None:
            self._drain.go_on()
        self._pump()

    def hurry_drain(self) -> None:
        """Try again now what waits in the spool, what still gathers there as well."""
        if self._drain is not None and self.spooling is not None:
            self.spooling.close_units()
            self._drain.hurry()

    async def accept(self, signal: Signal, body: bytes, encoding: Encoding, sender: Sender) -> Accepted:
        """Store one Export request; see `Intake.accept`."""
        self._refuse_if_closing()
        if self.spooling is None and self._ways.held_back:
            raise BusyError(f"rows would get lost: {self._ways.held_back}", retry_after=HELD_BACK_PAUSE)
        if self._resends is None:
            waiting = self._take(signal, body, encoding, sender)
        else:
            key = await self._key_of(sender.key, signal, body)
            waiting = self._resends.once(key, partial(self._take, signal, body, encoding, sender, key))
        del body  # whoever reads it lets go of it
        return await waiting

    async def _key_of(self, sender_key: str, signal: Signal, body: bytes) -> bytes:
        if len(body) <= KEY_ON_LOOP:
            return key_of(sender_key, signal, body)
        held = self.budget.reserve(len(body), sender_key)
        try:
            return await asyncio.to_thread(key_of, sender_key, signal, body)
        finally:
            held.release()

    async def _take(
        self, signal: Signal, body: bytes, encoding: Encoding, sender: Sender, key: bytes = b""
    ) -> Accepted:
        reading = self._reader.read(signal, body, encoding, sender)
        del body  # it ends with the reading: the doors keep none
        parcel = await reading
        if parcel.rejected:
            _log.info("%d %s items of %s rejected: %s", parcel.rejected, signal, sender.key, parcel.message)
        if parcel.offences:
            # Before anything of the request is stored, so that it may come again where they find no place.
            await self._bury(parcel, sender)
        accepted = Accepted(parcel.rejected, parcel.message)
        if parcel.items:
            accepted = await self._enqueue(parcel, sender, key)
        self._counters.rejected(signal, accepted.rejected)
        return accepted

    async def _bury(self, parcel: wire.Parcel, sender: Sender) -> None:
        """Keep what was taken out of a request; where that is not possible now, the whole request comes again."""
        try:
            await self._insert.burial.bury(parcel.signal, parcel.key.hex(), [(sender.key, parcel.offences)])
        except StoreError as error:
            raise BusyError(f"dead letters cannot be kept now: {error}", retry_after=BUSY_PAUSE) from error

    async def keep_rows(self, kind: str, token: str, chunks: Sequence[bytes], rows: int) -> None:
        """Store rows of the house's own (`sql.own_rows`): by way of the spool, or without one in ClickHouse itself.

        Raises `BusyError`, or without a spool a `StoreError`.
        """
        if self.spooling is None:
            await self._insert.inserter.insert(kind, chunks, token)
        else:
            self.spooling.offer(await self.spooling.keep(kind, token, [Part(tuple(chunks), rows)]))

    async def close(self) -> None:
        """Refuse new requests, store what is held, wait for it (bounded), let the threads go. Safe twice."""
        if self._closing:
            await self._closed.wait()
            return
        self._closing = True
        self._pump()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._limits.close_within
        while self._ways.tasks and loop.time() < deadline:
            await asyncio.wait(self._ways.tasks, timeout=deadline - loop.time(), return_when=asyncio.FIRST_COMPLETED)
        await self._give_up()
        if self._drain is not None:
            await self._drain.close()
            self._draining.close()
        self._insert.close()
        if self._resends is not None:
            await self._resends.close()
        if self.spooling is not None:
            await self.spooling.close()
        self._reader.close()
        self._closed.set()

    def _make_drain(self, store: Store, bounds: Bounds) -> Drain | None:
        if self.spooling is None:
            return None
        limits = self._limits.drain
        # Threads of its own: an INSERT that hangs holds up neither the drain nor, from there, what comes in.
        self._draining = Insertion(store, self._counters, bounds, self.spooling, 3 * limits.at_once)
        return Drain(self.spooling, self._draining, self.outlooks, self.budget, self._counters, limits)

    def _make_ways(self) -> Ways:
        delivery = Delivery(self._insert, self.spooling, self.outlooks, self.budget, self._counters, self._limits.retry)
        direct = Way(self._limits.in_flight, delivery.deliver)
        spool = Way(SPOOL_PLACES, delivery.spool)
        rules = Rules(self._limits.mode, self._limits.retry.patience)
        return Ways(direct, self.spooling, spool, self.outlooks, self._crowding, rules)

    async def _enqueue(self, parcel: wire.Parcel, sender: Sender, key: bytes) -> Accepted:
        self._refuse_if_closing()
        loop = asyncio.get_running_loop()
        lease = self.budget.reserve(0, sender.key)
        lease.resize(parcel.size)
        entry = Entry(parcel, lease, loop.create_future(), sender.key, key)
        now = loop.time()
        crowd = self._crowding.is_crowd(sender.key, self.budget.held_by(sender.key), now)
        self._gatherer.add(entry, now, crowd=crowd)
        self._pump()
        return await entry.answer

    def _refuse_if_closing(self) -> None:
        if self._closing:
            raise _shutting_down()

    def _pump(self) -> None:
        """Start every batch that is due and has a way to go, and come back when the next one is due."""
        now = asyncio.get_running_loop().time()
        while (batch := self._next(now)) is not None:
            way = self._ways.free_for(batch, now)
            if way is None:
                raise AssertionError("a batch was taken that has no way to go")
            self._start(batch, way)
        self._arm(now)

    def _next(self, now: float) -> Batch | None:
        def may_start(batch: Batch) -> bool:
            return self._ways.free_for(batch, now) is not None

        if self._closing:
            return self._gatherer.take_any(may_start)
        return self._gatherer.take(now, self._ways.busy, may_start)

    def _start(self, batch: Batch, way: Way) -> None:
        def ended(task: asyncio.Task[None]) -> None:
            self._counters.inserts_running(len(self._ways.direct.tasks))
            if task.cancelled():  # perhaps before its first step, so that nobody in it was told anything
                for entry in batch.entries:
                    entry.settle(_shutting_down())
            self._pump()

        self._ways.start(batch, way, ended)
        self._counters.inserts_running(len(self._ways.direct.tasks))

    def _arm(self, now: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        look = self._gatherer.next_look(now, self._ways.busy, self._ways.overflow_after)
        if look is not None:
            self._timer = asyncio.get_running_loop().call_at(look, self._pump)

    async def _give_up(self) -> None:
        """Tell all who still wait to come back: time is up."""
        while (batch := self._gatherer.take_any()) is not None:
            for entry in batch.entries:
                entry.settle(_shutting_down())
        for task in self._ways.tasks:
            task.cancel()
        if tasks := self._ways.tasks:
            await asyncio.wait(tasks)


def _unit_limits(batch: BatchLimits) -> UnitLimits:
    """What the drain inserts at once is as large as what would have gone to ClickHouse at once."""
    return UnitLimits(batch.max_bytes, batch.max_items, batch.max_age)


def _shutting_down() -> BusyError:
    return BusyError("the house is shutting down: send the same again", retry_after=1.0)
