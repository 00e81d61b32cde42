"""Items that can never be stored are kept as dead letters, with the reason, for people to look at and send again.

In: the offences that `ingest.isolation` found in one batch. Out: nothing, once they are on their way to
`otel_dead_letters`: in the spool, which is as durable as for telemetry, or without one, or without room in
it, in ClickHouse itself.
Raises `BusyError` or a `StoreError` where neither takes them; the token is derived from the batch's, so burying the
same batch again writes nothing twice.
"""

import asyncio
import logging
import time
from collections.abc import Sequence

from ingest import dead_letters
from ingest.counters import Counters
from ingest.dead_letters import Offence
from ingest.errors import BusyError
from ingest.inserting import Inserter
from ingest.spool.entry import Part
from ingest.spooling import Spooling
from sql import own_rows
from sql.signals import Signal

_log = logging.getLogger(__name__)

Found = Sequence[tuple[str, Sequence[Offence]]]
"""By sender: what was wrong with its items."""


class Burial:
    """Keeps dead letters. Used on one event loop."""

    def __init__(self, inserter: Inserter, spooling: Spooling | None, counters: Counters) -> None:
        self._inserter = inserter
        self._spooling = spooling
        self._counters = counters

    async def bury(self, signal: Signal, token: str, found: Found) -> None:
        """Keep all of them, or raise."""
        letters = dead_letters.letters(signal, token, found, received=time.time())
        if not letters:
            return
        for number, some in enumerate(dead_letters.slices(letters)):
            chunks = await asyncio.to_thread(dead_letters.rows, some)
            await self._keep(chunks, len(some), f"{token}-dead-{number}")
        self._counters.buried(signal, len(letters))
        _log.warning("%d items of %s became dead letters, the first: %s", len(letters), signal, letters[0].reason)

    async def _keep(self, chunks: Sequence[bytes], rows: int, token: str) -> None:
        if self._spooling is not None:
            try:
                unit = await self._spooling.keep(own_rows.DEAD_LETTERS, token, [Part(tuple(chunks), rows)])
            except BusyError as error:
                # What would make room may wait for this very place: the drain's own dead letters.
                _log.info("dead letters go to ClickHouse at once: %s", error)
            else:
                self._spooling.offer(unit)
                return
        await self._inserter.insert(own_rows.DEAD_LETTERS, chunks, token)
