"""While a view is missing that rows take their way through, nothing goes to ClickHouse, where it would get lost."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from prometheus_client import CollectorRegistry

from identity.sender import Sender
from ingest.batch import BatchLimits
from ingest.counters import Counters
from ingest.errors import BusyError
from ingest.intake import Accepted, Encoding
from ingest.pipeline import HELD_BACK_PAUSE, Pipeline, PipelineLimits
from ingest.settings import SpoolMode
from ingest.spool.entry import SpoolLimits
from ingest.spool.folder import Spool
from otelhouse import receiving
from otelhouse.receiving import ViewWatch
from sql import catalogue, time_bounds
from sql.settings import RetentionSettings
from sql.signals import Signal
from store.errors import NotReachableError
from store.port import Answer, Column, Insert, InsertReceipt, Select

PATIENCE = 20.0
BODY = ExportLogsServiceRequest(
    resource_logs=[{"scope_logs": [{"log_records": [{"body": {"string_value": "hello"}}]}]}]
).SerializeToString()


class Tables:
    """A ClickHouse that lacks what a test says, and tells each look at it."""

    def __init__(self) -> None:
        self.missing: Sequence[str] | Exception = ()
        self.inserts: list[Insert] = []
        self.asked: list[Select] = []
        self._loop = asyncio.get_running_loop()
        self._looks: asyncio.Queue[None] = asyncio.Queue()

    def select(self, select: Select) -> Answer:
        self.asked.append(select)
        self._loop.call_soon_threadsafe(self._looks.put_nowait, None)
        if isinstance(self.missing, Exception):
            raise self.missing
        return Answer((Column("name", "String"),), [(name,) for name in self.missing], 0.0, 0, 0, "")

    def insert(self, insert: Insert) -> InsertReceipt:
        self.inserts.append(insert)
        return InsertReceipt(0.0)

    def cancel(self, query_id: str) -> None:
        raise AssertionError(query_id)

    def close(self) -> None:
        """Nothing is open."""

    async def looked_at(self) -> None:
        """Wait until what is missing now was looked at, and all that follows from it was done."""
        while not self._looks.empty():
            self._looks.get_nowait()
        for _ in range(3):  # one that had begun before, one that sees it, and the next one, which comes after
            await asyncio.wait_for(self._looks.get(), PATIENCE)


class Scene:
    """A pipeline, with a spool or without, and somebody who watches its tables."""

    def __init__(self, spool: Spool | None) -> None:
        self.tables = Tables()
        self.spool = spool
        mode = SpoolMode.NEVER if spool is None else SpoolMode.WHEN_NEEDED
        limits = PipelineLimits(10**8, BatchLimits(10**6, 10**5, 0.01), 2, mode=mode, close_within=PATIENCE)
        bounds = time_bounds.bounds(RetentionSettings())
        self.pipeline = Pipeline(self.tables, Counters(CollectorRegistry()), limits, bounds, spool)
        self.watch = ViewWatch(self.tables, self.pipeline)

    async def send(self) -> Accepted:
        accepting = self.pipeline.accept(Signal.LOGS, BODY, Encoding.PROTOBUF, Sender("10.0.0.7"))
        return await asyncio.wait_for(accepting, PATIENCE)

    async def lack(self, *names: str) -> None:
        self.tables.missing = names
        await self.tables.looked_at()


@asynccontextmanager
async def scene(folder: Path | None = None) -> AsyncIterator[Scene]:
    spool = None if folder is None else Spool(folder, SpoolLimits(10**9, 86_400.0, 0))
    made = Scene(spool)
    made.pipeline.start()
    made.watch.start()
    try:
        yield made
    finally:
        await made.watch.close()
        await made.pipeline.close()


def run(play: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(play())  # type: ignore[arg-type]  # pytest hands coroutines


@pytest.fixture(autouse=True)
def looks_are_close(monkeypatch):
    monkeypatch.setattr(receiving, "LOOK_EVERY", 0.001)


def told(caplog, level: int) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.name == "otelhouse.receiving" and one.levelno == level]


def test_what_comes_while_a_view_is_missing_waits_on_disk_and_is_inserted_once_it_is_back(tmp_path):
    async def play() -> None:
        async with scene(tmp_path) as here:
            assert await here.send() == Accepted()
            assert len(here.tables.inserts) == 1
            await here.lack("otel_logs_mv")
            assert await here.send() == Accepted()
            assert await here.send() == Accepted()
            assert len(here.tables.inserts) == 1
            assert sum(entry.items for entry in here.spool.entries()) == 2
            assert here.pipeline.outlooks.bad() == dict.fromkeys(Signal, "missing in ClickHouse: otel_logs_mv")
            await here.lack()
            assert here.pipeline.outlooks.bad() == {}
            async with asyncio.timeout(PATIENCE):
                while here.spool.entries():  # noqa: ASYNC110 - the drain tells nobody
                    await asyncio.sleep(0.002)
            assert len(here.tables.inserts) > 1

    run(play)


def test_without_a_spool_senders_hear_what_is_missing_and_when_to_come_back():
    async def play() -> None:
        async with scene() as here:
            await here.lack("otel_logs_mv", "otel_traces_mv")
            with pytest.raises(BusyError, match="missing in ClickHouse: otel_logs_mv, otel_traces_mv") as refused:
                await here.send()
            assert refused.value.retry_after == HELD_BACK_PAUSE > 0
            assert here.tables.inserts == []
            await here.lack()
            assert await here.send() == Accepted()

    run(play)


def test_what_is_missing_is_told_when_it_changes_and_not_at_every_look(tmp_path, caplog):
    caplog.set_level(logging.INFO)

    async def play() -> None:
        async with scene(tmp_path) as here:
            await here.tables.looked_at()
            assert told(caplog, logging.ERROR) == told(caplog, logging.INFO) == []
            await here.lack("otel_logs_mv")
            await here.tables.looked_at()
            (first,) = told(caplog, logging.ERROR)
            assert "missing otel_logs_mv; run `otelhouse migrate`" in first
            await here.lack("otel_logs_mv", "otlp_logs")
            assert len(told(caplog, logging.ERROR)) == 2
            await here.lack()
            assert told(caplog, logging.INFO)[-1] == "all tables and views are there again"

    run(play)


def test_a_clickhouse_that_does_not_answer_says_nothing_about_its_views(tmp_path, caplog):
    async def play() -> None:
        async with scene(tmp_path) as here:
            here.tables.missing = NotReachableError("down")
            await here.tables.looked_at()
            assert await here.send() == Accepted()
            assert len(here.tables.inserts) == 1
            await here.lack("otel_logs_mv")
            here.tables.missing = NotReachableError("down")
            await here.tables.looked_at()
            await here.send()
            assert len(here.tables.inserts) == 1, "what was missing is taken for missing still"
            assert len(told(caplog, logging.ERROR)) == 1

    run(play)


def test_a_look_that_breaks_in_a_way_nobody_knows_ends_neither_the_watch_nor_the_house(tmp_path, caplog):
    async def play() -> None:
        async with scene(tmp_path) as here:
            here.tables.missing = ZeroDivisionError("a bug")
            await here.tables.looked_at()
            await here.lack("otel_logs_mv")
            await here.send()
            assert here.tables.inserts == []

    run(play)
    assert any(one.exc_info for one in caplog.records), "it is told, with its traceback"


def test_a_look_is_the_probes_question_and_takes_seconds_at_most(tmp_path):
    async def play() -> None:
        async with scene(tmp_path) as here:
            await here.tables.looked_at()
            assert {select.sql for select in here.tables.asked} == {catalogue.probe("missing_views")}
            assert max(select.limits.seconds for select in here.tables.asked) <= 5

    run(play)


def test_closing_ends_the_looks_and_is_safe_twice_and_without_a_start(tmp_path):
    async def play() -> None:
        async with scene(tmp_path) as here:
            await here.tables.looked_at()
            await here.watch.close()
            await here.watch.close()
            assert not [task for task in asyncio.all_tasks() if task.get_name() == "view-watch"]
            await ViewWatch(here.tables, here.pipeline).close()

    run(play)
