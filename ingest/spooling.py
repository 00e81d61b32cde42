"""The spool as the event loop sees it: what is in it, who works on what, and threads that wait for the disk.

In: requests that ClickHouse cannot take now, as parts. Out: units (`ingest.units`) for the drain; `forget` ends one
once ClickHouse holds its rows. Refuses with `BusyError` what the spool has no room for or the disk does not take; what
was kept once is never given up here.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from ingest.counters import Counters
from ingest.errors import BusyError
from ingest.spool import checking
from ingest.spool.checking import Checked
from ingest.spool.entry import Damage, Part, SpoolEntry, SpoolStatus
from ingest.spool.errors import SpoolBrokenError, SpoolFullError
from ingest.spool.folder import Spool
from ingest.units import Queue, Unit, UnitLimits
from sql.signals import Signal

_log = logging.getLogger(__name__)

R = TypeVar("R")

THREADS = 4
"""Appends and reads at once. One waits for the disk mostly; while it does, the next gathers."""
LOG_INTERVAL = 60.0
"""Seconds between two log lines about the same trouble."""
_TELEMETRY = frozenset(signal.value for signal in Signal)
"""The kinds whose files may share an INSERT."""


class Spooling:
    """The spool of this process. Used on one event loop."""

    def __init__(self, spool: Spool, counters: Counters, limits: UnitLimits) -> None:
        self._spool = spool
        self._counters = counters
        self._limits = limits
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="otelhouse-spool")
        self._checking = asyncio.Lock()
        self._last_complaint = float("-inf")
        self._queues: dict[str, Queue] = {}
        for unit in _units(spool.entries()):
            self.queue(unit.kind).hold(unit)
            self.offer(unit)
        self._tell()

    def queue(self, kind: str) -> Queue:
        """The queue of one kind, made when it is first asked for."""
        return self._queues.setdefault(kind, Queue(kind, self._limits))

    async def gather(self, kind: str, parts: Sequence[Part]) -> None:
        """Write parts, to be inserted with what comes before and after; on disk on return. Raises `BusyError`."""
        queue = self.queue(kind)
        unit = queue.begin(asyncio.get_running_loop().time())
        await self._whatever_happens(self._append(kind, unit.token, parts), lambda entry: queue.end(unit, entry))

    async def keep(self, kind: str, token: str, parts: Sequence[Part]) -> Unit:
        """Write one INSERT's worth that has a token; on disk on return, in the caller's hands. Raises `BusyError`."""
        unit = Unit(kind, token)
        mine = True

        def hold(entry: SpoolEntry | None) -> None:
            if entry is not None:
                unit.entries.append(entry)
                self.queue(kind).hold(unit)
                if not mine:
                    self.offer(unit)

        try:
            await self._whatever_happens(self._append(kind, token, parts), hold)
        except asyncio.CancelledError:
            mine = False  # whoever asked has gone; what reaches the disk belongs to the drain
            raise
        return unit

    def offer(self, unit: Unit) -> None:
        """Let the drain have a unit."""
        self.queue(unit.kind).offer(unit)

    def close_units(self) -> None:
        """Let the drain have what still gathers."""
        for queue in self._queues.values():
            queue.close_open()

    async def read(self, unit: Unit) -> list[Part]:
        """Read a unit; what is damaged in it is told, counted, and set aside for people."""
        parts: list[Part] = []
        for entry in unit.entries:
            contents = await self._on_thread(partial(self._spool.read, entry))
            parts += contents.parts
            if contents.damage is not None and entry.number not in unit.told:
                unit.told.add(entry.number)
                await self._report(contents.damage)
        return parts

    async def forget(self, unit: Unit) -> None:
        """ClickHouse holds the rows: the disk need not."""
        for entry in unit.entries:
            await self._on_thread(partial(self._spool.remove, entry))
        self.queue(unit.kind).forget()
        self._tell()

    async def status(self) -> SpoolStatus:
        """What is in the spool."""
        return await self._on_thread(self._spool.status)

    async def check(self, after: int, seconds: float) -> Checked:
        """Read the files behind entry `after`, for some `seconds`; see `ingest.spool.checking`.

        One at a time, and on a thread of its own, so that nothing that comes in waits for it.
        """
        async with self._checking:
            return await asyncio.to_thread(checking.check, self._spool, after, seconds)

    @property
    def full(self) -> str:
        """Why the spool takes nothing now, or empty."""
        return self._spool.status().full

    async def close(self) -> None:
        """Let go of the folder once what is being written is written."""
        await asyncio.to_thread(self._threads.shutdown)
        self._spool.close()

    async def _whatever_happens(
        self, append: Coroutine[None, None, SpoolEntry], ended: Callable[[SpoolEntry | None], None]
    ) -> None:
        """Call `ended` with the entry, or None if there is none, also where the caller is cancelled meanwhile.

        The thread writes to its end in any case, and what is on disk must have an owner.
        """

        def tell(task: asyncio.Task[SpoolEntry]) -> None:
            ended(None if task.cancelled() or task.exception() is not None else task.result())

        task = asyncio.get_running_loop().create_task(append)
        task.add_done_callback(tell)
        await asyncio.shield(task)

    async def _append(self, kind: str, token: str, parts: Sequence[Part]) -> SpoolEntry:
        try:
            entry = await self._on_thread(partial(self._spool.append, kind, token, parts))
        except SpoolFullError as error:
            raise BusyError(str(error), retry_after=error.retry_after) from error
        except SpoolBrokenError as error:
            self._complain(f"the spool cannot be written: {error}")
            message = "the disk of the spool fails: send the same again"
            raise BusyError(message, retry_after=error.retry_after) from error
        self._counters.spooled(kind, entry.items, entry.size)
        self._tell()
        return entry

    async def _report(self, damage: Damage) -> None:
        entry = damage.entry
        _log.error(
            "the spool is damaged: %d items in %d requests of %s are lost from entry %d: %s",
            damage.items_lost, damage.parts_lost, entry.kind, entry.number, damage.what,
        )  # fmt: skip
        self._counters.spool_damaged(entry.kind, damage.items_lost)
        await self._on_thread(partial(self._spool.set_aside, entry, damage))

    def _complain(self, text: str) -> None:
        """Tell the operator, once a minute."""
        now = asyncio.get_running_loop().time()
        if now - self._last_complaint >= LOG_INTERVAL:
            self._last_complaint = now
            _log.error("%s", text)

    async def _on_thread(self, work: Callable[[], R]) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _tell(self) -> None:
        status = self._spool.status()
        self._counters.spool(status.entries, status.bytes, status.oldest or 0.0)


def _units(entries: Sequence[SpoolEntry]) -> list[Unit]:
    """Put what a process before us left together again.

    Rows of the house's own are a file an INSERT. A second file of the same token is the same INSERT once more (dead
    letters of a request that came again): ClickHouse drops it by the token, but not twice the rows in one INSERT.
    """
    found: dict[tuple[str, str, int], Unit] = {}
    for entry in entries:
        shared = entry.kind in _TELEMETRY
        key = (entry.kind, entry.token, 0 if shared else entry.number)
        found.setdefault(key, Unit(entry.kind, entry.token)).entries.append(entry)
    return list(found.values())
