"""The part of a house that receives OTLP: spool, pipeline, doors, and what stands behind them while ClickHouse is away.

In: settings and a store that may not answer yet. Out: open doors; once ClickHouse and its tables are there, a spool
that empties. Raises `StartError` where the spool or a door cannot be opened.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from ingest.batch import BatchLimits
from ingest.counters import Counters
from ingest.delivery import RetryLimits
from ingest.pipeline import Pipeline, PipelineLimits
from ingest.resends import FOLDER, Resends
from ingest.settings import SpoolMode
from ingest.spool import names
from ingest.spool.entry import SpoolLimits
from ingest.spool.errors import SpoolError
from ingest.spool.folder import Spool
from otelhouse.holding import Held
from otelhouse.opening import NotYetError, StartError
from otelhouse.settings import Settings
from sql import catalogue, time_bounds
from store.errors import StoreError
from store.port import Limits, Select, Store

_log = logging.getLogger(__name__)

PAUSE = 5.0
"""Seconds between two attempts to bring ClickHouse up behind open doors."""
LOOK_EVERY = 10.0
"""Seconds between two looks at the views."""
_LOOK = Limits(seconds=5.0, rows=100)
LOG_EVERY = 12
"""Attempts between two log lines about the same trouble: one a minute."""


def spool_folder(settings: Settings, began_in: Path) -> Path:
    """Where the spool is; a relative path is meant from `began_in`."""
    path = settings.ingest.spool.path or settings.store.path / "spool"
    return began_in / path.expanduser()


async def open_spool(settings: Settings, began_in: Path) -> Spool | None:
    """Open the spool, if there is to be one. Raises `StartError`."""
    spool = settings.ingest.spool
    folder = spool_folder(settings, began_in)
    if spool.mode is SpoolMode.NEVER:
        await asyncio.to_thread(_tell_leftovers, folder)
        return None
    limits = SpoolLimits(spool.max_bytes, spool.max_age_s, spool.keep_free_bytes)
    try:
        return await asyncio.to_thread(Spool, folder, limits)
    except (SpoolError, OSError) as error:
        mend = "make it writable, set another ingest.spool.path, or do without: ingest.spool.mode: never"
        raise StartError(f"cannot open the spool in {folder}: {error}; {mend}") from error


def _tell_leftovers(folder: Path) -> None:
    """Say what a house before this one, which had a spool, acknowledged and did not bring to ClickHouse."""
    try:
        left = [entry for name in os.listdir(folder) if (entry := names.entry_of(name))]  # noqa: PTH208  names alone
    except OSError:
        return  # there is none, or nothing in it that could be drained
    if left:
        _log.error(
            "%d items that were acknowledged wait in %s, which this house leaves alone (ingest.spool.mode: never); "
            "`otelhouse spool drain` brings them to ClickHouse", sum(entry.items for entry in left), folder,
        )  # fmt: skip


async def open_resends(settings: Settings, counters: Counters, spool: Spool | None) -> Resends | None:
    """Open the window that drops what is sent again, if there is to be one."""
    seconds = settings.ingest.resend_window_s
    if not seconds or spool is None:
        return None
    return await asyncio.to_thread(lambda: Resends(spool.folder / FOLDER, seconds, counters, held=spool.keys()))


def open_pipeline(
    settings: Settings, store: Store, counters: Counters, spool: Spool | None, resends: Resends | None
) -> Pipeline:
    """Put the pipeline together."""
    batch = settings.ingest.batch
    limits = PipelineLimits(
        memory_bytes=settings.ingest.memory_bytes,
        batch=BatchLimits(batch.max_bytes, batch.max_items, batch.max_age_ms / 1000),
        in_flight=batch.in_flight,
        retry=RetryLimits(patience=settings.ingest.spool.patience_s),
        mode=settings.ingest.spool.mode,
        sender_share=settings.ingest.sender_share,
        close_within=settings.process.shutdown_s / 3,
    )
    return Pipeline(store, counters, limits, time_bounds.bounds(settings.sql.retention), spool, resends)


class Arrival:
    """Brings ClickHouse up behind open doors, for as long as it takes."""

    def __init__(self, bring_up: Callable[[], Awaitable[None]], arrived: Callable[[], None]) -> None:
        self._bring_up = bring_up
        self._arrived = arrived
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to try."""
        self._task = asyncio.create_task(self._try(), name="arrival")

    async def close(self) -> None:
        """Stop trying. Safe twice, and without a start."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _try(self) -> None:
        attempt = 0
        while True:
            try:
                await self._bring_up()
            except StartError as error:
                if attempt % LOG_EVERY == 0 or not isinstance(error, NotYetError):
                    _log.warning("telemetry waits in the spool: %s", error)
            except Exception:  # noqa: BLE001 - the task ends here, and nobody waits for it: it must go on trying
                _log.exception("bringing ClickHouse up broke; trying again")
            else:
                _log.info("ClickHouse is there; the spool is emptied")
                self._arrived()
                return
            attempt += 1
            await asyncio.sleep(PAUSE)


class ViewWatch:
    """Looks now and then whether every view is there that rows take their way through.

    An INSERT into a table whose view somebody dropped succeeds, and its rows are gone. So while one is missing, what
    comes in waits in the spool (without one, nothing can be done but to say so).
    """

    def __init__(self, store: Store, held: Held) -> None:
        self._store = store
        self._held = held
        self._missing = ""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._watch(), name="view-watch")

    async def close(self) -> None:
        """Look no more. Safe twice, and without a start."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _watch(self) -> None:
        while True:
            try:
                look = Select(catalogue.probe("missing_views"), limits=_LOOK)
                answer = await asyncio.to_thread(self._store.select, look)
            except StoreError as error:
                _log.debug("the views cannot be looked at: %s", error)  # inserts find out by themselves
            except Exception:  # noqa: BLE001 - the task ends here, and nobody waits for it: it must go on looking
                _log.exception("looking at the views broke; looking again")
            else:
                self._tell(", ".join(str(row[0]) for row in answer.rows))
            await asyncio.sleep(LOOK_EVERY)

    def _tell(self, missing: str) -> None:
        if missing == self._missing:
            return
        self._missing = missing
        if missing:
            _log.error("rows would get lost in ClickHouse, so they wait: missing %s; run `otelhouse migrate`", missing)
            self._held.hold_back(f"missing in ClickHouse: {missing}")
        else:
            _log.info("all tables and views are there again")
            self._held.let_go()
