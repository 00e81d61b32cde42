"""A stream over a WebSocket that is accepted.

In: the socket and a viewer. Out: messages until the client leaves, then a close code: 1012 when the house restarts,
4401 when the client's token does not hold any more. What clients send is read and ignored. Pings are the server's
(`ingest.http_server.server_config`): a client that answers none is cut.
"""

import asyncio

from starlette.websockets import WebSocket, WebSocketDisconnect

from sse_proxy.streams import CLOSING, DEAD, GONE, REVOKED
from sse_proxy.viewer import Viewer

RESTART, POLICY, TRY_LATER = 1012, 4401, 1013
"""https://www.iana.org/assignments/websocket/websocket.xhtml#close-code-number"""
_CODES = {CLOSING: RESTART, REVOKED: POLICY, DEAD: TRY_LATER}


async def serve(socket: WebSocket, viewer: Viewer) -> None:
    """Write until the end."""
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("a stream is written by a task")
    viewer.cut = task.cancel
    gone = asyncio.create_task(_wait_until_gone(socket, viewer), name="socket-gone")
    try:
        await _write(socket, viewer)
        if viewer.ended != GONE:
            await socket.close(_CODES.get(viewer.ended, RESTART), viewer.ended)
    except asyncio.CancelledError:
        if viewer.ended != DEAD:
            raise
        task.uncancel()
    except WebSocketDisconnect:
        viewer.end(GONE)  # it left while something was written
    finally:
        gone.cancel()


async def _write(socket: WebSocket, viewer: Viewer) -> None:
    clock = asyncio.get_running_loop().time
    while (texts := await viewer.next()) is not None and viewer.ended != GONE:
        viewer.writing_since = clock()
        for text in texts:
            await socket.send_text(text)
        viewer.writing_since = 0.0


async def _wait_until_gone(socket: WebSocket, viewer: Viewer) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass  # whatever a client says, in text or bytes
    viewer.end(GONE)
