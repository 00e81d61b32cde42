"""`otelhouse migrate`: makes the tables, or brings them to this version, as `up` and `ingest` do at their start."""

import asyncio
import contextlib
from functools import partial

import click

from otelhouse import opening
from otelhouse.configuration import Configuration
from otelhouse.invocation import Failure, clickhouse_option, configured, data_option
from otelhouse.progress import Progress
from otelhouse.settings import Settings
from sql import migrate as migrating
from sql.migrate import MigrationReport
from store.port import Store


@click.command()
@click.option("--dry-run", is_flag=True, help="Print the statements that are due, and change nothing.")
@click.option("--adopt", is_flag=True, help="Also alter tables that a collector's exporter made.")
@clickhouse_option
@data_option
@configured
def migrate(configuration: Configuration, *, dry_run: bool, adopt: bool) -> None:
    """Create the tables, or bring them to this version.

    A house of its own on the embedded engine holds its folder while it runs: stop it first, or let it do this at its
    start.
    """
    try:
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
        work = asyncio.to_thread(migrating.migrate, store, settings.sql, adopt=adopt, dry_run=dry_run)
        return await progress.during("Migrating", work)


def _tell(report: MigrationReport, *, dry_run: bool) -> None:
    """Statements on standard output, so that they can be kept or run; all else on standard error."""
    say = partial(click.echo, err=True)
    if dry_run:
        for statement in report.statements:
            click.echo(statement.rstrip().rstrip(";") + ";\n")
    for title in report.pending if dry_run else report.applied:
        say(f"{'due' if dry_run else 'done'}: {title}")
    if not report.applied and not report.pending:
        say("the tables are up to date")
    if report.left_alone:
        say(f"left as they were, since they were here before: {', '.join(report.left_alone)} (--adopt alters them)")
