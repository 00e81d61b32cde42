"""A house whose questions have a ClickHouse user of their own, as `otelhouse query-user` makes it."""

import json
import subprocess
import urllib.error
import urllib.request

import pytest
from agents_scene import Agent
from live_stream import LiveStream
from otlp_requests import event_request_json
from running_house import WAIT, House, command, environment

from bench.clickhouse_server import ClickHouseServer
from store.opening import open_store
from store.port import Select
from store.settings import StoreSettings

pytestmark = pytest.mark.server

USER, PASSWORD = "otelhouse_questions", "of questions alone"
SPARE = "lacking"
ASKED = "SELECT ProfileEvents['SelectQuery'] FROM system.user_processes WHERE user = {user:String}"
WROTE = "SELECT ProfileEvents['InsertQuery'] FROM system.user_processes WHERE user = {user:String}"
USERS = f"""
        <default>
            <password/><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>
        </default>
        <{SPARE}>
            <password>x</password><networks><ip>127.0.0.1</ip></networks>
            <profile>{USER}_profile</profile><quota>default</quota>
            <grants><query>GRANT SELECT ON default.otel_traces</query></grants>
        </{SPARE}>
"""
OWN = "<user_directories><users_xml><path>config.xml</path></users_xml></user_directories><quotas><default/></quotas>"


@pytest.fixture(scope="module")
def server():
    made = subprocess.run(
        command("query-user", "--format", "xml"),
        input=f"{PASSWORD}\n", env=environment(), capture_output=True, text=True, timeout=WAIT, check=True,
    )  # fmt: skip
    config = (
        made.stdout.replace("<clickhouse>", f"<clickhouse>{OWN}", 1)
        .replace("<profiles>", "<profiles><default/>", 1)
        .replace("<users>", f"<users>{USERS}", 1)
    )
    with ClickHouseServer(config) as server:
        yield server


@pytest.fixture(scope="module")
def clickhouse(server):
    store = open_store(StoreSettings(url=server.url))
    yield store
    store.close()


def house_of(server, folder, user, password):
    named = (f"--set=query.username={user}", f"--set=query.password={password}")
    return House(folder, "--clickhouse", server.url, "--set=store.database=default", *named)


@pytest.fixture(scope="module")
def house(server, tmp_path_factory):
    house = house_of(server, tmp_path_factory.mktemp("house"), USER, PASSWORD)
    try:
        yield house.up()
    finally:
        house.end()


def happens(house, name):
    url = house.address("OTLP/HTTP") + "/v1/logs"
    asked = urllib.request.Request(url, event_request_json(name), {"content-type": "application/json"})
    with urllib.request.urlopen(asked, timeout=WAIT) as answer:
        assert answer.status == 200


def get(house, path):
    try:
        with urllib.request.urlopen(house.address("REST") + path, timeout=WAIT) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def told(clickhouse, statement, user=USER):
    rows = clickhouse.select(Select(statement, {"user": user})).rows
    return int(str(rows[0][0])) if rows else 0


def test_questions_streams_and_tools_read_as_that_user_and_the_house_writes_as_its_own(house, clickhouse):
    happens(house, "first")
    before = told(clickhouse, ASKED)

    status, answer = get(house, "/api/v1/questions/object_events?since=100d")
    assert (status, answer["row_count"]) == (200, 1), answer
    after_rest = told(clickhouse, ASKED)
    assert after_rest > before

    tool = Agent(f"{house.address('MCP')}/mcp").call("search_logs", text="restarts")
    assert not tool.get("isError"), tool
    after_mcp = told(clickhouse, ASKED)
    assert after_mcp > after_rest

    stream = LiveStream(house.address("REST")).open()
    try:
        happens(house, "second")
        assert stream.until(lambda: "second" in [data["metadata"]["name"] for _, data in stream.messages], WAIT)
    finally:
        stream.close()
    assert told(clickhouse, ASKED) > after_mcp
    assert told(clickhouse, WROTE) == 0
    assert told(clickhouse, WROTE, "default") > 0


def test_readyz_says_that_this_user_is_let_in(house):
    status, answer = get(house, "/readyz")

    assert status == 200
    assert "questions" in json.dumps(answer)


def test_a_right_that_the_user_lacks_is_a_failure_that_names_the_mend(server, tmp_path):
    house = house_of(server, tmp_path, SPARE, "x")
    try:
        status, answer = get(house.up(), "/api/v1/questions/object_events")
    finally:
        house.end()

    assert (status, answer["error"]["code"]) == (502, "failed")
    assert "otel_k8s_events" in answer["error"]["message"]
    assert "otelhouse query-user" in answer["error"]["mend"]
