"""SQL of agents is stopped at a server whose users have the rights that the chart and `mcp-user` give them."""

import asyncio
import hashlib
import time

import pytest

from bench.clickhouse_server import ClickHouseServer
from identity.reader import Reader, Role
from mcp_server.agent_sql import AgentSql
from mcp_server.settings import AgentSqlSettings
from sql import agent_user
from sql.migrate import migrate
from sql.settings import SchemaSettings
from store.errors import StoreError
from store.opening import open_reader, open_store
from store.port import Limits, Select
from store.settings import StoreSettings

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]

READER = Reader("agent", Role.ADMIN)
ENDLESS = (
    "SELECT count() FROM (SELECT arrayJoin(range(2000)) AS a) AS x, (SELECT arrayJoin(range(2000)) AS b) AS y, "
    "(SELECT arrayJoin(range(2000)) AS c) AS z, (SELECT arrayJoin(range(2000)) AS d) AS w "
    "WHERE x.a + y.b + z.c + w.d < 0"
)
RUNNING = "SELECT count() FROM system.processes WHERE user = 'agent'"
PASSWORD = "of the agent"
ROWS = 2**20
"""That the user's profile lets through."""

HOUSE_USER = """
        <default>
            <password/><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>
        </default>
        <otelhouse>
            <password>house</password><networks><ip>127.0.0.1</ip></networks>
            <profile>default</profile><quota>default</quota>
            <grants>
                <query>GRANT ALL ON default.*</query>
                <query>GRANT TABLE ENGINE ON *</query>
                <query>GRANT SELECT ON system.*</query>
                <query>GRANT KILL QUERY ON *.*</query>
            </grants>
        </otelhouse>
"""
"""As the chart's users.xml has it."""


def configuration():
    bounds = agent_user.Bounds(60, 2**34, 2**40, ROWS, 2**32, 8)
    user = agent_user.AgentUser("agent", hashlib.sha256(PASSWORD.encode()).hexdigest(), "default", bounds)
    directories = "<user_directories><users_xml><path>config.xml</path></users_xml></user_directories>"
    return (
        agent_user.as_xml(user)
        .replace("<clickhouse>", f"<clickhouse>{directories}<quotas><default/></quotas>", 1)
        .replace("<profiles>", "<profiles><default/>", 1)
        .replace("<users>", f"<users>{HOUSE_USER}", 1)
    )


@pytest.fixture(scope="module")
def server():
    with ClickHouseServer(configuration()) as server:
        yield server


@pytest.fixture(scope="module")
def house(server):
    store = open_store(StoreSettings(url=server.url, username="otelhouse", password="house"))
    migrate(store, SchemaSettings())
    yield store
    store.close()


@pytest.fixture
def sql(server, house):
    reader = open_reader(StoreSettings(url=server.url, username="agent", password=PASSWORD))
    settings = AgentSqlSettings(username="agent", password=PASSWORD, seconds=60, at_once=8)
    sql = AgentSql(house, reader, "default", settings)
    yield sql
    sql.close()


def test_the_profile_alone_bounds_the_rows_of_a_statement_and_nobody_may_raise_that(server, house):
    reader = open_reader(StoreSettings(url=server.url, username="agent", password=PASSWORD))
    rows = Select("SELECT count() FROM (SELECT number FROM numbers({rows:UInt64}))", {"rows": 10})
    try:
        assert reader.select(rows).rows == [(10,)]
        for more in ({}, {"max_result_rows": ROWS + 1}, {"max_result_rows": 0}):
            many = Select("SELECT number FROM numbers({n:UInt64})", {"n": ROWS + 1}, Limits(rows=2 * ROWS), more)
            with pytest.raises(StoreError, match=r"max_result_rows|Limit for result"):
                reader.select(many)
    finally:
        reader.close()


def running(store):
    return int(str(store.select(Select(RUNNING)).rows[0][0]))


async def until(store, wanted):
    deadline = time.monotonic() + 30
    while (found := await asyncio.to_thread(running, store)) != wanted:
        assert time.monotonic() < deadline, f"{found} statements run, and {wanted} should"
        await asyncio.sleep(0.05)  # ClickHouse tells nobody when a statement ends; it is asked


def test_a_statement_whose_asker_goes_away_is_stopped_with_the_rights_that_we_give(sql, house):
    async def go_away():
        asking = asyncio.create_task(sql.ask(ENDLESS, READER, 10))
        await until(house, 1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(asking, 30)
        await until(house, 0)

    asyncio.run(go_away())


@pytest.mark.parametrize("after_ms", [0, 1, 5, 20, 50])
def test_a_statement_that_is_cancelled_in_its_first_milliseconds_is_stopped(sql, house, after_ms):
    async def go_away():
        asking = asyncio.create_task(sql.ask(ENDLESS, READER, 10))
        await asyncio.sleep(after_ms / 1000)  # when it is cancelled is what is tried here
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(asking, 30)
        await until(house, 0)

    asyncio.run(go_away())


def test_statements_are_stopped_when_their_user_may_run_no_more_of_them(sql, house):
    """KILL does not count among the statements of a user."""

    async def go_away():
        asking = [asyncio.create_task(sql.ask(ENDLESS, Reader(f"agent-{n}", Role.ADMIN), 10)) for n in range(8)]
        await until(house, 8)
        for one in asking:
            one.cancel()
        await asyncio.wait_for(asyncio.gather(*asking, return_exceptions=True), 30)
        await until(house, 0)

    asyncio.run(go_away())
