"""A real ClickHouse takes the single node's configuration, and its user can do what otelhouse has to and no more.

The test's server sets its own ports and paths, and needs a `default` user on loopback; all else is the chart's.
"""

import asyncio
import urllib.error
import urllib.request
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner
from rendered_chart import RefusedError, of_kind, template, the

from identity.reader import Reader, Role
from mcp_server.agent_sql import AgentSql
from mcp_server.settings import AgentSqlSettings
from otelhouse.__main__ import cli
from otelhouse.invocation import Surroundings
from sql import agent_user
from store import opening
from store.errors import StoreError
from store.port import Limits, Select
from store.settings import StoreSettings

pytestmark = pytest.mark.helm

OWN = {"logger", "listen_host", "tcp_port", "http_port", "path", "tmp_path", "user_files_path", "user_directories"}
"""What the test's server has from its command line."""
OWN |= {"format_schema_path"}
HARNESS = """<clickhouse>
  <user_directories><users_xml><path>config.xml</path></users_xml></user_directories>
</clickhouse>"""
DEFAULT = """<default>
  <password/><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>
</default>"""
AGENT = "--set", "mcp.sql.username=otelhouse_agent,mcp.sql.passwordSecret.name=agents"
AGENT_PASSWORD = "a third"
BOUNDS = (
    "max_execution_time",
    "max_memory_usage",
    "max_bytes_to_read",
    "max_result_rows",
    "max_result_bytes",
    "max_concurrent_queries_for_user",
)
PASSWORD, READER_PASSWORD = 'a "secret" of $ 7% > 3', "another"
"""ClickHouse reads variables as XML, so `<` and `&` cannot stand in them: values.yaml says so."""


def _parsed(text):
    return ET.fromstring(text)  # noqa: S314  our own files


def merged(*documents):
    """The files as ClickHouse merges config.d: profiles, users and quotas beside each other."""
    whole = _parsed(HARNESS)
    for document in documents:
        for part in _parsed(document):
            if part.tag in OWN:
                continue
            known = whole.find(part.tag)
            if known is None or part.tag not in {"profiles", "users", "quotas"}:
                whole.append(part)
            else:
                known.extend(part)
    users = whole.find("users")
    users.append(_parsed(DEFAULT))
    return ET.tostring(whole, encoding="unicode")


@pytest.fixture(scope="module")
def files():
    objects = template("--set", "clickhouse.handlers.enabled=true", *AGENT)
    maps = {one["metadata"]["name"]: one["data"] for one in of_kind(objects, "ConfigMap")}
    single = maps["otelhouse-clickhouse"]
    handlers = maps["otelhouse-clickhouse-handlers"]
    of_handlers = [handlers[f"otelhouse-{name}.xml"] for name in ("user", "routes")]
    return single["config.xml"], single["users.xml"], *of_handlers, single["agent-user.xml"]


@pytest.fixture
def server(files, start_clickhouse, monkeypatch):
    monkeypatch.setenv("OTELHOUSE_PASSWORD", PASSWORD)
    monkeypatch.setenv("OTELHOUSE_READER_PASSWORD", READER_PASSWORD)
    monkeypatch.setenv("OTELHOUSE_AGENT_PASSWORD", AGENT_PASSWORD)
    return start_clickhouse(merged(*files))


def otelhouse(server, *words):
    environ = {"OTELHOUSE_STORE_USERNAME": "otelhouse", "OTELHOUSE_STORE_PASSWORD": PASSWORD}
    command = [*words, "--clickhouse", server.url]
    return CliRunner().invoke(cli, command, obj=Surroundings(environ), catch_exceptions=False)


def http(server, path, user, password):
    request = urllib.request.Request(f"http://127.0.0.1:{server.http_port}{path}")
    request.add_header("X-ClickHouse-User", user)
    request.add_header("X-ClickHouse-Key", password)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read().decode()


def test_the_chart_mounts_what_the_configuration_reads():
    stateful = the(template(), "StatefulSet", "otelhouse-clickhouse")["spec"]["template"]["spec"]["containers"][0]
    mounts = {mount["mountPath"] for mount in stateful["volumeMounts"]}

    assert "--config-file=/etc/otelhouse/clickhouse/config.xml" in stateful["command"]
    assert mounts == {"/etc/otelhouse/clickhouse", "/var/lib/clickhouse", "/tmp"}  # noqa: S108  in a pod


def test_otelhouse_can_do_its_work_as_the_charts_user(server):
    made = otelhouse(server, "migrate")
    assert made.exit_code == 0, made.output

    settings = StoreSettings(url=server.url, username="otelhouse", password=PASSWORD)
    store = opening.open_store(settings)
    try:
        rows = store.select(Select("SHOW TABLES", limits=Limits(seconds=10, rows=1000))).rows
        assert {"otel_logs", "otel_traces"} <= {row[0] for row in rows}
        with pytest.raises(StoreError, match=r"(?i)not enough privileges"):
            store.select(Select("CREATE USER somebody"))
    finally:
        store.close()
    assert otelhouse(server, "migrate").exit_code == 0

    # The routes of `handlers.enabled`, with the reader of the chart.
    events = http(server, "/events?composition_id=1", "otelhouse_reader", READER_PASSWORD)
    assert '"data"' in events
    assert http(server, "/ping", "otelhouse_reader", READER_PASSWORD) == "Ok.\n"
    for user, password in (("otelhouse_reader", PASSWORD), ("otelhouse", ""), ("default", "wrong")):
        with pytest.raises(urllib.error.HTTPError):
            http(server, "/?query=SELECT+1", user, password)
    with pytest.raises(urllib.error.HTTPError):
        http(server, "/?query=DROP+TABLE+otel_logs", "otelhouse_reader", READER_PASSWORD)
    for user, password in (("otelhouse_reader", READER_PASSWORD), ("otelhouse_agent", AGENT_PASSWORD)):
        assert http(server, "/?query=SELECT+count()+FROM+otel_logs", user, password) == "0\n"
        for closed in ("otel_audit", "otel_dead_letters", "otel_schema_migrations"):
            with pytest.raises(urllib.error.HTTPError) as refused:
                http(server, f"/?query=SELECT+count()+FROM+{closed}", user, password)
            assert "Not enough privileges" in refused.value.read().decode()

    asyncio.run(_an_agent_asks(server))


async def _an_agent_asks(server):
    """SQL of agents runs by the user that the chart makes, whom otelhouse looks at and finds fit."""
    house = opening.open_store(StoreSettings(url=server.url, username="otelhouse", password=PASSWORD))
    agent = opening.open_reader(StoreSettings(url=server.url, username="otelhouse_agent", password=AGENT_PASSWORD))
    sql = AgentSql(house, agent, "default", AgentSqlSettings(username="otelhouse_agent", password=AGENT_PASSWORD))
    try:
        asked = await sql.ask("SELECT count() FROM otel_logs", Reader("agent", Role.ADMIN), 10)
        assert asked.answer.rows == [(0,)]
        await asyncio.to_thread(house.cancel, "nobody")
    finally:
        await asyncio.to_thread(sql.close)
        house.close()


def test_the_agents_user_has_the_bounds_of_the_settings_and_its_password_from_the_secret():
    bounds = {"seconds": 7, "at_once": 3, "memory_bytes": 200_000_000, "rows": 70_000}
    told = ",".join(f"settings.mcp.sql.{name}={value}" for name, value in bounds.items())
    objects = template(*AGENT, "--set", told)
    users = _parsed(the(objects, "ConfigMap", "otelhouse-clickhouse")["data"]["agent-user.xml"])
    pod = the(objects, "StatefulSet", "otelhouse-clickhouse")["spec"]["template"]["spec"]
    (secret,) = [one for one in pod["containers"][0]["env"] if one["name"] == "OTELHOUSE_AGENT_PASSWORD"]

    profile = users.find("profiles").find("otelhouse_agent_profile")
    assert profile.findtext("max_execution_time") == "7"
    assert profile.findtext("max_memory_usage") == "200000000"
    assert profile.findtext("max_result_rows") == str(agent_user.rows_of_answers(70_000))
    assert profile.findtext("max_concurrent_queries_for_user") == "6"
    assert users.find("users").find("otelhouse_agent").find("password").attrib == {"from_env": secret["name"]}
    assert secret["valueFrom"]["secretKeyRef"] == {"name": "agents", "key": "password"}
    assert "${" not in ET.tostring(users, encoding="unicode")
    mounted = pod["volumes"][0]["projected"]["sources"][0]["configMap"]["items"]
    assert {one["path"] for one in mounted} == {"config.xml", "users.xml", "users.d/agent-user.xml"}


def test_the_agents_user_has_the_bounds_that_mcp_user_gives_without_settings():
    plain = AgentSqlSettings()
    objects = template(*AGENT)
    profile = _parsed(the(objects, "ConfigMap", "otelhouse-clickhouse")["data"]["agent-user.xml"]).find("profiles")[0]

    assert {one.tag: int(one.text) for one in profile if one.tag in BOUNDS} == dict(
        zip(
            BOUNDS,
            (
                plain.seconds,
                plain.memory_bytes,
                plain.bytes_read,
                agent_user.rows_of_answers(plain.rows),
                plain.result_bytes,
                2 * plain.at_once,
            ),
            strict=True,
        )
    )


@pytest.mark.parametrize("name", ["otelhouse", "default", "otelhouse_reader"])
def test_agents_do_not_share_a_user_with_anybody(name):
    with pytest.raises(RefusedError, match="the name of another user"):
        template("--set", f"mcp.sql.username={name},mcp.sql.passwordSecret.name=agents")


def test_clickhouses_own_logs_are_bounded(files):
    config = _parsed(files[0])

    logs = [part for part in config if part.tag.endswith("_log")]
    assert len(logs) >= 4
    assert all(log.findtext("ttl") == "event_date + INTERVAL 3 DAY DELETE" for log in logs)


def test_nobody_comes_in_without_a_password(files):
    users = _parsed(files[1]).find("users")

    assert {user.tag for user in users} == {"otelhouse", "otelhouse_reader"}
    for user in users:
        assert user.find("password").attrib.keys() == {"from_env"}
        assert not (user.findtext("password") or "").strip()


def test_the_reader_has_the_profile_that_the_handlers_bring(files):
    reader = _parsed(files[1]).find("users").find("otelhouse_reader")

    (profiles,) = _parsed(files[2]).iter("profiles")
    assert [profile.tag for profile in profiles] == [reader.findtext("profile")]
