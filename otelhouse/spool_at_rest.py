"""The spool's folder where no house runs that could be asked: look into it, and empty it into ClickHouse.

In: settings. Out: a reader of the folder; or ClickHouse holding what was in it. Refused, with `SpoolAtRestError`: a
folder that is not there or cannot be read, one that another process holds, a ClickHouse that cannot be used.
"""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from prometheus_client import CollectorRegistry

from ingest.counters import Counters
from ingest.pipeline import Pipeline
from ingest.spool.entry import SpoolLimits
from ingest.spool.errors import SpoolError
from ingest.spool.folder import Spool, SpoolReader
from otelhouse import engine_folder, opening, receiving, spool_report
from otelhouse.progress import Progress
from otelhouse.settings import Settings
from otelhouse.spool_draining import Course
from store.port import Store

STEP = 0.1
"""Seconds between two looks at how the drain gets on; it tells nobody."""


class SpoolAtRestError(Exception):
    """The folder cannot be used. The message says why, and what to do."""


class NoSpoolHereError(SpoolAtRestError):
    """There is no such folder."""


def folder_of(settings: Settings) -> Path:
    """The spool's folder. Raises `NoSpoolHereError`."""
    folder = receiving.spool_folder(settings, Path.cwd())
    if not folder.is_dir():
        raise NoSpoolHereError(f"there is no spool in {folder}")
    return folder


def reader(settings: Settings) -> SpoolReader:
    """Look into the folder, without holding it."""
    try:
        return SpoolReader(folder_of(settings), _limits(settings))
    except SpoolError as error:
        raise SpoolAtRestError(str(error)) from error


async def drain(settings: Settings, course: Course, progress: Progress, seconds: float) -> None:
    """Empty the folder into ClickHouse, making or bringing up to date its tables first. Raises `TimeoutError`."""
    folder = folder_of(settings)
    async with asyncio.timeout(seconds), AsyncExitStack() as closing:
        spool = await _hold(folder, settings)
        closing.push_async_callback(asyncio.to_thread, spool.close)
        if course.done(spool_report.of_status(spool.status(), {})):
            return
        store = await _open_store(settings, progress, seconds, closing)
        pipeline = receiving.open_pipeline(settings, store, Counters(CollectorRegistry()), spool, None)
        closing.push_async_callback(pipeline.close)
        pipeline.start()
        await _until_empty(pipeline, spool, course)


async def _hold(folder: Path, settings: Settings) -> Spool:
    try:
        return await asyncio.to_thread(Spool, folder, _limits(settings))
    except SpoolError as error:
        raise SpoolAtRestError(f"{error}; if that is a house, name it with --url, and it drains") from error


async def _open_store(settings: Settings, progress: Progress, seconds: float, closing: AsyncExitStack) -> Store:
    try:
        store = await opening.open_store(settings.store, progress)
        closing.push_async_callback(asyncio.to_thread, store.close)
        if settings.store.embedded:
            closing.enter_context(engine_folder.working_in(settings.store.path))
        # With the tables: a view that is missing is made again, or its rows would get lost without an error.
        await opening.bring_up(store, settings, progress, with_tables=True, wait_s=seconds)
    except opening.StartError as error:
        raise SpoolAtRestError(str(error)) from error
    return store


async def _until_empty(pipeline: Pipeline, spool: Spool, course: Course) -> None:
    """Wait until nothing at all is left: dead letters that turn up meanwhile go into the spool as well."""
    while True:
        status = spool_report.of_status(spool.status(), pipeline.outlooks.bad())
        course.done(status)
        if not status["entries"]:
            return
        await asyncio.sleep(STEP)


def _limits(settings: Settings) -> SpoolLimits:
    spool = settings.ingest.spool
    return SpoolLimits(spool.max_bytes, spool.max_age_s, spool.keep_free_bytes)
