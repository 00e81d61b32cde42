"""A batch goes to ClickHouse, and every sender in it hears what became of its own request.

In: a `Batch`. Out: each of its entries settled, with `Accepted` or with one of `ingest.errors`; nothing is
left waiting.

What happens when ClickHouse refuses:
- `RetryableError`: the same bytes under the same token again, for `retry_for` seconds in all; then
  `BusyError`.
- `MisconfiguredError` and any other permanent error: no fault of the senders, so `BusyError`, one log line a
  minute.
- `BadDataError`: one request of the batch carries rows that can never be stored, and nobody else shall
  suffer. The codes of `PERHAPS_UNREADABLE` are treated so as well; where mending changes nothing they are the
  operator's trouble, not the sender's.

Taking a batch apart must not write anything twice, and whether that is safe depends on what the failed INSERT
already wrote. Seen on ClickHouse 26.7 (Null table, several views, deduplication through the views):
- A CONSTRAINT on the Null table (code 469) is checked before any view gets a row: nothing is written. The
  batch is then halved under fresh tokens until the bad request stands alone, which costs a sender's
  neighbours only a few inserts.
- A view that throws is different: the views before it have already written the whole batch to their own
  tables under the batch's token. Fresh tokens would write those rows again. So every parcel is mended
  (`wire.mend` drops what can never be stored) and the batch sent again under the SAME token: tables that are
  complete skip it, the missing ones take it.
- If that fails as well, the parcels go one by one under fresh tokens. Only then can a sibling table (another
  metric type's, Kubernetes events beside logs) hold a row twice; losing the neighbours' data would be worse.
  It is logged and counted (`otelhouse_ingest_split_batches_total{written="maybe"}`), and it takes a view that
  throws on data which neither the constraint nor `wire.mend` knows: a defect of the view.
"""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ingest import wire
from ingest.batch import Batch, Entry, new_token
from ingest.counters import Counters
from ingest.errors import BusyError, IngestError, NotStorableError
from ingest.intake import Accepted
from sql import otlp
from sql.signals import Signal
from store.errors import BadDataError, RetryableError, StoreError
from store.port import Store

_log = logging.getLogger(__name__)

VIOLATED_CONSTRAINT = 469
"""ClickHouse's code for a CONSTRAINT that a row breaks (src/Common/ErrorCodes.cpp)."""
PERHAPS_UNREADABLE = frozenset({32, 33, 36})
"""ATTEMPT_TO_READ_AFTER_EOF, CANNOT_READ_ALL_DATA, BAD_ARGUMENTS: what ClickHouse's Protobuf reader says of fields that
OTLP does not define, and what it says of its own setup as well. Mending tells the two apart."""
ABOUT_THE_ROWS = frozenset({252, 436, 444, VIOLATED_CONSTRAINT})
"""TOO_MANY_PARTS (rows over too many days in one INSERT), PROTOBUF_BAD_CAST, UNKNOWN_PROTOBUF_FORMAT and
VIOLATED_CONSTRAINT: codes that blame the rows alone. Any other code of bad data may as well be a table or a view that
somebody changed, and a sender must not throw rows away for that."""
LOG_INTERVAL = 60.0
"""Seconds between two log lines about the same trouble."""
BUSY_PAUSE = 2.0
"""Seconds a sender waits when ClickHouse was not to be had for `retry_for`."""
BROKEN_PAUSE = 5.0
"""Seconds a sender waits when somebody has to mend the setup first."""


@dataclass(frozen=True, slots=True)
class RetryLimits:
    """How long the house itself tries again before it hands the request back."""

    retry_for: float = 10.0
    """Seconds from the first attempt to the last."""
    first_pause: float = 0.1
    """Seconds before the second attempt; each next pause is twice as long, up to `longest_pause`."""
    longest_pause: float = 2.0


class Delivery:
    """Inserts batches on threads of its own, `threads` at once; `deliver` belongs on the event loop."""

    def __init__(self, store: Store, counters: Counters, limits: RetryLimits, threads: int) -> None:
        self._store = store
        self._counters = counters
        self._limits = limits
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="otelhouse-insert")
        self._last_complaint = float("-inf")

    async def deliver(self, batch: Batch) -> None:
        """Insert the batch and settle all its entries. Raises nothing but a cancellation."""
        self._counters.batch(batch.signal, batch.items, batch.size)
        deadline = asyncio.get_running_loop().time() + self._limits.retry_for
        outcome = BusyError("the house is shutting down: send the same again", retry_after=1.0)
        try:
            await self._attempt(batch.entries, batch.token, deadline)
        except Exception:  # noqa: BLE001 - a request ends here, and its senders must hear something
            _log.exception("a batch of %s broke while it was inserted", batch.signal)
            outcome = BusyError("ingest made a mistake of its own: send the same again", retry_after=BROKEN_PAUSE)
        finally:
            _settle(batch.entries, outcome)

    def close(self) -> None:
        """Let the threads go; an insert that still runs ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _attempt(self, entries: Sequence[Entry], token: str, deadline: float) -> None:
        try:
            await self._insert(entries, token, deadline)
        except BusyError as error:
            _settle(entries, error)
        except BadDataError as error:
            await self._isolate(entries, token, deadline, error)

    async def _isolate(self, entries: Sequence[Entry], token: str, deadline: float, error: BadDataError) -> None:
        if len(entries) == 1 or error.code != VIOLATED_CONSTRAINT:
            await self._mend(entries, token, deadline, error)
            return
        self._counters.split(entries[0].parcel.signal, written=False)
        middle = len(entries) // 2
        for half in (entries[:middle], entries[middle:]):
            await self._attempt(half, new_token(), deadline)

    async def _mend(self, entries: Sequence[Entry], token: str, deadline: float, error: BadDataError) -> None:
        before = [entry.parcel for entry in entries]
        loop = asyncio.get_running_loop()
        after = await loop.run_in_executor(self._pool, lambda: [wire.mend(parcel) for parcel in before])
        for entry, parcel in zip(entries, after, strict=True):
            entry.parcel = parcel
        if after != before:
            try:
                await self._insert(entries, token, deadline)
            except BusyError as busy:
                _settle(entries, busy)
                return
            except BadDataError as again:
                error = again
            else:
                return
        if len(entries) == 1:
            _settle(entries, self._verdict(error))
        else:
            await self._one_by_one(entries, deadline, error)

    async def _one_by_one(self, entries: Sequence[Entry], deadline: float, error: BadDataError) -> None:
        signal = entries[0].parcel.signal
        self._counters.split(signal, written=True)
        _log.error("a batch of %s is taken apart, sibling tables may hold rows twice: %s", signal, error)
        for entry in entries:
            try:
                await self._insert([entry], new_token(), deadline)
            except BusyError as busy:
                _settle([entry], busy)
            except BadDataError as bad:
                _settle([entry], self._verdict(bad))

    async def _insert(self, entries: Sequence[Entry], token: str, deadline: float) -> None:
        """Store the entries, tell their senders; or raise `BusyError` or `BadDataError`."""
        chunks = [chunk for entry in entries for chunk in entry.parcel.chunks]
        if chunks:
            await self._persist(entries[0].parcel.signal, chunks, token, deadline)
        for entry in entries:
            parcel = entry.parcel
            self._counters.stored(parcel.signal, parcel.items)
            entry.settle(Accepted(parcel.rejected, parcel.message))

    async def _persist(self, signal: Signal, chunks: Sequence[bytes], token: str, deadline: float) -> None:
        loop = asyncio.get_running_loop()
        pause = self._limits.first_pause
        while True:
            try:
                await self._once(signal, chunks, token)
            except RetryableError as error:
                if loop.time() + pause > deadline:
                    message = f"ClickHouse cannot take it now: {error}"
                    raise BusyError(message, retry_after=BUSY_PAUSE) from error
            except BadDataError:
                raise
            except StoreError as error:
                raise self._complain(error) from error
            else:
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, self._limits.longest_pause)

    async def _once(self, signal: Signal, chunks: Sequence[bytes], token: str) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        insert = otlp.insert_for(signal, chunks, token)
        try:
            await loop.run_in_executor(self._pool, self._store.insert, insert)
        except StoreError as error:
            self._counters.insert_failed(signal, error)
            if error.code in PERHAPS_UNREADABLE:
                raise BadDataError(str(error), code=error.code, query_id=error.query_id) from error
            raise
        finally:
            self._counters.inserted(signal, loop.time() - started)

    def _verdict(self, error: BadDataError) -> IngestError:
        """What the sender of a request that stands alone hears, after mending did not help."""
        if error.code in ABOUT_THE_ROWS:
            return NotStorableError(f"ClickHouse can never hold this request: {error}")
        return self._complain(error)

    def _complain(self, error: StoreError) -> BusyError:
        """Tell the operator, once a minute, and give what the senders hear meanwhile."""
        now = asyncio.get_running_loop().time()
        if now - self._last_complaint >= LOG_INTERVAL:
            self._last_complaint = now
            _log.error("ClickHouse cannot be written to until somebody mends it: %s", error)
        message = "ClickHouse refuses this house for a reason that its operator has to mend (see its log)"
        return BusyError(message, retry_after=BROKEN_PAUSE)


def _settle(entries: Sequence[Entry], error: IngestError) -> None:
    """Tell `error` to all who have no answer yet, each a copy: a shared one would share its traceback."""
    for entry in entries:
        entry.settle(copy.copy(error))
