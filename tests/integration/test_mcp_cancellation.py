"""Who hangs up leaves no statement running, over both doors and in both eras of the protocol."""

import asyncio
import time

import pytest
from mcp_window import opened

import ready_tables
from mcp_server.settings import AgentSqlSettings, McpSettings
from query.desk import Desk
from query.settings import QuerySettings
from sql.catalogue import load_catalogue
from sql.settings import SchemaSettings
from store.opening import open_store
from store.port import Select

ENDLESS = (
    "SELECT count() FROM (SELECT arrayJoin(range(2000)) AS a) AS x, (SELECT arrayJoin(range(2000)) AS b) AS y, "
    "(SELECT arrayJoin(range(2000)) AS c) AS z, (SELECT arrayJoin(range(2000)) AS d) AS w "
    "WHERE x.a + y.b + z.c + w.d < 0"
)
SETTINGS = McpSettings(sql=AgentSqlSettings(seconds=60, at_once=60, memory_bytes=64 * 2**20))
RUNNING = """
SELECT count() FROM system.processes
WHERE query_id != queryID() AND query NOT LIKE '%system.processes%' AND query NOT LIKE '%sleepEachRow(3)%'
"""


@pytest.fixture
def tables(store, store_settings):
    ready_tables.make(store, SchemaSettings(fsync_inserts=False))
    return store_settings.model_copy(update={"select_connections": 128})


def running(store):
    return int(str(store.select(Select(RUNNING)).rows[0][0]))


def wait_until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.05)  # ClickHouse tells nobody when a statement ends; it is asked


async def until(condition, seconds=20):
    await asyncio.to_thread(wait_until, condition, seconds)


def test_100_calls_at_once_of_which_half_hang_up_leave_nothing_running(tables, store):
    house, reader = open_store(tables), open_store(tables)
    desk = Desk(house, load_catalogue(), QuerySettings(max_waiting=200, max_wait_seconds=60, max_per_reader=0))

    async def all_at_once():
        async with opened(desk, house, tables.database, SETTINGS, reader=reader) as client:
            gone = [asyncio.Event() for _ in range(50)]
            leaving = [
                asyncio.create_task(client.call("run_select_query", gone=one, modern=bool(n % 2), query=ENDLESS))
                for n, one in enumerate(gone)
            ]
            await until(lambda: running(store) >= 20)
            staying = [
                asyncio.create_task(client.call("search_logs", modern=bool(n % 2), since="1h")) for n in range(50)
            ]
            for one in gone:
                one.set()
            left = await asyncio.gather(*leaving)
            await until(lambda: running(store) == 0)
            return left, await asyncio.gather(*staying)

    try:
        left, stayed = asyncio.run(all_at_once())
    finally:
        desk.close()
        house.close()

    assert left == [None] * 50
    assert [one["structuredContent"].get("error", {}) for one in stayed] == [{}] * 50


@pytest.mark.parametrize("modern", [True, False])
def test_a_call_that_asks_several_questions_stops_all_of_them(tables, store, modern):
    """The questions wait for one another; none of them is begun once the caller has gone."""
    house = open_store(tables.model_copy(update={"select_connections": 3}))
    desk = Desk(house, load_catalogue(), QuerySettings(concurrency=2))

    async def leave():
        async with opened(desk, house, tables.database) as client:
            gone = asyncio.Event()
            call = asyncio.create_task(client.call("find_problems", gone=gone, modern=modern))
            await asyncio.sleep(0)
            gone.set()
            assert await asyncio.wait_for(call, 20) is None
            await until(lambda: running(store) == 0)

    try:
        asyncio.run(leave())
    finally:
        desk.close()
        house.close()
