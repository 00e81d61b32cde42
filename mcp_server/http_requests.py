"""HTTP before the protocol: bodies within bounds, pages of strangers out, and calls that end with their connection.

In: an ASGI application that answers in JSON, and one that answers in events. Out: an ASGI application. A request gets
events if it wants progress and takes events, and otherwise plain JSON, so that `curl` sees an answer and not a stream.
When the client hangs up, what was begun for it is cancelled: the SDK sees that by itself in a stream only.

Refused: 413 for a body that is too large, 415 for one that is not said to be JSON, 403 for a page of another origin (a
browser says by `Origin` whose page asks; programs send none).
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from identity.errors import ForeignPageError
from identity.host_check import check_origin
from query.errors import wire_error

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_WANTS_PROGRESS = b'"progressToken"'
_EVENTS = b"text/event-stream"


class Requests:
    """Stands before both applications."""

    def __init__(self, in_json: Application, in_events: Application, most_bytes: int) -> None:
        self._in_json = in_json
        self._in_events = in_events
        self._most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            check_origin(scope)
        except ForeignPageError as stranger:
            await refuse(
                send, 403, "foreign_page", str(stranger), "Ask from a program, or from a page of this address."
            )
            return
        if not _is_json(scope):
            await refuse(
                send, 415, "unsupported_media_type", "the body is not said to be JSON",
                "Send the header Content-Type: application/json.",
            )  # fmt: skip
            return
        body = await self._body(receive)
        if body is None:
            await refuse(
                send, 413, "too_large", f"the body has more than {self._most_bytes} bytes", "Send a smaller one."
            )
            return
        # Blanks around a value are not part of it (RFC 9110, section 5.5), and the server leaves them there.
        scope["headers"] = [(name, value.strip(b" \t")) for name, value in _headers(scope)]
        if not any(name == b"accept" for name, _ in _headers(scope)):
            # Who does not say takes anything (RFC 9110, section 12.5.1); the SDK would take it for nothing.
            scope["headers"] = [*_headers(scope), (b"accept", b"*/*")]
        application = self._in_events if _WANTS_PROGRESS in body and _takes_events(scope) else self._in_json
        await _until_gone(application, scope, body, receive, send)

    async def _body(self, receive: Receive) -> bytes | None:
        """The whole body; None for one that is too large."""
        body: bytes = b""
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return body  # gone before it was whole: the application finds it broken
            body += message.get("body", b"")
            if len(body) > self._most_bytes:
                return None
            if not message.get("more_body", False):
                return body


def _is_json(scope: Scope) -> bool:
    said = next((value for name, value in _headers(scope) if name == b"content-type"), b"")
    return said.partition(b";")[0].strip(b" \t").lower() == b"application/json"


def _takes_events(scope: Scope) -> bool:
    return any(name == b"accept" and _EVENTS in value.lower() for name, value in _headers(scope))


def _headers(scope: Scope) -> Iterable[tuple[bytes, bytes]]:
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    return headers


async def _until_gone(application: Application, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
    """Run the application as long as somebody waits for it."""
    gone = asyncio.Event()
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        if first:
            return first.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        gone.set()

    working = asyncio.ensure_future(application(scope, replay, send))
    watching = asyncio.create_task(watch(), name="hung-up")
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            working.cancel()
        await asyncio.wait({working})
    finally:
        working.cancel()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    if not working.cancelled() and (problem := working.exception()) is not None:
        raise problem


async def refuse(send: Send, status: int, code: str, message: str, mend: str) -> None:
    """Answer with an error in the house's shape."""
    body = (json.dumps(wire_error(code, message, mend=mend)) + "\n").encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
