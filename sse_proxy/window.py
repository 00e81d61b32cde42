"""The streams over HTTP and WebSocket.

    GET  /notifications/         Kubernetes events as Server-Sent Events, for Krateo's portal (also without the slash)
    WS   /notifications/ws       the same messages over a WebSocket
    GET  /api/v1/tail            logs, spans or events as Server-Sent Events: `signal=` and filters
    GET  /api/v1/tail/missed     what a `gap` told of: rows that arrived after= and until=

In: `sse_proxy.streams.Streams`. Out: a router for the REST window. A client that comes back says where it was in the
header `Last-Event-ID`, or in the query as `last_event_id`; the first time it may say `since`.
Refused, in the window's own shape or by a WebSocket's close code 4400 to 4503: filters that do not exist, what lies
outside of the reader's scope (403), too many streams (429, 503).
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response
from starlette.datastructures import QueryParams
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket

from identity import asgi_guard
from identity.reader import Role
from query import errors, hanging_up
from sql.parameter import iso_time, read_time
from sse_proxy import cursor, feeds, streams, watching, web_socket
from sse_proxy.coding import Coding, Gap, SseCoding, WebSocketCoding
from sse_proxy.cursor import Cursor
from sse_proxy.event_stream import EventStream
from sse_proxy.feeds import Feed
from sse_proxy.missed import Missed
from sse_proxy.streams import Streams
from sse_proxy.viewer import Viewer
from sse_proxy.watching import Watch

_PLACES = frozenset({"last_event_id", "lastEventId"})
"""Parameters; the second is that of polyfills of EventSource."""
_ALIASES = {"composition": "composition_id"}
_MOST_MISSED = 5_000


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a client asks for."""

    watch: Watch
    cursor: Cursor | None
    unreadable: bool
    """It said where it was, in words that are none of ours."""


def router(live: Streams) -> APIRouter:
    """The routes."""
    window = _Window(live)
    routes = APIRouter()
    for path, shown in (("/notifications/", True), ("/notifications", False)):
        routes.add_api_route(
            path,
            window.notifications,
            summary="Kubernetes events as they come, as Server-Sent Events.",
            operation_id="notifications" if shown else None,
            include_in_schema=shown,
            openapi_extra=_operation(feeds.EVENTS),
            response_class=Response,
            tags=["streams"],
        )
    routes.add_api_route(
        "/api/v1/tail",
        window.tail,
        summary="Logs, spans or Kubernetes events as they come, as Server-Sent Events.",
        operation_id="tail",
        openapi_extra=_operation(*feeds.FEEDS.values()),
        response_class=Response,
        tags=["streams"],
    )
    routes.add_api_route(
        "/api/v1/tail/missed",
        window.missed,
        summary="What arrived between two moments, as a stream's gap tells them.",
        operation_id="tail_missed",
        openapi_extra=_operation(*feeds.FEEDS.values(), past=True),
        response_class=Response,
        tags=["streams"],
    )
    routes.add_api_websocket_route("/notifications/ws", window.socket)
    return routes


class _Window:
    def __init__(self, live: Streams) -> None:
        self._live = live
        self._missed = Missed(live.store)

    async def notifications(self, request: Request) -> Response:
        """Kubernetes events, by topic."""
        asked = _asked(request, feeds.EVENTS, frozenset())
        return self._stream(request, asked, by_topic=True)

    async def tail(self, request: Request) -> Response:
        """Rows of one feed."""
        feed = streams.feed_of(request.query_params.get("signal", "logs"))
        return self._stream(request, _asked(request, feed, frozenset({"signal"})), by_topic=False)

    async def missed(self, request: Request) -> Response:
        """Rows between two moments."""
        reader = asgi_guard.require(request.scope, Role.VIEWER, narrowed_too=True)
        query = request.query_params
        feed = streams.feed_of(query.get("signal", "logs"))
        watch = watching.watch(feed, _filters(query, frozenset({"signal", "after", "until", "limit"})), reader)
        now = time.time_ns()
        after, until = _moment(query, "after", now), _moment(query, "until", now, default="now")
        asking = self._missed.between(watch, after, until, _limit(query))
        found = await hanging_up.unless_gone(request, asking)
        told = {"signal": feed.name, "after": iso_time(after), "through": iso_time(found.through), "more": found.more}
        body = f'{json.dumps(told)[:-1]}, "rows": [{", ".join(found.data)}]}}\n'
        return Response(body, media_type="application/json", headers={"cache-control": "no-store"})

    async def socket(self, socket: WebSocket) -> None:
        """Kubernetes events over a WebSocket."""
        await socket.accept()
        try:
            asked = _asked(socket, feeds.EVENTS, frozenset())
            viewer = self._open(socket, asked, WebSocketCoding("websocket", asked.watch, by_topic=True))
        except errors.QuestionError as error:
            await _refuse(socket, error)
            return
        try:
            await web_socket.serve(socket, viewer)
        finally:
            self._live.left(viewer)

    def _stream(self, request: Request, asked: _Asked, *, by_topic: bool) -> Response:
        coding = SseCoding("notifications" if by_topic else "tail", asked.watch, by_topic=by_topic)
        viewer = self._open(request, asked, coding)
        return EventStream(viewer, self._live.left, self._origin(request))

    def _open(self, connection: HTTPConnection, asked: _Asked, coding: Coding) -> Viewer:
        reader = asgi_guard.reader_of(connection.scope)
        recheck = asgi_guard.recheck_of(connection.scope)
        viewer = self._live.open(asked.watch, coding, asked.cursor, reader, recheck)
        if asked.unreadable:
            viewer.tell(viewer.channel.gap(Gap("unreadable", None, viewer.channel.tap.now()), b""))
        return viewer

    def _origin(self, request: Request) -> Mapping[str, str]:
        """Let pages of other hosts read, if they may."""
        origin, allowed = request.headers.get("origin", ""), self._live.settings.allow_origins
        if origin and origin in allowed:
            return {"access-control-allow-origin": origin, "access-control-allow-credentials": "true", "vary": "origin"}
        return {"access-control-allow-origin": "*"} if "*" in allowed else {}


def _asked(connection: HTTPConnection, feed: Feed, others: frozenset[str]) -> _Asked:
    """Settle what a client asks for. Raises a `QuestionError`; `others` are parameters that the caller reads."""
    reader = asgi_guard.reader_of(connection.scope)
    query = connection.query_params
    watch = watching.watch(feed, _filters(query, others | _PLACES | {"since"}), reader)
    written = connection.headers.get("last-event-id") or next((query[name] for name in _PLACES if query.get(name)), "")
    if written:
        known = cursor.read(written)
        fits = known is not None and known.feed == feed.name
        return _Asked(watch, known if fits else None, unreadable=not fits)
    since = Cursor(feed.name, _moment(query, "since", time.time_ns())) if query.get("since") else None
    return _Asked(watch, since, unreadable=False)


def _filters(query: QueryParams, others: frozenset[str]) -> Mapping[str, list[str]]:
    """The filters of a query string; one that is given several times has several values."""
    filters: dict[str, list[str]] = {}
    for name, value in query.multi_items():
        if name not in others:
            filters.setdefault(_ALIASES.get(name, name), []).append(value)
    return filters


def _moment(query: QueryParams, name: str, now: int, *, default: str = "") -> int:
    try:
        return read_time(query.get(name) or default, now)
    except ValueError as problem:
        raise errors.BadParameterError(f"`{name}` is no moment", field=name, mend=f"{problem}.") from problem


def _limit(query: QueryParams) -> int:
    text = query.get("limit") or "1000"
    if not text.isdecimal() or not 1 <= int(text[:9]) <= _MOST_MISSED:
        mend = f"Give a whole number from 1 to {_MOST_MISSED}."
        raise errors.BadParameterError("`limit` is out of bounds", field="limit", mend=mend)
    return int(text)


async def _refuse(socket: WebSocket, error: errors.QuestionError) -> None:
    """Say why in words, then in a close code: browsers show a refused handshake to nobody."""
    told = errors.wire_error(error.code, error.message, mend=error.mend, field=error.field)
    await socket.send_text(json.dumps({"event": "error", "id": "", "data": told["error"]}))
    await socket.close(4000 + error.status, error.code)


def _operation(*shown: Feed, past: bool = False) -> dict[str, object]:
    """The parameters, for the OpenAPI document."""
    known = {name: one.help for feed in shown for name, one in feed.filters.items()}
    if len(shown) > 1:
        known = {"signal": f"{', '.join(feed.name for feed in shown)}; logs if it is not given.", **known}
    if past:
        known |= {"after": "Rows that arrived after this moment.", "until": "And until this one; now if not given."}
        known |= {"limit": f"Rows, about; 1,000 if not given, {_MOST_MISSED} at most."}
    else:
        known |= {"since": "Begin with what arrived after this moment, if it is still here; else now."}
        known |= {"last_event_id": "Go on from this id; the header Last-Event-ID says the same."}
    schema = {"type": "string"}
    listed = [{"name": name, "in": "query", "description": text, "schema": schema} for name, text in known.items()]
    kind = "application/json" if past else "text/event-stream"
    return {"parameters": listed, "responses": {"200": {"description": "Rows.", "content": {kind: {}}}}}
