"""`otelhouse migrate`: makes the tables, or brings them to this version, as `up` and `ingest` do at their start."""

import asyncio
import contextlib
from collections.abc import Iterable
from functools import partial

import click

from otelhouse import opening, table_opening
from otelhouse.configuration import Configuration
from otelhouse.invocation import Failure, clickhouse_option, configured, data_option
from otelhouse.progress import Progress
from otelhouse.settings import Settings
from sql.migrate import MigrationReport
from store.port import Store


@click.command()
@click.option("--dry-run", is_flag=True, help="Print the statements that are due, and change nothing.")
@click.option("--adopt", is_flag=True, help="Also alter tables that a collector's exporter made.")
@click.option(
    "--script",
    is_flag=True,
    help="Print all statements for an empty cluster, with ON CLUSTER, for those who apply DDL by other means.",
)
@clickhouse_option
@data_option
@configured
def migrate(configuration: Configuration, *, dry_run: bool, adopt: bool, script: bool) -> None:
    """Create the tables, or bring them to this version.

    With store.cluster, on every node of that cluster, one after the other.

    A house of its own on the embedded engine holds its folder while it runs: stop it first, or let it do this at its
    start.
    """
    try:
        if script:
            _print(asyncio.run(_script(configuration.settings)))
            return
        report = asyncio.run(_migrate(configuration.settings, dry_run=dry_run, adopt=adopt))
    except opening.StartError as error:
        raise Failure(str(error)) from error
    except opening.MIGRATION_ERRORS as error:
        raise Failure(str(error)) from error
    _tell(report, dry_run=dry_run)


async def _migrate(settings: Settings, *, dry_run: bool, adopt: bool) -> MigrationReport:
    progress = Progress(partial(click.echo, err=True))
    store: Store = await opening.open_store(settings.store, progress)
    with contextlib.closing(store):
        wait_s = settings.process.store_wait_s
        await opening.wait_for(store, settings, progress, make_database=not dry_run, wait_s=wait_s)
        work = asyncio.to_thread(table_opening.bring_up_to_date, store, settings, adopt=adopt, dry_run=dry_run)
        return await progress.during("Migrating", work)


async def _script(settings: Settings) -> list[str]:
    # The database may be what the script is to make.
    outside = settings.store.model_copy(update={"database": "default"})
    store: Store = await opening.open_store(outside, Progress(partial(click.echo, err=True)))
    with contextlib.closing(store):
        return await asyncio.to_thread(table_opening.script, store, settings)


def _print(statements: Iterable[str]) -> None:
    for statement in statements:
        click.echo(statement.rstrip().rstrip(";") + ";\n")


def _tell(report: MigrationReport, *, dry_run: bool) -> None:
    """Statements on standard output, so that they can be kept or run; all else on standard error."""
    say = partial(click.echo, err=True)
    if dry_run:
        _print(report.statements)
    for title in report.pending if dry_run else report.applied:
        say(f"{'due' if dry_run else 'done'}: {title}")
    if not report.applied and not report.pending:
        say("the tables are up to date")
    if report.left_alone:
        say(f"left as they were, since they were here before: {', '.join(report.left_alone)} (--adopt alters them)")
