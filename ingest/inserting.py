"""One INSERT: bytes of one kind, under one token, on a thread.

In: chunks as `ingest.wire` or `sql.own_rows` makes them. Out: nothing, once ClickHouse holds every row. Raises what the
store raises, but for three codes that ClickHouse gives for unreadable rows and for its own set-up alike: those are
taken for the rows' fault here, since taking the rows apart tells the two apart.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from ingest.counters import Counters
from sql import otlp, own_rows
from sql.signals import Signal
from store.errors import BadDataError, StoreError
from store.port import Insert, Store

PERHAPS_UNREADABLE = frozenset({32, 33, 36})
"""ATTEMPT_TO_READ_AFTER_EOF, CANNOT_READ_ALL_DATA, BAD_ARGUMENTS: what ClickHouse's Protobuf reader says of fields that
OTLP does not define, and what it says of its own setup as well."""

SIGNALS = {signal.value: signal for signal in Signal}


def statement(kind: str, chunks: Sequence[bytes], token: str) -> Insert:
    """Give the INSERT of one kind: a signal's name, or the name of one of the house's own tables of rows."""
    if (signal := SIGNALS.get(kind)) is not None:
        return otlp.insert_for(signal, chunks, token)
    return own_rows.insert_for(kind, chunks, token)


class Inserter:
    """Inserts on threads of its own, `threads` at once; used on one event loop."""

    def __init__(self, store: Store, counters: Counters, threads: int) -> None:
        self._store = store
        self._counters = counters
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="otelhouse-insert")

    async def insert(self, kind: str, chunks: Sequence[bytes], token: str) -> None:
        """Store the chunks. Raises a `store.errors.StoreError`."""
        if not chunks:
            return
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            await loop.run_in_executor(self._pool, self._store.insert, statement(kind, chunks, token))
        except StoreError as error:
            self._counters.insert_failed(kind, error)
            if error.code in PERHAPS_UNREADABLE:
                raise BadDataError(str(error), code=error.code, query_id=error.query_id) from error
            raise
        finally:
            self._counters.inserted(kind, loop.time() - started)

    def close(self) -> None:
        """Let the threads go; an INSERT that still runs ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)
