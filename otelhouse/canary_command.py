"""`otelhouse canary`: sends synthetic telemetry into a house and looks for it at every window, once or every minute.

Exit codes: 0 all went through; 1 a leg of the way is broken; 2 the command line, the settings or a file is wrong; of a
job of several beats that is told to stop before the last, 128 and the signal's number, so that it is done again.
Late is told and no failure. Until it is stopped, every beat is a line of the log, and only the start can fail.
"""

import logging
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import click

from canary.book import Book
from canary.finding import LEGS, Beaten, Finding
from canary.judging import State, counted
from canary.watch import Canary, Heart
from otelhouse import canary_ways, house_access, own_log
from otelhouse.canary_records import StoredRecords
from otelhouse.canary_ways import Shown
from otelhouse.configuration import Configuration
from otelhouse.house_access import access_options
from otelhouse.invocation import Misuse, clickhouse_option, configured
from otelhouse.opening import StartError
from otelhouse.settings import Settings
from store.errors import StoreError
from store.opening import open_store
from store.port import Store

_log = logging.getLogger(__name__)


@click.command()
@click.option("--once", is_flag=True, help="One beat: exit code 1 if a leg of the way is broken.")
@click.option(
    "--beats",
    type=click.IntRange(1),
    help="So many beats, one a period, for a CronJob: exit code 1 if any of them found a broken leg.",
)
@access_options
@clickhouse_option
@configured
def canary(configuration: Configuration, *, once: bool, beats: int | None) -> None:
    """Send synthetic telemetry by every front door, and look for it at every window.

    It looks into ClickHouse too where that is a server; the embedded engine is the house's alone.
    """
    if once and beats is not None:
        raise click.UsageError("--once is one beat: give it or --beats")
    settings = configuration.settings
    own_log.set_up(settings.log)
    store = _open_store(settings)
    try:
        watch = _canary(settings, store)
        if once or beats is not None:
            click.get_current_context().exit(_job(watch, settings, beats or 1))
        _log.info("a beat every %g s; Ctrl-C ends", settings.canary.period_s)
        _until_stopped(watch, Heart(watch, settings.canary.period_s, heard=_note).run)
    except StartError as problem:
        raise Misuse(str(problem)) from problem
    finally:
        if store is not None:
            store.close()


def _job(watch: Canary, settings: Settings, beats: int) -> int:
    """Beat so many times; gives the exit code."""
    done: list[Beaten] = []

    def heard(beaten: Beaten) -> None:
        done.append(beaten)
        if beats > 1:
            click.echo(f"beat {len(done)} of {beats}")
        _show(beaten)

    heart = Heart(watch, settings.canary.period_s, heard=heard)
    stopped_by = _until_stopped(watch, lambda: heart.run(beats))
    if stopped_by:
        return 128 + stopped_by
    # A beat that broke is none that was heard of.
    return 0 if len(done) == beats and all(one.well for one in done) else 1


def _open_store(settings: Settings) -> Store | None:
    if settings.store.embedded:
        return None
    try:
        return open_store(settings.store)
    except StoreError as problem:
        raise Misuse(f"store.url cannot be used: {problem}") from problem


def _canary(settings: Settings, store: Store | None) -> Canary:
    clusters = canary_ways.clusters(settings)
    access = house_access.access_of_command(settings)
    shown = canary_ways.tokens(settings, Path.cwd(), Shown(access.token, access.token))
    records = None if store is None else StoredRecords(store, settings.canary.timeout_s)
    ways = canary_ways.ways(settings, canary_ways.told(settings), access, shown, records)
    return Canary(ways, settings.canary, clusters, Book(clusters, settings.canary.period_s))


def _until_stopped(watch: Canary, run: Callable[[], None]) -> int:
    """Run, and end it at a signal; gives that signal's number, or 0."""
    told: list[int] = []

    def stop(number: int, _: object) -> None:
        told.append(number)
        watch.stop.set()

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
    run()
    return told[0] if told else 0


def _note(beaten: Beaten) -> None:
    _log.info("beat %d: %s", beaten.number, counted(one.state for one in beaten.findings))


def _show(beaten: Beaten) -> None:
    """A line for each leg: how its signals fared, and each that is not well."""
    for leg in LEGS:
        mine = [one for one in beaten.findings if one.leg == leg]
        if not mine:
            continue
        slowest = max(one.milliseconds for one in mine)
        took = f", {slowest:.0f} ms at most" if slowest else ""
        click.echo(f"{leg:<12} {counted(one.state for one in mine)}{took}")
        for one in mine:
            if one.state is not State.OK:
                click.echo(f"  {_told(one)}")
    verdict = f"broken at {beaten.broken[0].leg}" if beaten.broken else "the whole way is well"
    click.echo(verdict)


def _told(one: Finding) -> str:
    cluster = f" of {one.cluster}" if one.cluster else ""
    return f"{one.signal}{cluster}: {one.state}: {one.problem}"
