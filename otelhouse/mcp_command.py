"""`otelhouse mcp`: the window for agents alone, over HTTP or over stdio; `otelhouse mcp-user`: the user for their SQL.

Over stdio standard output carries the protocol and nothing else. Where a running house holds the embedded engine, the
lines go to its MCP port; else this process asks ClickHouse itself, as the house's own.
"""

import asyncio
import hashlib
import math
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import click

from otelhouse import (
    addresses,
    house_access,
    mcp_bridge,
    opening,
    own_log,
    question_opening,
    up_command,
    user_password,
)
from otelhouse.configuration import Configuration
from otelhouse.house import Roles
from otelhouse.house_access import access_options
from otelhouse.invocation import Failure, Misuse, clickhouse_option, configured, data_option
from otelhouse.opening import StartError
from otelhouse.progress import Progress
from otelhouse.settings import Settings

URL_HELP = "The MCP port of a running house to carry the messages to. [default: this house's own address, if needed]"


@click.command()
@click.option("--stdio", is_flag=True, help="Speak MCP on standard input and output, for a client that starts this.")
@click.option("--url", metavar="URL", help=URL_HELP)
@clickhouse_option
@data_option
@access_options
@configured
def mcp(configuration: Configuration, *, stdio: bool, url: str | None) -> None:
    """Start only what answers agents, over MCP; the tables must be there already.

    \b
    otelhouse mcp --clickhouse clickhouse://HOST:9000    listens on mcp.port (8000), at /mcp
    otelhouse mcp --stdio                                for a client that starts its servers itself

    `otelhouse up` answers agents as well. The embedded engine is held by one process: where `up` runs, --stdio carries
    the messages to it.
    """
    if not stdio:
        if url:
            raise Misuse("--url goes with --stdio: over HTTP, let the client ask the house at that address itself")
        up_command.run(configuration, Roles(ingest=False, serve=False, migrate=False), "mcp")
        return
    settings = configuration.settings
    own_log.set_up(settings.log)
    progress = Progress(lambda text: click.echo(text, err=True))
    if url or (settings.store.embedded and _is_held(settings)):
        _carry(settings, url or mcp_url(settings), progress)
        return
    if settings.store.embedded and not settings.store.path.expanduser().is_dir():
        raise Failure(
            f"there is nothing to ask: no house holds {settings.store.path}, and that folder does not exist. "
            "Start `otelhouse up`, or name a ClickHouse server with --clickhouse, or a running house with --url"
        )
    try:
        asyncio.run(_serve(settings, progress))
    except StartError as error:
        raise Failure(str(error)) from error


def mcp_url(settings: Settings) -> str:
    """Where the house with these settings answers agents."""
    place = settings.mcp
    return addresses.url(place.host, place.port, secure=settings.identity.tls.at("mcp")) + "/mcp"


def _is_held(settings: Settings) -> bool:
    """Whether another process has the embedded engine's folder open."""
    from store import engine_lock  # noqa: PLC0415 - only where it is asked

    return engine_lock.is_held(settings.store.path)


def _carry(settings: Settings, url: str, progress: Progress) -> None:
    progress.say(f"carrying messages to the house at {url}")
    out = sys.stdout.buffer

    def write(line: bytes) -> None:
        out.write(line)
        out.flush()

    mcp_bridge.Bridge(url, house_access.access_of_command(settings), write).run(sys.stdin.buffer)


async def _serve(settings: Settings, progress: Progress) -> None:
    """Answer on standard input and output until the client closes it."""
    import prometheus_client  # noqa: PLC0415 - these take their time to load
    from mcp.server.stdio import stdio_server  # noqa: PLC0415

    from identity.reader import Reader, Role  # noqa: PLC0415
    from mcp_server import window  # noqa: PLC0415
    from otelhouse import agents_opening  # noqa: PLC0415
    from query.desk import Desk  # noqa: PLC0415
    from sql.catalogue import load_catalogue  # noqa: PLC0415

    async with AsyncExitStack() as closing:
        store = await opening.open_store(settings.store, progress)
        closing.push_async_callback(asyncio.to_thread, store.close)
        await opening.bring_up(store, settings, progress, with_tables=False, wait_s=settings.process.store_wait_s)
        asking = question_opening.open_questions(settings, store, Path.cwd())
        closing.push_async_callback(asyncio.to_thread, asking.close)
        desk = Desk(asking, load_catalogue(cluster=settings.store.cluster), settings.query)
        closing.push_async_callback(asyncio.to_thread, desk.close)
        registry = prometheus_client.CollectorRegistry()
        ground = agents_opening.Ground(settings, store, desk, registry, Path.cwd())
        behind = await agents_opening.open_behind(ground, closing)
        # Who starts this has ClickHouse's address and password, so it is the house's own.
        here = Reader("stdio", Role.ADMIN)
        server = window.protocol(behind, lambda _: here).server(behind.version)
        async with stdio_server() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())


@click.command()
@click.option("--username", default="otelhouse_agent", show_default=True, help="Name of the user.")
@click.option("--format", "form", type=click.Choice(["sql", "xml"]), default="sql", show_default=True)
@configured
def mcp_user(configuration: Configuration, *, username: str, form: str) -> None:
    """Write what makes the ClickHouse user for agents' SQL; asks for its password, or reads it from a pipe.

    That user may read telemetry and nothing else, within the bounds of mcp.sql. Run the statements at the server, or
    put the XML into its users.d; then set mcp.sql.username and mcp.sql.password.

    \b
    otelhouse mcp-user | clickhouse-client --multiquery
    """
    from sql import agent_user  # noqa: PLC0415 - `--help` should not wait for it

    password = user_password.asked()
    sql = configuration.settings.mcp.sql
    bounds = agent_user.Bounds(
        seconds=math.ceil(sql.seconds),
        memory_bytes=sql.memory_bytes,
        bytes_read=sql.bytes_read,
        rows=agent_user.rows_of_answers(sql.rows),
        result_bytes=sql.result_bytes,
        at_once=2 * sql.at_once,
    )
    try:
        user = agent_user.AgentUser(
            username, hashlib.sha256(password.encode()).hexdigest(), configuration.settings.store.database, bounds
        )
    except ValueError as problem:
        raise Misuse(str(problem)) from problem
    click.echo(agent_user.as_sql(user) if form == "sql" else agent_user.as_xml(user), nl=False)
