"""What is drained takes no more than its part of the memory, so that what comes in finds some."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from recording_store import PATIENCE, RecordingStore, Rule, always_well, body_of
from requests_made import logs_request

from ingest import wire
from ingest.batch import BatchLimits
from ingest.counters import Counters
from ingest.drain import DrainLimits
from ingest.pipeline import Pipeline, PipelineLimits
from ingest.spool.entry import Part, SpoolLimits
from ingest.spool.folder import Spool
from sql import time_bounds
from sql.settings import RetentionSettings
from sql.signals import Signal
from store.errors import NotReachableError

MEMORY = 100_000
UNITS = 5
EAGER = DrainLimits(first_pause=0.001, longest_pause=0.01, longest_wait=0.1)


class Draining:
    """A house that begins with units of equal size in its spool, and a store that takes nothing before `go_on`."""

    def __init__(self, folder: Path, share: float, store: RecordingStore, at_once: int = 2) -> None:
        self.store = store
        store.gate.clear()
        self.spool = Spool(folder, SpoolLimits(10**9, 86_400.0, 0))
        parcels = [wire.read(Signal.LOGS, logs_request(f"unit-{number}.")) for number in range(UNITS)]
        entries = [
            self.spool.append("logs", f"token-{number}", [Part(parcel.chunks, parcel.items)])
            for number, parcel in enumerate(parcels)
        ]
        (self.size,) = {entry.size for entry in entries}
        limits = PipelineLimits(
            MEMORY, BatchLimits(10**6, 10**5, 0.01), 2, drain=replace(EAGER, memory_share=share, at_once=at_once)
        )
        bounds = time_bounds.bounds(RetentionSettings())
        self.pipeline = Pipeline(store, Counters(CollectorRegistry()), limits, bounds, self.spool)

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110 - the disk and the drain tell nobody
                await asyncio.sleep(0.002)

    async def at_work(self, workers: int) -> None:
        """Wait until so many have a unit in hand, and one of them is at ClickHouse."""
        assert self.pipeline.spooling is not None
        queue = self.pipeline.spooling.queue("logs")
        await self.until(lambda: queue.units - queue.waiting == workers and self.store.inserts)

    async def drained(self) -> None:
        self.store.gate.set()
        await self.until(lambda: not self.spool.entries())
        text = b"".join(map(body_of, self.store.stored))
        assert [text.count(b"unit-%d." % number) for number in range(UNITS)] == [1] * UNITS
        assert self.pipeline.budget.used == 0


@asynccontextmanager
async def draining(folder: Path, share: float, rule: Rule = always_well, at_once: int = 2) -> AsyncIterator[Draining]:
    made = Draining(folder, share, store := RecordingStore(rule), at_once)
    made.pipeline.start()
    try:
        yield made
    finally:
        store.gate.set()
        await made.pipeline.close()


def run(play: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(play())  # type: ignore[arg-type]  # pytest hands coroutines


def test_units_that_fit_are_drained_at_once(tmp_path):
    async def play() -> None:
        async with draining(tmp_path, share=0.5) as house:
            await house.at_work(2)
            assert house.pipeline.budget.used == 2 * house.size
            await house.until(lambda: len(house.store.inserts) == 2)
            await house.drained()

    run(play)


def test_a_unit_beside_which_there_is_no_room_waits_for_it_in_hand(tmp_path):
    async def play() -> None:
        probe = Draining(tmp_path / "probe", 1.0, RecordingStore())
        await probe.pipeline.close()
        almost_two = (2 * probe.size - 1) / MEMORY
        async with draining(tmp_path / "spool", share=almost_two) as house:
            await house.at_work(2)
            assert house.pipeline.budget.used == house.size
            assert len(house.store.inserts) == 1
            await house.drained()
            assert house.pipeline.budget.peak == house.size, "at no time were there two"

    run(play)


def test_a_unit_that_alone_takes_more_than_the_part_is_drained_while_no_other_is(tmp_path):
    async def play() -> None:
        async with draining(tmp_path, share=0.0, at_once=4) as house:
            await house.at_work(4)
            assert house.pipeline.budget.used == house.size
            await house.drained()
            assert house.pipeline.budget.peak == house.size

    run(play)


@pytest.mark.parametrize("error", [NotReachableError("cut off"), ZeroDivisionError("a bug")])
def test_what_failed_gives_its_room_to_those_who_wait_for_it(tmp_path, error):
    async def play() -> None:
        async with draining(tmp_path, share=0.0, rule=lambda _insert, number: error if number == 1 else None) as house:
            await house.at_work(2)
            await house.drained()
            assert len(house.store.inserts) == UNITS + 1

    run(play)
