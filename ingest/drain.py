"""What waits in the spool goes to ClickHouse, oldest first, and is forgotten once ClickHouse holds it.

In: the units that `ingest.spooling` offers. Out: INSERTs, each under the token that its unit was written with, on
every attempt, across restarts as well. What can never be stored becomes dead letters; a batch that fails for another
reason is kept and tried again, for as long as it takes.

While ClickHouse takes a kind, `at_once` workers drain it; while it does not, one tries with the oldest unit, after 0.1
seconds, then after twice as long each time, up to 5 seconds. A unit that ClickHouse refuses, for whatever reason, lets
the others go before it, for up to a minute. Is the reason neither its rows' nor passing (a table that somebody
changed), and ClickHouse took others since, then it is in its rows after all, and they are taken apart to the last item.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass

from ingest import inserting, wire
from ingest.counters import Counters
from ingest.errors import BusyError
from ingest.insertion import Insertion
from ingest.memory import Budget, Lease
from ingest.outlook import Outlooks
from ingest.spool.entry import Part
from ingest.spool.errors import SpoolBrokenError
from ingest.spooling import Spooling
from ingest.units import Unit
from sql import own_rows
from sql.signals import Signal
from store.errors import BadDataError, NotReachableError, PermanentError, StoreError

_log = logging.getLogger(__name__)

KINDS = (*(signal.value for signal in Signal), own_rows.DEAD_LETTERS, own_rows.AUDIT)


@dataclass(frozen=True, slots=True)
class DrainLimits:
    """How eagerly the spool is emptied."""

    at_once: int = 2
    """Units of one kind on their way at once."""
    first_pause: float = 0.1
    """Seconds after the first failure; each next pause is twice as long, up to `longest_pause`."""
    longest_pause: float = 5.0
    longest_wait: float = 60.0
    """Seconds that a unit which ClickHouse refuses lets the others go before it, at most."""
    memory_share: float = 1 / 3
    """Of the memory, for what is being drained; a unit alone may take more."""


class Drain:
    """Empties the spool between `start` and `close`, on one event loop."""

    def __init__(
        self,
        spooling: Spooling,
        insertion: Insertion,
        outlooks: Outlooks,
        budget: Budget,
        counters: Counters,
        limits: DrainLimits,
    ) -> None:
        self._spooling = spooling
        self._insertion = insertion
        self._outlooks = outlooks
        self._budget = budget
        self._counters = counters
        self._limits = limits
        self._hurry = asyncio.Event()
        self._held = 0
        self._freed = asyncio.Event()
        self._going = asyncio.Event()
        self._going.set()
        self._workers: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin, unless paused."""
        for kind in KINDS:
            for rank in range(self._limits.at_once):
                worker = asyncio.create_task(self._work(kind, rank), name=f"drain-{kind}-{rank}")
                self._workers.append(worker)

    def pause(self) -> None:
        """Take nothing more from the spool until `go_on`."""
        self._going.clear()

    def go_on(self) -> None:
        """Empty the spool."""
        self._going.set()
        self.hurry()

    def hurry(self) -> None:
        """Somebody says that ClickHouse is there again: no pause lasts longer than now."""
        self._hurry.set()
        self._hurry = asyncio.Event()

    async def close(self) -> None:
        """End at once; what is on its way stays in the spool, and its token tells ClickHouse the next time."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)

    async def _work(self, kind: str, rank: int) -> None:
        """One worker; only the first goes on while ClickHouse does not take this kind."""
        pause = 0.0
        outlook = self._outlooks[kind]
        while True:
            unit = await self._next(kind)
            if rank and not outlook.good:
                self._spooling.offer(unit)
                await self._rest(self._limits.longest_pause)
                continue
            try:
                await self._drain(unit)
            # Busy: its dead letters found no room. Broken: the disk does not give it back, for now.
            except (StoreError, BusyError, SpoolBrokenError) as error:
                self._put_back(unit, error)
            except Exception:  # noqa: BLE001 - a worker must outlive whatever one unit does to it
                _log.exception("unit %d of %s broke the drain", unit.entries[0].number, kind)
                self._put_back(unit, None)
            else:
                pause = 0.0
                if outlook.turned_good():
                    _log.info("ClickHouse takes %s again; %d batches wait", kind, self._spooling.queue(kind).waiting)
                continue
            pause = min(max(2 * pause, self._limits.first_pause), self._limits.longest_pause)
            await self._rest(pause)

    async def _next(self, kind: str) -> Unit:
        """Wait for a unit that may be tried."""
        queue = self._spooling.queue(kind)
        loop = asyncio.get_running_loop()
        while True:
            await self._going.wait()
            queue.offered.clear()
            if (unit := queue.take(loop.time())) is not None:
                return unit
            due = queue.next_try()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await queue.offered.wait()

    async def _rest(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._hurry.wait()

    async def _drain(self, unit: Unit) -> None:
        """Store one unit, and forget it."""
        await self._room_for(unit.size)
        lease = Lease(self._budget, 0)
        lease.resize(unit.size)
        self._held += unit.size
        try:
            await self._store(unit, await self._spooling.read(unit))
        finally:
            self._held -= unit.size
            self._freed.set()
            lease.release()
        self._counters.drained(unit.kind, unit.items)
        await self._spooling.forget(unit)

    async def _room_for(self, size: int) -> None:
        """Wait while others of the drain hold so much that what comes in would find no memory."""
        most = self._limits.memory_share * self._budget.limit
        while self._held and self._held + size > most:
            self._freed.clear()
            await self._freed.wait()

    async def _store(self, unit: Unit, parts: Iterable[Part]) -> None:
        signal = inserting.SIGNALS.get(unit.kind)
        if signal is None:
            chunks = [chunk for part in parts for chunk in part.chunks]
            await self._insertion.inserter.insert(unit.kind, chunks, unit.token)
            return
        kept = [part for part in parts if part.items]
        if not kept:
            return
        parcels = [wire.Parcel(signal, part.chunks, sum(map(len, part.chunks)), part.items) for part in kept]
        others_pass = unit.refused > 0 and self._spooling.queue(unit.kind).stored > unit.stored_then
        outcomes = await self._insertion.isolation.store(parcels, unit.token, others_pass=others_pass)
        found = [(part.sender, outcome.offences) for part, outcome in zip(kept, outcomes, strict=True)]
        await self._insertion.burial.bury(signal, unit.token, found)
        self._counters.stored(signal, sum(outcome.parcel.items for outcome in outcomes))
        self._counters.rejected(signal, sum(outcome.parcel.rejected for outcome in outcomes))

    def _put_back(self, unit: Unit, error: Exception | None) -> None:
        kind = unit.kind
        if error is None or isinstance(error, PermanentError | BadDataError):
            unit.refused += 1
            unit.stored_then = self._spooling.queue(kind).stored
        if not isinstance(error, NotReachableError):
            # ClickHouse, or the spool, answered about this unit: the others may have more luck.
            unit.failures += 1
            pause = min(self._limits.first_pause * 2**unit.failures, self._limits.longest_wait)
            unit.not_before = asyncio.get_running_loop().time() + pause
        if self._outlooks[kind].turned_bad(str(error or "a mistake of ours, see the log")):
            _log.warning("%s wait in the spool until ClickHouse takes them: %s", kind, error)
        self._spooling.offer(unit)
