"""A REST window with streams behind a real server, and a client that reads Server-Sent Events off a socket."""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry

import ready_tables
from otelhouse.rest_server import RestServer
from query.desk import Desk
from query.doorkeeping import Doorkeeping
from query.rest import build_app
from query.settings import QuerySettings
from sql.catalogue import Catalogue
from sql.settings import RetentionSettings, SchemaSettings
from sse_proxy import window
from sse_proxy.settings import StreamSettings
from sse_proxy.streams import Streams
from store.port import Insert, Store

PATIENCE = 60.0
SECOND = 10**9
FAST = {"poll_s": 0.05, "pause_s": 0.0, "overlap_s": 5.0}
"""Settings for tests, which wait for nothing."""


def make_tables(store: Store) -> None:
    """Every table, whose rows are kept for ever."""
    keep = RetentionSettings(logs_days=0, traces_days=0, metrics_days=0, events_days=0)
    ready_tables.make(store, SchemaSettings(retention=keep, fsync_inserts=False))


def put(store: Store, table: str, rows: Sequence[Mapping[str, object]]) -> None:
    """One INSERT."""
    lines = [json.dumps(row).encode() + b"\n" for row in rows]
    store.insert(Insert(table, "JSONEachRow", lines, token=uuid.uuid4().hex))


def at(nanoseconds: int) -> str:
    """A moment as ClickHouse reads it."""
    seconds, rest = divmod(nanoseconds, SECOND)
    return f"{seconds}.{rest:09d}"


def event(name: str, *, ingested: int | None = None, **more: object) -> Mapping[str, object]:
    """A row of otel_k8s_events; `ingested` in nanoseconds, now if not given."""
    moment = time.time_ns() if ingested is None else ingested
    row = {
        "ClusterName": "east",
        "Namespace": "shop",
        "Kind": "Pod",
        "Name": name,
        "Uid": f"uid of {name}",
        "ApiVersion": "v1",
        "Reason": "BackOff",
        "Type": "Warning",
        "Message": f"{name} restarts",
        "Count": 1,
        "EventUid": f"event of {name}",
        "EventTime": "2026-11-20 10:05:00.000000000",
        "CompositionId": "",
        "IngestedAt": at(moment),
    }
    return {**row, **more}


def log(body: str, *, ingested: int | None = None, **more: object) -> Mapping[str, object]:
    """A row of otel_logs."""
    moment = time.time_ns() if ingested is None else ingested
    return {"Timestamp": at(moment), "Body": body, "ServiceName": "shop", "IngestedAt": at(moment), **more}


@dataclass
class Message:
    """One block of a stream."""

    event: str = "message"
    data: str = ""
    id: str = ""

    @property
    def json(self):
        return json.loads(self.data)


@dataclass
class Watcher:
    """Reads one stream, and remembers its place as a browser does."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    status: int
    headers: Mapping[str, str]
    place: str = ""
    comments: list[str] = field(default_factory=list)
    retry: int = 0
    _left: bytes = b""

    async def block(self) -> Message | None:
        """The next block with data; None at the end of the stream."""
        while True:
            while b"\n\n" not in self._left:
                part = await self._chunk()
                if not part:
                    return None
                self._left += part
            block, _, self._left = self._left.partition(b"\n\n")
            if (message := self._read(block.decode())) is not None:
                return message

    async def names(self, most: int, key: Callable[[dict], str] = lambda data: data["metadata"]["name"]) -> list[str]:
        """What the next `most` rows say."""
        found = []
        while len(found) < most:
            message = await asyncio.wait_for(self.block(), PATIENCE)
            assert message is not None, f"the stream ended after {found}"
            found.append(key(message.json))
        return found

    async def greeted(self) -> "Watcher":
        """Wait until the stream has begun; what is stored from now on is in it."""
        while not self.place:
            while b"\n\n" not in self._left:
                part = await asyncio.wait_for(self._chunk(), PATIENCE)
                assert part, "the stream ended"
                self._left += part
            block, _, self._left = self._left.partition(b"\n\n")
            assert self._read(block.decode()) is None
        return self

    def cut(self) -> str:
        """Break off; gives the place to go on from."""
        self.writer.transport.abort()
        return self.place

    def _read(self, block: str) -> Message | None:
        message = Message(id=self.place)
        data = []
        for line in block.split("\n"):
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if not name:
                self.comments.append(value)
            elif name == "data":
                data.append(value)
            elif name == "event":
                message.event = value
            elif name == "id":
                message.id = self.place = value
            elif name == "retry":
                self.retry = int(value)
        message.data = "\n".join(data)
        return message if data else None

    async def _chunk(self) -> bytes:
        try:
            size = int((await self.reader.readline()).strip() or b"0", 16)
            body = await self.reader.readexactly(size)
            await self.reader.readexactly(2)
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""
        return body

    async def body(self):
        """The whole answer, where it has a length."""
        return json.loads(await self.reader.readexactly(int(self.headers["content-length"])))


@dataclass
class House:
    """What listens."""

    store: Store
    streams: Streams
    registry: CollectorRegistry
    port: int
    watchers: list[Watcher] = field(default_factory=list)

    async def watch(self, path: str = "/notifications/", **headers: str) -> Watcher:
        """Open a stream, or get the refusal."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", "Accept: text/event-stream"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        status = int((await asyncio.wait_for(reader.readline(), PATIENCE)).split()[1])
        told = {}
        while line := (await reader.readline()).strip():
            name, _, value = line.decode().partition(":")
            told[name.lower()] = value.strip()
        self.watchers.append(Watcher(reader, writer, status, told, headers.get("Last_Event_ID", "")))
        return self.watchers[-1]

    async def follow(self, path: str = "/notifications/", **headers: str) -> Watcher:
        """Open a stream, and wait until it has begun."""
        watcher = await self.watch(path, **headers)
        assert watcher.status == 200, await watcher.body()
        return await watcher.greeted()

    def figure(self, name: str, **labels: str) -> float:
        found = (self.registry.get_sample_value(f"otelhouse_stream_{name}{end}", labels) for end in ("", "_total"))
        return next((value for value in found if value is not None), 0.0)

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(PATIENCE):
            while not true():  # noqa: ASYNC110 - figures tell nobody when they change
                await asyncio.sleep(0.005)


@asynccontextmanager
async def house(store: Store, keeping: Doorkeeping | None = None, **settings: object) -> AsyncIterator[House]:
    """One process's window on `store`; its tables are there."""
    registry = CollectorRegistry()
    streams = Streams(store, StreamSettings(**{**FAST, **settings}), registry)
    desk = Desk(store, Catalogue(()), QuerySettings())
    app = build_app(desk, {}, registry, doorkeeping=keeping)
    app.include_router(window.router(streams))
    streams.start()
    server = RestServer(app, "127.0.0.1", 0)
    here = House(store, streams, registry, await server.start())
    try:
        yield here
    finally:
        await streams.close()
        for watcher in here.watchers:
            watcher.cut()
        await server.stop(1.0)
        app.state.readiness.close()
        desk.close()
