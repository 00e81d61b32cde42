"""The house put together: which rooms run in this process, opened in order and closed the other way round.

    open:   store -> tables -> REST -> pipeline -> doors
    close:  doors (requests under way end) -> pipeline (what it holds is inserted) -> REST -> store

REST opens before the doors, so that `/readyz` says what is missing. A process that only receives opens REST as well,
with health and metrics and no questions. This is the composition root: the only place that knows all rooms.
"""

import asyncio
import contextlib
import errno
import os
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Protocol

import prometheus_client
from prometheus_client import CollectorRegistry

from ingest.batch import BatchLimits
from ingest.counters import Counters
from ingest.grpc_door import GrpcDoor
from ingest.http_door import HttpDoor
from ingest.pipeline import Pipeline, PipelineLimits
from otelhouse import addresses, opening
from otelhouse.opening import StartError
from otelhouse.progress import Progress
from otelhouse.rest_server import RestServer
from otelhouse.settings import Settings
from query import readiness, rest
from query.desk import Desk
from sql.catalogue import Catalogue, load_catalogue
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


@dataclass(slots=True)
class House:
    """One process of otelhouse. Made and used on one running event loop."""

    settings: Settings
    roles: Roles
    progress: Progress
    listening: dict[str, str] = field(default_factory=dict)
    """What listens where, such as ``OTLP/gRPC`` -> ``127.0.0.1:4317``; filled while opening."""
    _registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    _closing: AsyncExitStack = field(default_factory=AsyncExitStack)
    _doors_are_open: bool = False

    async def open(self) -> None:
        """Open every room of `roles`. Raises `StartError`; what was opened by then is closed again."""
        try:
            store = await self._open_store()
            await self._open_rest(store)
            if self.roles.ingest:
                await self._open_doors(store)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Close in order. Safe twice."""
        await self._closing.aclose()

    async def _open_store(self) -> Store:
        store = await opening.open_store(self.settings.store, self.progress)
        self._closing.push_async_callback(asyncio.to_thread, store.close)
        if self.settings.store.embedded:
            # The engine keeps the schemas of Protobuf inserts in `__cache__` below the working folder, and takes no
            # setting for another place. Beside its data it is sure to be writable, and in nobody's way.
            self._closing.enter_context(contextlib.chdir(self.settings.store.path.expanduser()))
        await opening.wait_for(store, self.settings, self.progress, make_database=self.roles.migrate)
        await opening.check_version(store)
        if self.roles.migrate:
            report = await opening.bring_tables_up_to_date(store, self.settings.sql, self.progress)
            opening.tell_left_alone(report)
        return store

    async def _open_rest(self, store: Store) -> None:
        prometheus_client.ProcessCollector(registry=self._registry)
        prometheus_client.PlatformCollector(registry=self._registry)
        questions = load_catalogue() if self.roles.serve else Catalogue(())
        desk = Desk(store, questions, self.settings.query)
        self._closing.push_async_callback(asyncio.to_thread, desk.close)
        checks = readiness.store_checks(store)
        if self.roles.ingest:
            checks["ingest"] = self._check_doors
        window = rest.build_app(desk, checks, self._registry)
        self._closing.callback(window.state.readiness.close)
        server = RestServer(window, self.settings.query.host, self.settings.query.port)
        self._closing.push_async_callback(server.stop, REST_GRACE)
        place = (self.settings.query.host, self.settings.query.port)
        port = await _listen(server, "query.port", *place)
        self.listening["REST"] = addresses.url(self.settings.query.host, port)

    def _check_doors(self) -> None:
        if not self._doors_are_open:
            raise readiness.NotReadyError("the OTLP doors are not open")

    async def _open_doors(self, store: Store) -> None:
        settings = self.settings.ingest
        counters = Counters(self._registry)
        pipeline = Pipeline(store, counters, self._pipeline_limits())
        self._closing.push_async_callback(pipeline.close)
        grpc = GrpcDoor(settings, pipeline, pipeline.budget, counters)
        http = HttpDoor(settings, pipeline, pipeline.budget, counters)
        self._closing.push_async_callback(self._close_doors, (grpc, http))
        port = await _listen(grpc, "ingest.grpc.port", settings.grpc.host, settings.grpc.port)
        self.listening["OTLP/gRPC"] = addresses.url(settings.grpc.host, port)
        port = await _listen(http, "ingest.http.port", settings.http.host, settings.http.port)
        self.listening["OTLP/HTTP"] = addresses.url(settings.http.host, port)
        self._doors_are_open = True

    async def _close_doors(self, doors: Sequence[Listener]) -> None:
        self._doors_are_open = False
        await asyncio.gather(*(door.stop(self._third_of_shutdown()) for door in doors))

    def _pipeline_limits(self) -> PipelineLimits:
        batch = self.settings.ingest.batch
        return PipelineLimits(
            memory_bytes=self.settings.ingest.memory_bytes,
            batch=BatchLimits(batch.max_bytes, batch.max_items, batch.max_age_ms / 1000),
            in_flight=batch.in_flight,
            close_within=self._third_of_shutdown(),
        )

    def _third_of_shutdown(self) -> float:
        """Seconds for the doors, and again for the pipeline; the last third is for REST and the store."""
        return self.settings.process.shutdown_s / 3


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
