"""Requests to be stored once, for tests of the resend window."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry

from ingest.counters import Counters
from ingest.intake import Accepted
from ingest.resends import FILE, Clocks, Resends

OK = Accepted()
KEY, OTHER = b"k" * 16, b"o" * 16
PATIENCE = 20.0


class Clock:
    """A clock that a test sets."""

    def __init__(self, now: float = 1e6) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Work:
    """Stores a request, when the test lets it, and counts how often."""

    def __init__(self, outcome: Accepted | Exception = OK) -> None:
        self.times = 0
        self.began = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()
        self._outcome = outcome

    async def __call__(self) -> Accepted:
        self.times += 1
        self.began.set()
        await self.go_on.wait()
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome


@asynccontextmanager
async def opened(
    folder: Path,
    window: float = 60.0,
    registry: CollectorRegistry | None = None,
    clock: Callable[[], float] = time.monotonic,
    wall: Callable[[], float] = time.time,
    **options: object,
) -> AsyncIterator[Resends]:
    resends = Resends(folder, window, Counters(registry or CollectorRegistry()), clocks=Clocks(clock, wall), **options)
    try:
        async with asyncio.timeout(PATIENCE):
            yield resends
    finally:
        await resends.close()


def run(scenario: Callable[[], Coroutine[object, object, None]]) -> None:
    asyncio.run(scenario())


def counted(registry: CollectorRegistry, name: str = "resends") -> float | None:
    """What the window counted: `resends`, `resends_forgotten_early` or `resends_unwritten`."""
    return registry.get_sample_value(f"otelhouse_ingest_{name}_total")


def rows_on_disk(folder: Path) -> int:
    connection = sqlite3.connect(folder / FILE)
    try:
        return connection.execute("SELECT count(*) FROM answered").fetchone()[0]
    finally:
        connection.close()
