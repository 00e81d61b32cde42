"""A stream as the answer to a GET: Server-Sent Events, written as they come.

In: a viewer that is open. Out: an ASGI response that lasts until its client leaves or the stream ends. It writes chunks
as they are, with no framework between: a chunk was written once for everybody who gets it.
"""

import asyncio
from collections.abc import Callable, Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sse_proxy.streams import GONE
from sse_proxy.viewer import Viewer

HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
    "x-content-type-options": "nosniff",
}
ABORT = "otelhouse.abort"
"""In the extensions of an ASGI scope: a function that ends the connection, whatever waits in it."""


class EventStream(Response):
    """One stream."""

    def __init__(self, viewer: Viewer, left: Callable[[Viewer], None], headers: Mapping[str, str]) -> None:
        """`left` is told when it is over."""
        super().__init__(headers={**HEADERS, **headers})
        del self.headers["content-length"]  # nobody knows it
        self._viewer = viewer
        self._left = left

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write until the end."""
        viewer = self._viewer
        viewer.cut = (scope.get("extensions") or {}).get(ABORT) or _cancelling()
        gone = asyncio.create_task(_wait_until_gone(viewer, receive), name="stream-gone")
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await self._write(viewer, send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            gone.cancel()
            self._left(viewer)

    async def _write(self, viewer: Viewer, send: Send) -> None:
        clock = asyncio.get_running_loop().time
        while (chunk := await viewer.next()) is not None:
            viewer.writing_since = clock()
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            viewer.writing_since = 0.0


async def _wait_until_gone(viewer: Viewer, receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    viewer.end(GONE)


def _cancelling() -> Callable[[], object]:
    """Where the server has no way to end a connection: end what writes to it."""
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("a stream is written by a task")
    return task.cancel
