"""`otelhouse up`, `ingest` and `serve`: the house in one process, or its parts in several."""

import logging
import os
import sys
import time
from functools import partial
from typing import NoReturn

import click

from otelhouse import __version__, allocator, configuration_in_force, invocation, next_steps, own_log, running
from otelhouse.configuration import Configuration
from otelhouse.house import House, Roles
from otelhouse.invocation import Failure, clickhouse_option, configured, data_option
from otelhouse.opening import StartError, name_of
from otelhouse.progress import Progress

_log = logging.getLogger(__name__)

THREAD_GRACE = 1.0
"""Seconds that threads have to end when the house is closed: idle ones are on their way out."""


@click.command()
@clickhouse_option
@data_option
@configured
def up(configuration: Configuration) -> None:
    """Start everything in one process; Ctrl-C stops it."""
    run(configuration, Roles(), "up")


@click.command()
@clickhouse_option
@data_option
@configured
def ingest(configuration: Configuration) -> None:
    """Start only what receives OTLP, with health and metrics."""
    run(configuration, Roles(serve=False, mcp=False), "ingest")


@click.command()
@clickhouse_option
@data_option
@configured
def serve(configuration: Configuration) -> None:
    """Start only what answers questions; the tables must be there already."""
    run(configuration, Roles(ingest=False, migrate=False, mcp=False), "serve")


def run(configuration: Configuration, roles: Roles, name: str) -> None:
    """Run a house with these roles until it is told to stop; `name` is the command's, for the audit trail."""
    settings = configuration.settings
    own_log.set_up(settings.log)
    if roles.ingest:
        allocator.keep_freed_memory()
        allocator.look_for_cycles_rarely()
    begun = time.monotonic()
    progress = Progress(partial(click.echo, err=True))

    def opened(house: running.Runnable) -> None:
        if isinstance(house, House):
            click.echo(banner(house, time.monotonic() - begun))

    house = partial(House, settings, roles, progress, configuration_in_force.deed(configuration, name))
    try:
        running.run(house, close_within=settings.process.shutdown_s, opened=opened)
    except StartError as error:
        raise Failure(str(error)) from error
    except TimeoutError:
        _log.error("not closed within %g s (process.shutdown_s); ending at once", settings.process.shutdown_s)
        _end_at_once(1)
    left = running.threads_left(THREAD_GRACE)
    if left:
        # Their senders were told to come back; whether ClickHouse still takes the rows is open.
        _log.warning("ending without what still runs: %s", ", ".join(left))
        _end_at_once(0)


def _end_at_once(code: int) -> NoReturn:
    """Leave threads behind that do not end: Python would wait for them at its exit."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def banner(house: House, seconds: float) -> str:
    """What listens where, and what to type next."""
    lines = [f"otelhouse {__version__} is up after {seconds:.1f} s, on {name_of(house.settings.store)}"]
    lines += [f"  {what:<10} {where}" for what, where in house.listening.items()]
    if house.roles == Roles():
        steps = next_steps.lines(invocation.program(), house.settings, house.listening)
        lines += ["", "Next, in another terminal:", *steps]
    lines += ["", "Ctrl-C stops."]
    return "\n".join(lines)
