"""A port before a server of a cluster, so that other servers' hanging up reaches it as an end and not as a reset.

In: connections of the other servers. Out: the same bytes at the server's own port. The servers of these tests abort,
the whole process, when a connection is reset, since what catches that in a real server is not in them; and a server
that gives up a question resets its connections to the other shards.
"""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine

HOST = "127.0.0.1"
_CHUNK = 1 << 16
_WAIT_S = 20.0


class Relay:
    """Hands bytes on from one port to another, in a thread of its own."""

    def __init__(self, port: int, target: int) -> None:
        self._port = port
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"relay {port}", daemon=True)
        self._thread.start()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        self.listen()

    def listen(self) -> None:
        """Take connections. Nothing happens where it does already."""
        self._do(self._listen())

    def refuse(self) -> None:
        """Take none, and break those that there are, as the end of the process behind it would."""
        self._do(self._refuse())

    def close(self) -> None:
        self.refuse()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_WAIT_S)
        self._loop.close()

    def _do(self, work: Coroutine[object, object, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_WAIT_S)

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._take, HOST, self._port)

    async def _refuse(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()
        broken = list(self._open)
        for task in broken:
            task.cancel()
        await asyncio.gather(*broken, return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._open.add(task)
        writers = [writer]
        try:
            from_server, to_server = await asyncio.open_connection(HOST, self._target)
            writers.append(to_server)
            await asyncio.gather(_hand_on(reader, to_server), _hand_on(from_server, writer))
        except (OSError, asyncio.CancelledError):
            pass  # the server is gone, or is said to be: whoever asks sees the connection end
        finally:
            self._open.discard(task)
            for one in writers:
                one.close()


async def _hand_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Until the source ends. What nobody wants any more is read all the same: closing on unread bytes is a reset."""
    with contextlib.suppress(ConnectionError):
        while data := await source.read(_CHUNK):
            if not sink.is_closing():
                with contextlib.suppress(ConnectionError):
                    sink.write(data)
                    await sink.drain()
    with contextlib.suppress(OSError):
        sink.write_eof()
