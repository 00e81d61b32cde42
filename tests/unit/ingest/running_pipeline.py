"""A pipeline with a recording store in ClickHouse's place, and what a test does with it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry
from recording_store import PATIENCE, RecordingStore

from identity.sender import Sender
from ingest.batch import BatchLimits
from ingest.counters import Counters
from ingest.delivery import RetryLimits
from ingest.intake import Accepted, Encoding
from ingest.pipeline import Pipeline, PipelineLimits
from sql import time_bounds
from sql.settings import RetentionSettings
from sql.signals import Signal
from store.port import Insert

NEVER = 3600.0
"""Seconds: an age that no batch of a test reaches."""


def limits(
    *, memory: int = 10**8, max_age: float = NEVER, in_flight: int = 4, close_within: float = PATIENCE
) -> PipelineLimits:
    batch = BatchLimits(max_bytes=10**6, max_items=10**5, max_age=max_age)
    retry = RetryLimits(retry_for=0.0, first_pause=0.001)
    return PipelineLimits(memory, batch, in_flight, retry, close_within=close_within)


def in_house(play: Callable[[Pipeline, RecordingStore], Awaitable[None]], bounds: PipelineLimits | None = None) -> None:
    async def run() -> None:
        store = RecordingStore()
        async with opened(store, bounds or limits()) as pipeline:
            await play(pipeline, store)
            store.gate.set()
        assert pipeline.budget.used == 0, "every byte is given back"

    asyncio.run(run())


@asynccontextmanager
async def opened(store: RecordingStore, bounds: PipelineLimits) -> AsyncIterator[Pipeline]:
    pipeline = Pipeline(store, Counters(CollectorRegistry()), bounds, time_bounds.bounds(RetentionSettings()))
    try:
        yield pipeline
    finally:
        store.gate.set()
        await pipeline.close()


def send(pipeline: Pipeline, body: bytes, signal: Signal = Signal.LOGS) -> "asyncio.Task[Accepted]":
    return asyncio.create_task(pipeline.accept(signal, body, Encoding.PROTOBUF, Sender("10.0.0.7")))


async def next_insert(store: RecordingStore) -> Insert:
    return await asyncio.to_thread(store.next_insert)


async def turns(count: int = 5) -> None:
    """Let everything that is ready on the loop run."""
    for _ in range(count):
        await asyncio.sleep(0)


async def bounded(task: "asyncio.Future[Accepted]") -> Accepted:
    return await asyncio.wait_for(task, PATIENCE)
