"""The way to ClickHouse at the start: open it, wait for it, bring its tables up to date.

Each step is told once it takes longer than two seconds. A server that does not answer is waited for, with the reason
told at each attempt, up to `process.store_wait_s`; a house that receives and has a spool does not wait: it opens its
doors and goes on trying behind them (`NotYetError` tells it to). All else that is wrong ends the start with a
`StartError` at once.
"""

import asyncio
import logging
import time

from otelhouse import table_opening
from otelhouse.progress import Progress
from otelhouse.settings import Settings
from sql import (
    agent_user,
    catalogue,
    cluster_migration,
    existing_tables,
    migrate,
    migration_ledger,
    migration_lock,
    server_version,
)
from sql.migrate import MigrationReport
from store import opening
from store.errors import RetryableError, StoreError
from store.port import Limits, Select, Store
from store.settings import StoreSettings

_log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0
"""Seconds between two attempts to reach a server; each pause is twice the last."""

UNKNOWN_DATABASE = 81
"""ClickHouse's code for a database that does not exist (src/Common/ErrorCodes.cpp)."""

_LIMITS = Limits(seconds=10.0, rows=1)

MIGRATION_ERRORS = (
    StoreError,
    migrate.MigrationError,
    cluster_migration.ClusterError,
    migration_ledger.LedgerError,
    migration_lock.LockHeldError,
    migration_lock.LockLostError,
    existing_tables.UnfitTableError,
    server_version.UnsupportedVersionError,
)
"""All that `sql.migrate` says no with; each message carries its mend."""


class StartError(Exception):
    """The house cannot open. The message says what is wrong and what to do."""


class NotYetError(StartError):
    """ClickHouse does not answer; it may come."""


def name_of(settings: StoreSettings) -> str:
    """Which ClickHouse, in words."""
    if settings.embedded:
        return f"the embedded ClickHouse engine in {settings.path}"
    cluster = f" on cluster {settings.cluster}" if settings.cluster else ""
    return f"ClickHouse at {settings.address.name}, database {settings.database}{cluster}"


async def open_store(settings: StoreSettings, progress: Progress) -> Store:
    """Open the door to ClickHouse. Raises `StartError`."""
    # What SQL of agents may read, the embedded engine has to know from its start.
    opened = asyncio.to_thread(opening.open_store, settings, agent_user.readable_tables())
    try:
        return await progress.during(f"Opening {name_of(settings)}", opened)
    except (StoreError, OSError) as error:
        raise StartError(f"cannot open {name_of(settings)}: {error}") from error


async def bring_up(store: Store, settings: Settings, progress: Progress, *, with_tables: bool, wait_s: float) -> None:
    """Return once ClickHouse answers, can do the work, and, if asked for, has its tables up to date.

    Raises `NotYetError` if it did not answer within `wait_s` seconds, or broke off; `StartError` for all else.
    """
    await wait_for(store, settings, progress, make_database=with_tables, wait_s=wait_s)
    await check_version(store)
    if with_tables:
        tell_left_alone(await bring_tables_up_to_date(store, settings, progress))


async def wait_for(store: Store, settings: Settings, progress: Progress, *, make_database: bool, wait_s: float) -> None:
    """Return once ClickHouse answers. Raises `StartError` for what waiting will not mend, `NotYetError` after too long.

    `make_database`: make the database if ClickHouse has none of that name. `wait_s` in seconds.
    """
    name = name_of(settings.store)
    deadline = time.monotonic() + wait_s
    pause = FIRST_PAUSE
    while (problem := await asyncio.to_thread(_problem, store)) is not None:
        if problem.code == UNKNOWN_DATABASE and make_database:
            await asyncio.to_thread(_make_database, settings.store)
            make_database = False
            continue
        if not isinstance(problem, RetryableError):
            raise StartError(f"{name} refuses: {problem}") from problem
        if time.monotonic() + pause > deadline:
            waited = f" for {wait_s:g} s" if wait_s else ""
            raise NotYetError(f"{name} did not answer{waited}: {problem}") from problem
        progress.say(f"{name} does not answer yet, trying again in {pause:g} s: {problem}")
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


def _problem(store: Store) -> StoreError | None:
    try:
        store.select(Select(catalogue.probe("answers"), limits=_LIMITS))
    except StoreError as error:
        return error
    return None


def _make_database(settings: StoreSettings) -> None:
    """Make the database from the one that every ClickHouse has."""
    try:
        door = opening.open_store(settings.model_copy(update={"database": "default"}))
        try:
            migrate.create_database(door, settings.database)
        finally:
            door.close()
    except StoreError as error:
        raise StartError(f"there is no database {settings.database}, and it cannot be made: {error}") from error


async def check_version(store: Store) -> None:
    """Refuse a ClickHouse that cannot do the work. Raises `StartError`."""
    try:
        server_version.check(await asyncio.to_thread(server_version.read, store))
    except RetryableError as error:
        raise NotYetError(f"ClickHouse broke off: {error}") from error
    except MIGRATION_ERRORS as error:
        raise StartError(str(error)) from error


async def bring_tables_up_to_date(store: Store, settings: Settings, progress: Progress) -> MigrationReport:
    """Run the migrations that are missing. Raises `StartError`."""
    work = asyncio.to_thread(table_opening.bring_up_to_date, store, settings)
    try:
        return await progress.during("Bringing the tables up to date", work)
    except RetryableError as error:
        raise NotYetError(f"the tables are not up to date, ClickHouse broke off: {error}") from error
    except MIGRATION_ERRORS as error:
        raise StartError(f"the tables cannot be brought up to date: {error}") from error


def tell_left_alone(report: MigrationReport) -> None:
    """Warn of tables that were here before us and lack what makes a retry harmless."""
    if report.left_alone:
        _log.warning(
            "tables that somebody else made are used as they are: %s; an insert that is sent again may be stored twice "
            "there until `otelhouse migrate --adopt` has added the deduplication window",
            ", ".join(report.left_alone),
        )
