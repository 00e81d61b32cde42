"""The window for agents over HTTP: MCP at `/mcp`, health beside it.

    POST /mcp               the protocol, both eras, without sessions; plain JSON unless progress is asked for
    GET  /livez  /readyz    this process answers / can answer questions

In: a desk, what runs SQL of agents, settings, a gate that says who asks. Out: an ASGI application between `start` and
`stop`. Refused: who has no valid token (401), as at the REST window; other paths (404) and methods (405).
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from identity import asgi_guard
from identity.asgi_guard import Refusal
from identity.errors import IdentityError
from identity.reader import Reader, Role
from mcp_server.agent_sql import AgentSql
from mcp_server.calling import Caller
from mcp_server.http_requests import Receive, Requests, Scope, Send, refuse
from mcp_server.schema_text import SchemaText
from mcp_server.server import Context, Protocol
from mcp_server.settings import PATH, McpSettings
from mcp_server.sql_tools import SqlTools
from mcp_server.toolbox import Toolbox
from query.desk import Desk
from query.doorkeeping import Doorkeeping
from query.errors import wire_error
from query.readiness import Readiness


@dataclass(frozen=True, slots=True)
class Behind:
    """What stands behind the window."""

    desk: Desk
    sql: AgentSql
    database: str
    settings: McpSettings
    registry: CollectorRegistry
    version: str
    now: Callable[[], int] = time.time_ns
    """Unix nanoseconds."""


def protocol(behind: Behind, reader_of: Callable[[Context], Reader]) -> Protocol:
    """The protocol's handlers on what stands behind."""
    desk = behind.desk
    tools = SqlTools(behind.sql, behind.database)
    box = Toolbox(desk.questions, tools.tools())
    caller = Caller(desk, behind.settings, behind.registry, behind.now)
    describe = SchemaText(tools, desk).describe
    return Protocol(box, caller, desk.questions, describe, tuple(behind.settings.toolsets), reader_of)


class Window:
    """An ASGI application; answers `/mcp` between `start` and `stop`."""

    def __init__(
        self,
        behind: Behind,
        readiness: Readiness,
        doorkeeping: Doorkeeping | None = None,
        *,
        with_metrics: bool = False,
    ) -> None:
        """`with_metrics`: whether this port answers `/metrics` too, where the process has no other for it."""
        keeping = doorkeeping or Doorkeeping()
        self._behind = behind
        self._readiness = readiness
        self._keeping = keeping
        self._with_metrics = with_metrics
        self._managers: tuple[StreamableHTTPSessionManager, ...] = ()
        self._requests: Requests | None = None
        self._running: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self._guarded = asgi_guard.AsgiGuard(
            self._route,
            gate=keeping.gate,
            render=_render_refusal,
            open_paths=keeping.open_paths,
            in_url="never",
            hosts=keeping.hosts,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            await self._guarded(scope, receive, send)

    async def start(self) -> None:
        """Begin to answer."""
        # A line for each request that the SDK takes for a session, of which there are none.
        logging.getLogger("mcp.server").setLevel(logging.WARNING)
        ready = asyncio.Event()
        self._running = asyncio.create_task(self._run(ready), name="mcp")
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({self._running, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._running.done():
            self._running.result()

    async def stop(self) -> None:
        """Cancel what is under way. Safe twice, and without a start."""
        self._stop.set()
        if self._running is not None:
            await asyncio.wait({self._running})

    async def _run(self, ready: asyncio.Event) -> None:
        """Both managers of the SDK, whose task groups have to end in the task that began them."""
        server = protocol(self._behind, reader_of_request).server(self._behind.version)
        most = self._behind.settings.max_body_bytes
        in_json, in_events = (
            StreamableHTTPSessionManager(server, json_response=plain, stateless=True, max_request_body_size=most)
            for plain in (True, False)
        )
        async with in_json.run(), in_events.run():
            self._requests = Requests(in_json.handle_request, in_events.handle_request, most)
            ready.set()
            await self._stop.wait()
            self._requests = None

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"].rstrip("/") or "/"
        if path == PATH:
            await self._mcp(scope, receive, send)
        elif path == "/metrics" and self._with_metrics and method == "GET":
            await self._metrics(scope, send)
        elif path in {"/livez", "/readyz"} and method == "GET":
            await self._health(path, send)
        else:
            await refuse(send, 404, "not_found", f"{method} {path[:100]}: not found", f"MCP is at {PATH}.")

    async def _mcp(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            # Without sessions there is no stream to open and none to end; both eras allow this answer.
            headers = [(b"allow", b"POST"), (b"content-length", b"0")]
            await send({"type": "http.response.start", "status": HTTPStatus.METHOD_NOT_ALLOWED, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
        elif self._requests is None:
            await refuse(send, 503, "closing", "this window is not open", "Ask again in a few seconds.")
        else:
            await self._requests(scope, receive, send)

    async def _health(self, path: str, send: Send) -> None:
        if path == "/livez":
            await _send_json(send, HTTPStatus.OK, {"status": "alive"})
            return
        findings = await self._readiness.look()
        ready = all(one.ready for one in findings.values())
        degraded = any(one.degraded for one in findings.values())
        checks = {
            name: {"ok": not one.problem, "problem": one.problem, "degraded": one.degraded}
            for name, one in findings.items()
        }
        status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
        said = ("degraded" if degraded else "ready") if ready else "not ready"
        await _send_json(send, status, {"status": said, "checks": checks})

    async def _metrics(self, scope: Scope, send: Send) -> None:
        if self._keeping.metrics_need_a_token:
            try:
                asgi_guard.require(scope, Role.VIEWER)
            except IdentityError as error:
                why = asgi_guard.refusal(error)
                await refuse(send, why.status, why.code, why.message, why.mend)
                return
        await _send(send, HTTPStatus.OK, generate_latest(self._behind.registry), CONTENT_TYPE_LATEST)


def reader_of_request(context: Context) -> Reader:
    """Who asks over HTTP, as the guard found out."""
    if context.request is None:
        raise RuntimeError("this is no request over HTTP")
    return asgi_guard.reader_of(context.request.scope)


def _render_refusal(refusal: Refusal) -> bytes:
    return (json.dumps(wire_error(refusal.code, refusal.message, mend=refusal.mend)) + "\n").encode()


async def _send_json(send: Send, status: int, body: Mapping[str, Any]) -> None:
    await _send(send, status, (json.dumps(body) + "\n").encode(), "application/json")


async def _send(send: Send, status: int, body: bytes, media_type: str) -> None:
    headers = [
        (b"content-type", media_type.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
