"""Before ClickHouse's disk is full there is an alarm, and then nothing more goes there."""

import asyncio
import logging

import pytest
from prometheus_client import CollectorRegistry

from otelhouse import disk_watch
from otelhouse.disk_watch import DiskWatch
from otelhouse.holding import Holding
from query.readiness import NotReadyError
from store.errors import NotReachableError, PermanentError
from store.port import Answer, Column, Select
from store.settings import StoreSettings

GIB = 1024**3
SETTINGS = StoreSettings(keep_free_bytes=10 * GIB, low_free_ratio=0.2)
COLUMNS = tuple(Column(name, "String") for name in ("name", "path", "free", "total"))


class Disks:
    """A ClickHouse whose disks are as a test says; after the last look it stops being asked."""

    def __init__(self, *looks) -> None:
        self.looks = list(looks)
        self.seen_all = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def select(self, select: Select) -> Answer:
        if not self.looks:
            self._loop.call_soon_threadsafe(self.seen_all.set)
            raise NotReachableError("that was the last look")
        look = self.looks.pop(0)
        if isinstance(look, Exception):
            raise look
        rows = [(name, f"/{name}", free * GIB, 100 * GIB) for name, free in look.items()]
        return Answer(COLUMNS, rows, 0.0, 0, 0, "")


class Pipeline:
    """Writes down how it is held."""

    def __init__(self) -> None:
        self.held: list[str] = []

    def hold_back(self, reason: str) -> None:
        self.held.append(reason)

    def let_go(self) -> None:
        self.held.append("")


@pytest.fixture(autouse=True)
def looks_are_close(monkeypatch):
    monkeypatch.setattr(disk_watch, "LOOK_EVERY", 0.0)


@pytest.fixture
def registry():
    return CollectorRegistry()


def watched(registry, *looks, holds=True) -> tuple[list[str], DiskWatch]:
    """What the pipeline was told while these looks were had."""

    async def play():
        disks, pipeline = Disks(*looks), Pipeline()
        watch = DiskWatch(disks, SETTINGS, registry)
        watch.start(Holding(pipeline).of("disk") if holds else None)
        await asyncio.wait_for(disks.seen_all.wait(), 20)
        await watch.close()
        return pipeline.held, watch

    return asyncio.run(play())


def test_with_room_nothing_is_held_and_all_is_well(registry):
    held, watch = watched(registry, {"default": 50})
    watch.check()
    assert held == []


def test_the_room_is_told_as_figures_by_disk(registry):
    watched(registry, {"default": 50, "slow": 70})
    assert registry.get_sample_value("otelhouse_clickhouse_disk_free_bytes", {"disk": "slow"}) == 70 * GIB
    assert registry.get_sample_value("otelhouse_clickhouse_disk_total_bytes", {"disk": "default"}) == 100 * GIB


def test_little_room_is_an_alarm_and_holds_nothing_back(registry, caplog):
    held, watch = watched(registry, {"default": 50, "slow": 15}, {"default": 50, "slow": 15})
    with pytest.raises(NotReadyError, match=r"disk slow \(/slow\) has 16.1 of 107.4 GB free: make room"):
        watch.check()
    assert held == []
    assert len([one for one in caplog.records if one.levelno == logging.WARNING]) == 1


def test_below_what_must_stay_free_nothing_more_goes_to_clickhouse_until_there_is_room(registry):
    held, watch = watched(registry, {"default": 9}, {"default": 8}, {"default": 10.5}, {"default": 12}, {"default": 60})
    assert [bool(reason) for reason in held] == [True, False]
    assert "store.keep_free_bytes" in held[0]
    watch.check()


def test_room_that_only_just_came_back_is_no_reason_to_go_on(registry):
    held, _ = watched(registry, {"default": 9}, {"default": 10.5})
    assert len(held) == 1


def test_a_process_that_sends_nothing_still_tells(registry):
    held, watch = watched(registry, {"default": 1}, holds=False)
    with pytest.raises(NotReadyError):
        watch.check()
    assert held == []


def test_a_clickhouse_that_tells_nothing_of_its_disks_is_not_held_back_and_that_is_told_once(registry, caplog):
    held, watch = watched(registry, *[PermanentError("Not enough privileges")] * 3)
    watch.check()
    assert held == []
    assert [one.getMessage() for one in caplog.records if "not watched" in one.getMessage()] == [
        "the room on ClickHouse's disks is not watched: Not enough privileges; grant SELECT ON system.disks"
    ]


def test_a_look_that_fails_changes_nothing(registry):
    held, watch = watched(registry, {"default": 9}, NotReachableError("away"), {"default": 9})
    assert len(held) == 1
    with pytest.raises(NotReadyError):
        watch.check()


def test_it_goes_on_only_when_the_last_who_holds_lets_go():
    pipeline = Pipeline()
    holding = Holding(pipeline)
    views, disk = holding.of("views"), holding.of("disk")
    views.hold_back("missing: otel_logs_mv")
    disk.hold_back("no room")
    views.let_go()
    disk.let_go()
    disk.let_go()
    assert pipeline.held == ["missing: otel_logs_mv", "missing: otel_logs_mv; no room", "no room", ""]
