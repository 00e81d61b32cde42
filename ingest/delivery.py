"""A batch goes to ClickHouse, and its senders hear how it ended.

In: a `Batch`. Out: every entry of it is settled, whatever happens. Senders hear one of these:
- stored, which with a spool means: by ClickHouse, or on disk after an fsync, for the drain to insert;
- stored but for items that can never be: partial success, the items are dead letters;
- come back: neither ClickHouse nor the spool can take it now.

An INSERT that fails for another reason than its rows, or has no answer within `patience`, goes to the spool under the
token that it was sent with. So it does not matter whether ClickHouse holds it already: the drain sends the same bytes
under the same token, and ClickHouse drops what it knows. While such an INSERT still runs, the drain leaves its entry
alone; when it ends well, the entry is forgotten.

Without a spool a failing INSERT is tried again for `retry_for` seconds, then its senders keep their data.
"""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from ingest.batch import Batch, Entry
from ingest.counters import Counters
from ingest.errors import BusyError, IngestError
from ingest.insertion import Insertion
from ingest.intake import Accepted
from ingest.isolation import Outcome
from ingest.memory import Budget, Lease
from ingest.outlook import Outlooks
from ingest.spool.entry import Part
from ingest.spooling import Spooling
from ingest.units import Unit
from store.errors import RetryableError, StoreError

_log = logging.getLogger(__name__)

LOG_INTERVAL = 60.0
"""Seconds between two log lines about the same trouble."""
BUSY_PAUSE = 2.0
"""Seconds a sender waits when ClickHouse was not to be had for `retry_for`."""
BROKEN_PAUSE = 5.0
"""Seconds a sender waits when somebody has to mend the setup first."""


@dataclass(frozen=True, slots=True)
class RetryLimits:
    """How long a sender is kept waiting."""

    retry_for: float = 10.0
    """Without a spool: seconds from the first attempt to the last."""
    first_pause: float = 0.1
    """Seconds before the second attempt; each next pause is twice as long, up to `longest_pause`."""
    longest_pause: float = 2.0
    patience: float = 3.0
    """With a spool: seconds until a batch without an answer goes there."""


class Delivery:
    """Delivers batches on one event loop; `spooling` is None where there is no spool."""

    def __init__(
        self,
        insertion: Insertion,
        spooling: Spooling | None,
        outlooks: Outlooks,
        budget: Budget,
        counters: Counters,
        limits: RetryLimits,
    ) -> None:
        self._insertion = insertion
        self._spooling = spooling
        self._outlooks = outlooks
        self._budget = budget
        self._counters = counters
        self._limits = limits
        self._last_complaint = float("-inf")

    async def deliver(self, batch: Batch) -> None:
        """Insert the batch, or keep it on disk, and settle all its entries. Raises nothing but a cancellation."""
        self._counters.batch(batch.signal, batch.items, batch.size)
        outcome: IngestError = BusyError("the house is shutting down: send the same again", retry_after=1.0)
        try:
            if self._spooling is None:
                await self._insert_with_retries(batch)
            else:
                await self._insert_or_spool(batch, self._spooling)
        except IngestError as error:
            outcome = error
        except Exception:  # noqa: BLE001 - a request ends here, and its senders must hear something
            _log.exception("a batch of %s broke while it was inserted", batch.signal)
            outcome = BusyError("ingest made a mistake of its own: send the same again", retry_after=BROKEN_PAUSE)
        finally:
            _settle(batch.entries, outcome)

    async def spool(self, batch: Batch) -> None:
        """Keep the batch on disk for the drain and settle all its entries. Raises nothing but a cancellation."""
        self._counters.batch(batch.signal, batch.items, batch.size)
        outcome: IngestError = BusyError("the house is shutting down: send the same again", retry_after=1.0)
        try:
            if self._spooling is not None:
                await self._spooling.gather(batch.signal, _parts(batch))
                _settle_kept(batch)
        except IngestError as error:
            outcome = error
        except Exception:  # noqa: BLE001 - a request ends here, and its senders must hear something
            _log.exception("a batch of %s broke while it was spooled", batch.signal)
            outcome = BusyError("ingest made a mistake of its own: send the same again", retry_after=BROKEN_PAUSE)
        finally:
            _settle(batch.entries, outcome)

    async def _insert_with_retries(self, batch: Batch) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._limits.retry_for
        pause = self._limits.first_pause
        while True:
            try:
                self._settle_stored(batch, await self._store(batch))
            except RetryableError as error:
                if loop.time() + pause > deadline:
                    message = f"ClickHouse cannot take it now: {error}"
                    raise BusyError(message, retry_after=BUSY_PAUSE) from error
            except StoreError as error:
                raise self._complain(error) from error
            else:
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, self._limits.longest_pause)

    async def _insert_or_spool(self, batch: Batch, spooling: Spooling) -> None:
        work = asyncio.create_task(self._store(batch))
        try:
            await asyncio.wait({work}, timeout=self._limits.patience)
            if work.done() and self._ended_well(batch, work):
                return
            if not work.done():
                self._turned_bad(batch, f"no answer within {self._limits.patience:g} s")
            try:
                unit = await self._keep(batch, spooling)
            except BusyError:
                await self._last_chance(batch, work)
                raise
            await self._let_end(batch, work, unit, spooling)
        finally:
            work.cancel()

    async def _last_chance(self, batch: Batch, work: asyncio.Task[list[Outcome]]) -> None:
        """The spool has no room; an INSERT that still runs may yet end in time."""
        await asyncio.wait({work}, timeout=self._limits.retry_for)
        if work.done():
            self._ended_well(batch, work)

    async def _let_end(self, batch: Batch, work: asyncio.Task[list[Outcome]], unit: Unit, spooling: Spooling) -> None:
        """Wait for an INSERT whose senders are answered, so that the drain does not send the same beside it."""
        lease = Lease(self._budget, 0)
        lease.resize(0 if work.done() else batch.size)
        try:
            await asyncio.wait({work})
        finally:
            lease.release()
        forgotten = False
        try:
            if self._ended_well(batch, work):
                await spooling.forget(unit)
                forgotten = True
        finally:
            if not forgotten:
                spooling.offer(unit)

    def _ended_well(self, batch: Batch, work: asyncio.Task[list[Outcome]]) -> bool:
        try:
            outcomes = work.result()
        except StoreError as error:
            self._turned_bad(batch, str(error))
            return False
        if self._outlooks[batch.signal].turned_good():
            _log.info("ClickHouse takes %s again", batch.signal)
        self._settle_stored(batch, outcomes)
        return True

    def _turned_bad(self, batch: Batch, reason: str) -> None:
        if self._outlooks[batch.signal].turned_bad(reason):
            _log.warning("%s go to the spool until ClickHouse takes them again: %s", batch.signal, reason)

    async def _store(self, batch: Batch) -> list[Outcome]:
        """Store what can be, and bury the rest."""
        outcomes = await self._insertion.isolation.store([entry.parcel for entry in batch.entries], batch.token)
        letters = [
            (entry.sender, outcome.offences)
            for entry, outcome in zip(batch.entries, outcomes, strict=True)
            if outcome.offences
        ]
        try:
            await self._insertion.burial.bury(batch.signal, batch.token, letters)
        except (BusyError, StoreError) as error:
            # The rows that could be stored are, so the request must not come again; its sender hears what was wrong.
            self._counters.unburied(batch.signal, sum(len(offences) for _, offences in letters))
            _log.error("dead letters of %s are lost, nothing takes them: %s", batch.signal, error)
        return outcomes

    async def _keep(self, batch: Batch, spooling: Spooling) -> Unit:
        """Write the batch to disk under its own token, and tell its senders."""
        unit = await spooling.keep(batch.signal, batch.token, _parts(batch))
        _settle_kept(batch)
        return unit

    def _settle_stored(self, batch: Batch, outcomes: Sequence[Outcome]) -> None:
        for entry, outcome in zip(batch.entries, outcomes, strict=True):
            parcel = outcome.parcel
            self._counters.stored(batch.signal, parcel.items)
            entry.settle(Accepted(parcel.rejected, parcel.message))
        self._counters.lagged(batch.signal, max(outcome.parcel.last_unix_nano for outcome in outcomes))

    def _complain(self, error: StoreError) -> BusyError:
        """Tell the operator, once a minute, and give what the senders hear meanwhile."""
        now = asyncio.get_running_loop().time()
        if now - self._last_complaint >= LOG_INTERVAL:
            self._last_complaint = now
            _log.error("ClickHouse cannot be written to until somebody mends it: %s", error)
        message = "ClickHouse refuses this house for a reason that its operator has to mend (see its log)"
        return BusyError(message, retry_after=BROKEN_PAUSE)


def _parts(batch: Batch) -> list[Part]:
    return [Part(one.parcel.chunks, one.parcel.items, one.sender, one.key) for one in batch.entries if one.parcel.items]


def _settle_kept(batch: Batch) -> None:
    """Tell the senders that their requests are on disk."""
    for entry in batch.entries:
        entry.settle(Accepted(entry.parcel.rejected, entry.parcel.message))


def _settle(entries: Sequence[Entry], error: IngestError) -> None:
    """Tell `error` to all who have no answer yet, each a copy: a shared one would share its traceback."""
    for entry in entries:
        entry.settle(copy.copy(error))
