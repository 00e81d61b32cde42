"""The house put together: which rooms run in this process, opened in order and closed the other way round.

    open:   store -> tables -> clusters -> spool -> pipeline -> REST -> MCP -> doors
    close:  doors (requests under way end) -> MCP -> REST -> pipeline (what it holds is inserted or spooled) -> spool
            -> clusters -> store

Where there is a spool, a server that does not answer holds up nothing: the doors open, everything goes to the spool,
and the tables are brought up to date when the server is there. REST opens before the doors, so that `/readyz` says what
is missing. A process that only receives opens REST as well, with health and metrics and no questions. This is the
composition root: the only place that knows all rooms.
"""

import asyncio
import errno
import os
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

import prometheus_client
from prometheus_client import CollectorRegistry

from identity.audit_line import Deed
from identity.tls_settings import Door
from ingest.admission import Admission
from ingest.counters import Counters
from ingest.grpc_door import GrpcDoor
from ingest.http_door import HttpDoor
from ingest.pipeline import Pipeline
from ingest.settings import SpoolMode
from ingest.spooling import Spooling
from mcp_server.settings import PATH
from otelhouse import (
    addresses,
    audit_opening,
    canary_window,
    cluster_watching,
    dead_letter_window,
    engine_folder,
    opening,
    question_opening,
    receiving,
    spool_window,
)
from otelhouse.canary_opening import CanaryRoom
from otelhouse.cluster_watching import Watching
from otelhouse.disk_watch import CHECK as DISK
from otelhouse.disk_watch import DiskWatch
from otelhouse.holding import Holding
from otelhouse.importing import no_garbage
from otelhouse.locks import Locks, open_locks
from otelhouse.opening import NotYetError, StartError
from otelhouse.own_telemetry import OwnTelemetry
from otelhouse.progress import Progress
from otelhouse.rest_server import RestServer
from otelhouse.settings import Settings
from otelhouse.streaming import TellingStore
from query import readiness, rest
from query.desk import Desk
from sql import time_bounds
from sql.catalogue import Catalogue, load_catalogue
from sse_proxy import window as stream_window
from sse_proxy.streams import Streams
from store.port import Store

REST_GRACE = 5.0
"""Seconds that questions under way have when the house closes; their askers can ask again."""


class Listener(Protocol):
    """A door to the outside."""

    async def start(self) -> int:
        """Listen; gives the port. Raises `OSError`."""

    async def stop(self, grace: float) -> None:
        """Take nothing new and end within `grace` seconds. Safe twice, and without a start."""


@dataclass(frozen=True, slots=True)
class Roles:
    """What this process does."""

    ingest: bool = True
    """Receive OTLP."""
    serve: bool = True
    """Answer questions."""
    migrate: bool = True
    """Bring the tables up to date before anything else."""
    mcp: bool = True
    """Answer agents."""

    @property
    def rest(self) -> bool:
        """Whether REST opens; a process that only answers agents has health and metrics at their port."""
        return self.ingest or self.serve


def _load_mcp() -> None:
    """Load what speaks MCP: a third of a start, which no house without that window has to take.

    Here, and not where it is used: before anybody waits for an answer, and before the working folder changes.
    """
    with no_garbage():
        from otelhouse import agents_opening  # noqa: F401, PLC0415


@dataclass(slots=True)
class House:
    """One process of otelhouse. Made and used on one running event loop."""

    settings: Settings
    roles: Roles
    progress: Progress
    first_deed: Deed | None = None
    """What the audit trail begins with: the configuration in force."""
    listening: dict[str, str] = field(default_factory=dict)
    """What listens where, such as ``OTLP/gRPC`` -> ``127.0.0.1:4317``; filled while opening."""
    _registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    _closing: AsyncExitStack = field(default_factory=AsyncExitStack)
    _began_in: Path = field(default_factory=Path.cwd)
    """The working folder at the start, which relative paths in settings mean."""
    _counters: Counters = field(init=False)
    _locks: Locks = field(init=False)
    _watching: Watching | None = None
    _disks: DiskWatch | None = None
    _canary: CanaryRoom = field(init=False)
    _user_checks: dict[str, readiness.Check] = field(default_factory=dict)
    """Where questions have a ClickHouse user of their own: that it is let in."""
    _doors_are_open: bool = False

    def __post_init__(self) -> None:
        # A third of `/metrics`, which nobody asks for.
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # it has no annotations
        self._counters = Counters(self._registry)
        self._canary = CanaryRoom(self.settings, self._registry, self._began_in)

    @property
    def registry(self) -> CollectorRegistry:
        """The figures of all rooms, for `/metrics`."""
        return self._registry

    async def open(self) -> None:
        """Open every room of `roles`. Raises `StartError`; what was opened by then is closed again."""
        if self.roles.mcp:
            _load_mcp()
        try:
            # Before anything changes the working folder, which relative paths mean.
            self._locks = await open_locks(self.settings, self._hosts(), self._registry, self._began_in, self._closing)
            if self.first_deed is not None:
                self._locks.trail.record(self.first_deed)
            store = await self._open_store()
            late = await self._bring_up(store)
            asking = self._open_questions(store)
            own = self._open_own_telemetry(store)
            streams = Streams(asking, self.settings.streams, self._registry)
            self._watching = await self._open_watching(store) if self.roles.ingest else None
            pipeline = (
                await self._open_pipeline(TellingStore(own.noting(store), streams)) if self.roles.ingest else None
            )
            self._connect_trail(store, pipeline)
            self._disks = DiskWatch(store, self.settings.store, self._registry)
            self._closing.push_async_callback(self._disks.close)
            desk = self._open_desk(own.noting(asking))
            checked = await self._open_rest(store, pipeline, streams, desk) if self.roles.rest else None
            if self.roles.mcp:
                await self._open_mcp(store, desk, checked)
            if pipeline is not None:
                self._begin_to_store(store, pipeline, late)
                await self._open_doors(pipeline)
            else:
                self._disks.start(None)
            self._open_canary(store)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Close in order. Safe twice."""
        await self._closing.aclose()

    def _hosts(self) -> dict[str, str]:
        """The addresses that this process listens on, by setting."""
        hosts = {"query.host": self.settings.query.host} if self.roles.rest else {}
        if self.roles.mcp:
            hosts["mcp.host"] = self.settings.mcp.host
        if self.roles.ingest:
            ingest = self.settings.ingest
            hosts |= {"ingest.grpc.host": ingest.grpc.host, "ingest.http.host": ingest.http.host}
        return hosts

    async def _open_store(self) -> Store:
        store = await opening.open_store(self.settings.store, self.progress)
        self._closing.push_async_callback(asyncio.to_thread, store.close)
        if self.settings.store.embedded:
            self._closing.enter_context(engine_folder.working_in(self.settings.store.path))
        return store

    def _open_questions(self, store: Store) -> Store:
        """The store for those who only ask."""
        asking = question_opening.open_questions(self.settings, store, self._began_in)
        self._closing.push_async_callback(asyncio.to_thread, asking.close)
        if question_opening.has_own_user(self.settings):
            self._user_checks[readiness.QUESTIONS] = readiness.question_check(asking)
        return asking

    def _open_own_telemetry(self, store: Store) -> OwnTelemetry:
        own = OwnTelemetry(self.settings.own_telemetry, self._registry, self._began_in)
        self._closing.push_async_callback(own.close)
        own.start(store)
        return own

    async def _bring_up(self, store: Store) -> NotYetError | None:
        """Bring ClickHouse and its tables up; gives why not, where this house can begin without."""
        spooled = self.settings.ingest.spool.mode is not SpoolMode.NEVER
        can_wait = self.roles.ingest and spooled and not self.settings.store.embedded
        try:
            await self._make_ready(store, 0.0 if can_wait else self.settings.process.store_wait_s)
        except NotYetError as error:
            if not can_wait:
                raise
            self.progress.say(f"{error}; what comes in goes to the spool meanwhile")
            return error
        return None

    async def _make_ready(self, store: Store, wait_s: float) -> None:
        await opening.bring_up(store, self.settings, self.progress, with_tables=self.roles.migrate, wait_s=wait_s)

    async def _open_watching(self, store: Store) -> Watching | None:
        return await cluster_watching.open_watching(self.settings.enrich, self._registry, store, self._closing)

    async def _open_pipeline(self, store: Store) -> Pipeline:
        spool = await receiving.open_spool(self.settings, self._began_in)
        resends = await receiving.open_resends(self.settings, self._counters, spool)
        pipeline = receiving.open_pipeline(self.settings, store, self._counters, spool, resends)
        if self._watching is not None:
            pipeline.enrich_with(self._watching.enriched.stage)
        self._closing.push_async_callback(pipeline.close)
        return pipeline

    def _connect_trail(self, store: Store, pipeline: Pipeline | None) -> None:
        trail = self._locks.trail
        if pipeline is None:
            trail.connect(audit_opening.through_store(store))
        else:
            trail.connect(audit_opening.through_pipeline(pipeline.keep_rows, asyncio.get_running_loop()))
        self._closing.push_async_callback(asyncio.to_thread, trail.disconnect)

    def _begin_to_store(self, store: Store, pipeline: Pipeline, late: NotYetError | None) -> None:
        holding = Holding(pipeline)
        watch = receiving.ViewWatch(store, holding.of("views"))
        self._closing.push_async_callback(watch.close)

        def keep_watch() -> None:
            watch.start()
            if self._disks is not None:
                self._disks.start(holding.of("disk"))

        if late is None:
            pipeline.start()
            keep_watch()
            return
        pipeline.hold_back(str(late))
        pipeline.start()

        def arrived() -> None:
            pipeline.let_go()
            keep_watch()

        arrival = receiving.Arrival(lambda: self._make_ready(store, 0.0), arrived)
        self._closing.push_async_callback(arrival.close)
        arrival.start()

    def _open_desk(self, store: Store) -> Desk:
        prometheus_client.ProcessCollector(registry=self._registry)
        prometheus_client.PlatformCollector(registry=self._registry)
        asked = self.roles.serve or self.roles.mcp
        questions = load_catalogue(cluster=self.settings.store.cluster) if asked else Catalogue(())
        desk = Desk(store, questions, self.settings.query)
        self._closing.push_async_callback(asyncio.to_thread, desk.close)
        return desk

    async def _open_rest(
        self, store: Store, pipeline: Pipeline | None, streams: Streams, desk: Desk
    ) -> readiness.Readiness:
        of_clickhouse = readiness.store_checks(store)
        if self.roles.serve or self.roles.mcp:
            of_clickhouse |= self._user_checks
        checks = dict(of_clickhouse)
        tolerated: Sequence[str] = ()
        if pipeline is not None:
            checks["ingest"] = self._check_doors
            if pipeline.spooling is not None:
                checks["spool"] = partial(_check_spool, pipeline, pipeline.spooling)
                tolerated = tuple(of_clickhouse)
        if self.settings.store.cluster:
            checks[readiness.SHARDS] = readiness.shard_check(store)
            tolerated = (*tolerated, readiness.SHARDS)
        if self._watching is not None:
            checks |= self._watching.checks()
            tolerated = (*tolerated, cluster_watching.CHECK)
        if self._disks is not None:
            checks[DISK] = self._disks.check
            tolerated = (*tolerated, DISK)
        window = rest.build_app(desk, checks, self._registry, tolerated, self._locks.doorkeeping)
        self._closing.callback(window.state.readiness.close)
        if pipeline is not None:
            bounds = time_bounds.bounds(self.settings.sql.retention)
            window.include_router(spool_window.router(pipeline))
            window.include_router(dead_letter_window.router(store, bounds, self._locks.trail.record))
        if self.roles.serve:
            window.include_router(stream_window.router(streams))
            window.include_router(canary_window.router(lambda: self._canary.mode, self._canary.standings))
            streams.start()
        place = (self.settings.query.host, self.settings.query.port)
        server = RestServer(window, *place, self._locks.tls.at("rest"))
        self._closing.push_async_callback(server.stop, REST_GRACE)
        self._closing.push_async_callback(streams.close)  # before the server, which waits for its answers to end
        self._tell("REST", "rest", place[0], await _listen(server, "query.port", *place))
        checked: readiness.Readiness = window.state.readiness
        return checked

    async def _open_mcp(self, store: Store, desk: Desk, checked: readiness.Readiness | None) -> None:
        """`checked`: the checks behind REST's `/readyz`, which are this port's too; None where there is no REST."""
        from mcp_server.window import Window  # noqa: PLC0415 - see _load_mcp
        from otelhouse import agents_opening  # noqa: PLC0415

        if checked is None:
            checks = readiness.store_checks(store) | self._user_checks
            checked = readiness.Readiness(checks, self.settings.query.ready_seconds)
            self._closing.callback(checked.close)
        record = self._locks.trail.record
        ground = agents_opening.Ground(self.settings, store, desk, self._registry, self._began_in, record)
        behind = await agents_opening.open_behind(ground, self._closing)
        window = Window(behind, checked, self._locks.doorkeeping, with_metrics=not self.roles.rest)
        await window.start()
        self._closing.push_async_callback(window.stop)
        place = (self.settings.mcp.host, self.settings.mcp.port)
        server = RestServer(window, *place, self._locks.tls.at("mcp"))
        self._closing.push_async_callback(server.stop, REST_GRACE)
        port = await _listen(server, "mcp.port", *place)
        self._tell("MCP", "mcp", place[0], port)
        self.listening["MCP"] += PATH

    def _open_canary(self, store: Store) -> None:
        """Where there is the whole way, prove it; where questions alone are answered, tell what others found."""
        if self.roles.ingest and self.roles.serve and self.settings.canary.enabled:
            self._canary.start(store, self.listening, self._locks.gates, self._closing)
        elif self.roles.serve and not self.roles.ingest:
            self._canary.follow(store, self._closing)

    def _check_doors(self) -> None:
        if not self._doors_are_open:
            raise readiness.NotReadyError("the OTLP doors are not open")

    async def _open_doors(self, pipeline: Pipeline) -> None:
        settings = self.settings.ingest
        admission = Admission(self._locks.gates.ingest.admit)
        grpc = GrpcDoor(settings, pipeline, pipeline.budget, self._counters, self._locks.tls.at("grpc"), admission)
        http = HttpDoor(settings, pipeline, pipeline.budget, self._counters, self._locks.tls.at("http"), admission)
        self._closing.push_async_callback(self._close_doors, (grpc, http))
        port = await _listen(grpc, "ingest.grpc.port", settings.grpc.host, settings.grpc.port)
        self._tell("OTLP/gRPC", "grpc", settings.grpc.host, port)
        port = await _listen(http, "ingest.http.port", settings.http.host, settings.http.port)
        self._tell("OTLP/HTTP", "http", settings.http.host, port)
        self._doors_are_open = True

    def _tell(self, what: str, door: Door, host: str, port: int) -> None:
        self.listening[what] = addresses.url(host, port, secure=self.settings.identity.tls.at(door))

    async def _close_doors(self, doors: Sequence[Listener]) -> None:
        """Seconds for the doors, and again for the pipeline, are a third of all; the last is for REST and the store."""
        self._doors_are_open = False
        await asyncio.gather(*(door.stop(self.settings.process.shutdown_s / 3) for door in doors))


def _check_spool(pipeline: Pipeline, spooling: Spooling) -> None:
    if spooling.full and (bad := pipeline.outlooks.bad()):
        raise readiness.NotReadyError(f"{spooling.full}, and ClickHouse does not take {', '.join(bad)}")


async def _listen(listener: Listener, key: str, host: str, port: int) -> int:
    try:
        return await listener.start()
    except OSError as error:
        other_port = f"another port: --set {key}=PORT, or {addresses.variable(key)}"
        if error.errno == errno.EADDRINUSE:
            mend = f"{os.strerror(error.errno)}. Is another otelhouse running? Stop it, or take {other_port}"
        else:
            # A door's own words name the address once more; the reason alone is in their cause.
            cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
            mend = f"{cause.strerror or cause}. Take another address, or {other_port}"
        message = f"cannot listen on {host} port {port}: {mend}"
        raise StartError(message) from error
