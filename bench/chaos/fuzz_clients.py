"""Sends any bytes to both front doors and tells what came back: an HTTP status, a gRPC code, or that nothing did.

In: `Case`s. Out: an `Answer` each. It knows no more of HTTP than a request's and an answer's head, so that it never
refuses to send what is wrong. A connection that the house closes is opened again.
"""

import asyncio
import contextlib
from dataclasses import dataclass

import grpc.aio

from bench.chaos.clients import METHODS, PATHS, retry_delay
from bench.chaos.fuzz_cases import Case

PATIENCE = 30.0
NOTHING = -1
"""No answer: the connection was closed before one, or it took longer than `PATIENCE`."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the house said."""

    status: int
    words: str = ""
    retry: bool = False
    """Whether it asks to come again after a while."""


class HttpDoor:
    """One connection to OTLP/HTTP, one request at a time."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, case: Case) -> Answer:
        """Send one request; once more on a new connection where the old one had just been closed."""
        for fresh in (self._streams is None, True):
            try:
                async with asyncio.timeout(PATIENCE):
                    return await self._exchange(case)
            except (OSError, asyncio.IncompleteReadError, TimeoutError, ValueError) as error:
                await self.close()
                if fresh:
                    return Answer(NOTHING, f"{type(error).__name__}: {error}")
        raise AssertionError("the second try always answers")

    async def close(self) -> None:
        """Let go of the connection."""
        if self._streams is not None:
            self._streams[1].close()
            with contextlib.suppress(OSError):
                await self._streams[1].wait_closed()
            self._streams = None

    async def _exchange(self, case: Case) -> Answer:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        head = [f"{case.method} {case.path or PATHS[case.signal]} HTTP/1.1", "host: chaos"]
        head += [f"content-length: {len(case.body)}", f"content-type: {case.content_type}"]
        head += [f"content-encoding: {case.coding}"] if case.coding else []
        writer.write("\r\n".join([*head, "", ""]).encode() + case.body)
        await writer.drain()
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
        fields = dict(line.split(":", 1) for line in lines[1:] if ":" in line)
        body = await reader.readexactly(int(fields.get("content-length", "0")))
        if fields.get("connection", "").strip() == "close":
            await self.close()
        return Answer(int(lines[0].split()[1]), body[:300].decode(errors="replace"), "retry-after" in fields)


class GrpcDoor:
    """One channel, any number of calls at once."""

    def __init__(self, target: str) -> None:
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_reconnect_backoff_ms", 500)]
        self._channel = grpc.aio.insecure_channel(target, options)
        self._calls = {
            signal: self._channel.unary_unary(method, request_serializer=None, response_deserializer=None)
            for signal, method in METHODS.items()
        }

    async def send(self, case: Case) -> Answer:
        """Make one call."""
        try:
            await self._calls[case.signal](case.body, timeout=PATIENCE)
        except grpc.aio.AioRpcError as error:
            packed = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
            if packed is None:
                return Answer(NOTHING, f"{error.code().name}: {error.details()}")
            return Answer(error.code().value[0], str(error.details()), retry_delay(packed) is not None)
        return Answer(0)

    async def close(self) -> None:
        """Let go of the channel."""
        await self._channel.close()


async def garbage(port: int, data: bytes) -> None:
    """Send bytes that are no request of any protocol, and read until the house has had enough of it."""
    try:
        async with asyncio.timeout(2.0):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(data)
            writer.write_eof()
            await reader.read()
            writer.close()
    except (OSError, TimeoutError):
        pass  # a reset is an answer, and so is silence until its own timeouts: that it lives on is looked at elsewhere
