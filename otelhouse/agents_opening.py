"""The window for agents put together: what runs their SQL, what answers their calls.

In: settings, the house's store, a desk. Out: an `AgentSql` and what stands behind the window. Refused, with
`StartError`: a user for SQL of agents whose address cannot be used. A user that is not there, or may
do too much, refuses SQL alone: the other tools work without.
"""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry

from mcp_server.agent_sql import AgentSql, Record
from mcp_server.window import Behind
from otelhouse import __version__
from otelhouse.opening import StartError
from otelhouse.settings import Settings
from query.desk import Desk
from store import opening
from store.errors import StoreError
from store.port import Store
from store.settings import StoreSettings


@dataclass(frozen=True, slots=True)
class Ground:
    """What the house has when the window opens."""

    settings: Settings
    store: Store
    desk: Desk
    registry: CollectorRegistry
    began_in: Path
    """The working folder at the start, which a relative folder of the engine means."""
    record: Record | None = None


async def open_behind(ground: Ground, closing: AsyncExitStack) -> Behind:
    """What stands behind the window; `closing` ends it. Raises `StartError`."""
    settings = ground.settings
    reader = await asyncio.to_thread(_open_reader, settings, ground.began_in)
    sql = AgentSql(ground.store, reader, settings.store.database, settings.mcp.sql, ground.record)
    closing.push_async_callback(asyncio.to_thread, sql.close)
    return Behind(ground.desk, sql, settings.store.database, settings.mcp, ground.registry, __version__)


def _open_reader(settings: Settings, began_in: Path) -> Store | None:
    """The door by which SQL of agents goes to ClickHouse, or None where no user was named for it."""
    try:
        if settings.store.embedded:
            folder = began_in / settings.store.path.expanduser()
            here = {"path": folder, "select_connections": settings.mcp.sql.at_once}
            return opening.open_reader(settings.store.model_copy(update=here))
        if settings.mcp.sql.username:
            return opening.open_reader(_as_agent(settings))
    except StoreError as error:
        raise StartError(f"SQL of agents cannot be opened: {error}") from error
    return None


def _as_agent(settings: Settings) -> StoreSettings:
    agent = settings.mcp.sql
    named = {"username": agent.username, "password": agent.password, "select_connections": agent.at_once}
    return settings.store.model_copy(update=named)
