"""A window for agents over tables of a test, asked in this process as a server would hand it requests."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry

from identity.reader import Reader, Role, Scope
from mcp_server.agent_sql import AgentSql
from mcp_server.settings import AgentSqlSettings, McpSettings
from mcp_server.window import Behind, Window
from query.desk import Desk
from query.doorkeeping import Doorkeeping
from query.readiness import Readiness
from store.port import Store

MODERN = "2026-07-28"
META = {"io.modelcontextprotocol/protocolVersion": MODERN, "io.modelcontextprotocol/clientCapabilities": {}}


@dataclass
class Gate:
    """Lets everybody in as the reader that its token names; `all` is an admin."""

    readers: Mapping[str, Scope] = field(default_factory=dict)

    async def admit(self, credential, peer):
        name = credential or "all"
        return Reader(name, Role.ADMIN if name == "all" else Role.VIEWER, self.readers.get(name, Scope()), peer)


@asynccontextmanager
async def opened(
    desk: Desk,
    store: Store,
    database: str = "default",
    settings: McpSettings | None = None,
    *,
    reader: Store | None = None,
    gate: Gate | None = None,
    now: Callable[[], int] = time.time_ns,
) -> AsyncIterator["Client"]:
    """A window that is open, and a client of it. `reader` is the store of agents' SQL; it is closed with the window."""
    settings = settings or McpSettings(sql=AgentSqlSettings(seconds=10))
    sql = AgentSql(store, reader, database, settings.sql)
    readiness = Readiness({}, 5.0)
    behind = Behind(desk, sql, database, settings, CollectorRegistry(), "0", now)
    window = Window(behind, readiness, Doorkeeping(gate or Gate()))
    await window.start()
    try:
        yield Client(window)
    finally:
        await window.stop()
        await asyncio.to_thread(sql.close)
        readiness.close()


class Client:
    """Asks the window."""

    def __init__(self, window: Window, token: str = "") -> None:
        self._window = window
        self._token = token

    def named(self, token: str) -> "Client":
        return Client(self._window, token)

    async def post(self, message: object, *, gone: asyncio.Event | None = None, modern: bool = False) -> object:
        """The answer to one message; None if `gone` was set before it came."""
        headers = {
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            "host": "localhost",
        }
        if self._token:
            headers["authorization"] = f"Bearer {self._token}"
        if modern:
            headers |= {"mcp-protocol-version": MODERN, "mcp-method": message["method"]}
            headers["mcp-name"] = message["params"].get("name", "")
        scope = {
            "type": "http", "http_version": "1.1", "method": "POST", "path": "/mcp", "raw_path": b"/mcp",
            "scheme": "http", "query_string": b"", "root_path": "", "server": ("127.0.0.1", 80),
            "client": ("127.0.0.1", 4711),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }  # fmt: skip
        requests = [{"type": "http.request", "body": json.dumps(message).encode(), "more_body": False}]
        over = asyncio.Event()
        sent = []

        async def receive():
            if requests:
                return requests.pop()
            await (gone or over).wait()
            return {"type": "http.disconnect"}

        async def send(part):
            sent.append(part)

        await self._window(scope, receive, send)
        over.set()
        if not sent:
            return None
        return json.loads(b"".join(part.get("body", b"") for part in sent[1:]))

    async def call(self, name: str, *, gone: asyncio.Event | None = None, modern: bool = False, **arguments: object):
        """A tool's result; None if the caller went away."""
        params = {"name": name, "arguments": arguments, **({"_meta": META} if modern else {})}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        answer = await self.post(message, gone=gone, modern=modern)
        if answer is None:
            return None
        assert "result" in answer, answer
        return answer["result"]
