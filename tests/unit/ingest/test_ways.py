"""Which way a batch goes: to ClickHouse, to the spool, or not yet."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest
from prometheus_client import CollectorRegistry
from spool_parts import ROOMY, a_part

from ingest.batch import Batch, Lane
from ingest.counters import Counters
from ingest.crowding import AFTER_S, Crowding
from ingest.outlook import Outlooks
from ingest.settings import SpoolMode
from ingest.spool.folder import Spool
from ingest.spooling import Spooling
from ingest.units import UnitLimits
from ingest.ways import SPOOL_PLACES, Rules, Way, Ways
from sql.signals import Signal

PATIENCE = 20.0
"""Seconds that a test waits for what has to come."""
WAITS = 2.0
"""Seconds that a batch of these tests waits for a place at ClickHouse."""
MEMORY = 800
MUCH = 101
"""Bytes that make whoever holds them a crowd."""


class Crossing:
    """Both ways, along which nothing arrives before the test says so."""

    def __init__(self, spooling: Spooling | None, mode: SpoolMode = SpoolMode.WHEN_NEEDED, places: int = 8) -> None:
        self.outlooks = Outlooks()
        self.crowding = Crowding(MEMORY)
        self.direct = Way(places, self._deliver)
        self.spool = Way(SPOOL_PLACES, self._deliver)
        self.arrived = asyncio.Event()
        self.ended: list[Batch] = []
        rules = Rules(mode, WAITS)
        self.ways = Ways(self.direct, spooling, self.spool, self.outlooks, self.crowding, rules)

    async def _deliver(self, _batch: Batch) -> None:
        await self.arrived.wait()

    def free(self, batch: Batch, now: float = 0.0) -> Way | None:
        return self.ways.free_for(batch, now)

    def start(self, batch: Batch, way: Way) -> "asyncio.Task[None]":
        before = set(self.ways.tasks)
        self.ways.start(batch, way, lambda _task: self.ended.append(batch))
        (task,) = self.ways.tasks - before
        return task

    async def end(self) -> None:
        """Let everything under way arrive."""
        self.arrived.set()
        async with asyncio.timeout(PATIENCE):
            while tasks := self.ways.tasks:
                await asyncio.wait(tasks)


def batch(signal: Signal = Signal.LOGS, *, crowd: bool = False, opened: float = 0.0) -> Batch:
    return Batch(Lane(signal, crowd), opened)


def run(play: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(play())  # type: ignore[arg-type]  # pytest hands coroutines


@pytest.fixture
def spooling(tmp_path) -> Iterator[Spooling]:
    spooling = Spooling(Spool(tmp_path, ROOMY), Counters(CollectorRegistry()), UnitLimits(10**6, 10**5, 0.0))
    yield spooling
    asyncio.run(spooling.close())


def test_a_crowd_gets_a_quarter_of_the_places_while_others_are_there(spooling):
    async def play() -> None:
        crossing = Crossing(spooling)
        crossing.crowding.is_crowd("flood", MUCH, 0.0)
        crossing.crowding.is_crowd("polite", 1, 0.0)
        for _ in range(3):
            crossing.start(batch(), crossing.direct)
        for _ in range(2):
            assert crossing.free(batch(crowd=True)) is crossing.direct
            crossing.start(batch(crowd=True), crossing.direct)
        assert crossing.free(batch(crowd=True)) is None
        assert crossing.free(batch(Signal.TRACES, crowd=True)) is None, "crowds share the quarter"
        for _ in range(3):
            assert crossing.free(batch()) is crossing.direct
            crossing.start(batch(), crossing.direct)
        assert crossing.free(batch()) is None
        await crossing.end()
        assert crossing.free(batch(crowd=True)) is crossing.direct

    run(play)


def test_a_crowd_alone_gets_all_places_and_again_once_the_others_have_gone(spooling):
    async def play() -> None:
        crossing = Crossing(spooling, places=4)
        for _ in range(3):
            assert crossing.free(batch(crowd=True)) is crossing.direct
            crossing.start(batch(crowd=True), crossing.direct)
        crossing.crowding.is_crowd("polite", 1, 1.0)
        assert crossing.free(batch(crowd=True, opened=1.0), 1.0) is None
        gone = 1.0 + AFTER_S
        assert crossing.free(batch(crowd=True, opened=gone), gone) is crossing.direct
        await crossing.end()

    run(play)


@pytest.mark.parametrize("places", [1, 2, 3])
def test_a_crowd_gets_one_place_however_few_there_are(spooling, places):
    async def play() -> None:
        crossing = Crossing(spooling, places=places)
        crossing.crowding.is_crowd("polite", 1, 0.0)
        assert crossing.free(batch(crowd=True)) is crossing.direct
        crossing.start(batch(crowd=True), crossing.direct)
        assert crossing.free(batch(crowd=True)) is None
        await crossing.end()

    run(play)


def test_a_lane_is_busy_while_a_batch_of_it_is_under_way(spooling):
    async def play() -> None:
        crossing = Crossing(spooling)
        assert crossing.ways.busy == frozenset()
        crossing.start(batch(), crossing.direct)
        crossing.start(batch(), crossing.direct)
        crossing.start(batch(Signal.TRACES), crossing.direct)
        assert crossing.ways.busy == {Lane(Signal.LOGS), Lane(Signal.TRACES)}
        await crossing.end()
        assert crossing.ways.busy == frozenset()

    run(play)


def test_a_polite_lane_is_not_busy_beside_a_crowd(spooling):
    async def play() -> None:
        crossing = Crossing(spooling)
        crossing.start(batch(), crossing.direct)
        flood = crossing.start(batch(crowd=True), crossing.direct)
        assert crossing.ways.busy == {Lane(Signal.LOGS, crowd=True)}
        flood.cancel()
        await asyncio.wait({flood})
        assert crossing.ways.busy == {Lane(Signal.LOGS)}
        await crossing.end()

    run(play)


def test_a_lane_is_not_busy_by_what_went_where_its_next_batch_does_not_go(spooling):
    async def play() -> None:
        crossing = Crossing(spooling)
        crossing.start(batch(), crossing.direct)
        crossing.ways.hold_back("no tables yet")
        assert crossing.ways.busy == frozenset(), "the next batch goes to the disk, which has time"
        crossing.start(batch(), crossing.spool)
        assert crossing.ways.busy == {Lane(Signal.LOGS)}
        await crossing.end()

    run(play)


def test_held_back_everything_goes_to_the_spool_until_it_is_let_go(spooling):
    crossing = Crossing(spooling)
    crossing.ways.hold_back("no tables yet")
    assert crossing.ways.held_back == "no tables yet"
    assert [crossing.free(batch(signal)) for signal in Signal] == [crossing.spool] * 3
    crossing.ways.hold_back("")
    assert [crossing.free(batch(signal)) for signal in Signal] == [crossing.direct] * 3


def test_where_the_settings_say_always_everything_goes_to_the_spool(spooling):
    async def play() -> None:
        crossing = Crossing(spooling, SpoolMode.ALWAYS)
        assert crossing.free(batch()) is crossing.spool
        crossing.start(batch(), crossing.spool)
        waited = batch()
        assert crossing.free(waited, 100 * WAITS) is None, "not to ClickHouse, however long it waits"
        await crossing.end()

    run(play)


def test_a_batch_that_waited_too_long_for_a_place_goes_to_the_spool(spooling):
    async def play() -> None:
        crossing = Crossing(spooling, places=1)
        crossing.start(batch(), crossing.direct)
        waiting = batch(opened=1.0)
        assert crossing.free(waiting, 1.0 + WAITS - 0.1) is None
        assert crossing.free(waiting, 1.0 + WAITS) is crossing.spool
        await crossing.end()
        assert crossing.free(waiting, 1.0 + WAITS) is crossing.direct

    run(play)


def test_without_a_spool_a_batch_waits_for_a_place_for_as_long_as_it_takes():
    async def play() -> None:
        crossing = Crossing(None, places=1)
        crossing.ways.hold_back("no tables yet")
        crossing.outlooks["logs"].turned_bad("down")
        assert crossing.free(batch()) is crossing.direct
        crossing.start(batch(), crossing.direct)
        assert crossing.ways.overflow_after == float("inf")
        assert crossing.free(batch(), 1e9) is None
        await crossing.end()

    run(play)


def test_one_batch_of_a_lane_is_written_to_the_disk_at_a_time(spooling):
    async def play() -> None:
        crossing = Crossing(spooling, SpoolMode.ALWAYS)
        crossing.start(batch(), crossing.spool)
        assert crossing.free(batch()) is None
        others = [batch(crowd=True), batch(Signal.TRACES), batch(Signal.METRICS)]
        assert [crossing.free(other) for other in others] == [crossing.spool] * 3
        await crossing.end()
        assert crossing.free(batch()) is crossing.spool

    run(play)


def test_all_lanes_may_be_written_to_the_disk_at_once(spooling):
    async def play() -> None:
        crossing = Crossing(spooling, SpoolMode.ALWAYS)
        for signal in Signal:
            for crowd in (False, True):
                assert crossing.free(batch(signal, crowd=crowd)) is crossing.spool
                crossing.start(batch(signal, crowd=crowd), crossing.spool)
        await crossing.end()

    run(play)


def test_what_clickhouse_does_not_take_goes_to_the_spool_while_the_drain_has_something_to_try_with(spooling):
    async def play() -> None:
        crossing = Crossing(spooling)
        crossing.outlooks["logs"].turned_bad("down")
        assert crossing.free(batch()) is crossing.direct, "nobody else would find out that it is back"
        unit = await spooling.keep("logs", "token", [a_part()])
        assert crossing.free(batch()) is crossing.spool
        assert crossing.free(batch(Signal.TRACES)) is crossing.direct
        crossing.outlooks["logs"].turned_good()
        assert crossing.free(batch()) is crossing.direct, "what still waits holds up nothing"
        crossing.outlooks["logs"].turned_bad("down")
        await spooling.forget(unit)
        assert crossing.free(batch()) is crossing.direct

    run(play)


def test_a_batch_that_breaks_or_is_cancelled_gives_its_place_back(spooling):
    async def play() -> None:
        crossing = Crossing(spooling, places=1)
        given_up, broken = batch(), batch()
        task = crossing.start(given_up, crossing.direct)
        task.cancel()
        await asyncio.wait({task})
        assert crossing.free(broken) is crossing.direct

        async def breaks(_batch: Batch) -> None:
            raise ZeroDivisionError

        crossing.direct.deliver = breaks
        task = crossing.start(broken, crossing.direct)
        await asyncio.wait({task})
        assert isinstance(task.exception(), ZeroDivisionError)
        assert crossing.free(batch()) is crossing.direct
        assert crossing.ended == [given_up, broken]

    run(play)


def test_who_hears_of_an_end_finds_the_place_free(spooling):
    async def play() -> None:
        crossing = Crossing(spooling, places=1)
        found: list[Way | None] = []
        crossing.ways.start(batch(), crossing.direct, lambda _task: found.append(crossing.free(batch())))
        assert crossing.free(batch()) is None
        await crossing.end()
        assert found == [crossing.direct]

    run(play)
