"""Questions are asked by a user who may read and do nothing else: a ClickHouse user, or the embedded engine's role."""

import json
import os
import threading
import time
from contextlib import ExitStack, closing
from hashlib import sha256

import pytest
from answers import NOON
from click.testing import CliRunner
from cluster_world import NAME, Cluster, ClusterWorld, LoneWorld
from scoped_world import ASKED, CATALOGUE, PLACES, World, window

from bench.clickhouse_server import ClickHouseServer
from identity.reader import Reader, Role, Scope
from otelhouse import query_user_command
from otelhouse.__main__ import cli
from otelhouse.invocation import Surroundings
from otelhouse.settings import Settings
from query.desk import Desk
from query.errors import FailedError
from query.reply import Manner
from query.settings import QuerySettings
from sql import question_user
from sql.catalogue import load_catalogue
from store.errors import LimitError, StoreError
from store.opening import open_questions, open_store
from store.port import Insert, Limits, Select
from store.settings import StoreSettings

PASSWORD = "of the asker"
DATABASE = f"scopes_asked_{os.getpid()}"
EVERYBODY = Reader("all", Role.ADMIN)
EAST = Reader("east", Role.VIEWER, Scope(clusters=("east",)))
OF_NOW = {"storage", "storage_by_service", "canary_records", "freshness"}
"""What these say is of the moment, or of the tables as they lie."""
ENDLESS = (
    "SELECT count() FROM (SELECT arrayJoin(range(3000)) AS a) AS x, (SELECT arrayJoin(range(3000)) AS b) AS y, "
    "(SELECT arrayJoin(range(3000)) AS c) AS z WHERE x.a + y.b + z.c < 0"
)

HOUSE = """
        <default>
            <password/><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>
        </default>
        <lacking>
            <password>lacking</password><networks><ip>127.0.0.1</ip></networks>
            <profile>asker_profile</profile><quota>default</quota>
            <grants><query>GRANT SELECT ON {database}.otel_traces</query></grants>
        </lacking>
"""
OWN = "<user_directories><users_xml><path>config.xml</path></users_xml></user_directories><quotas><default/></quotas>"


def users(database, cluster=""):
    """A server's configuration with the user that `otelhouse query-user --format xml` makes."""
    digest = sha256(PASSWORD.encode()).hexdigest()
    bounds = query_user_command.bounds(Settings())
    user = question_user.QuestionUser("asker", digest, database, bounds, cluster)
    return (
        question_user.as_xml(user)
        .replace("<clickhouse>", f"<clickhouse>{OWN}", 1)
        .replace("<profiles>", "<profiles><default/>", 1)
        .replace("<users>", f"<users>{HOUSE.format(database=database)}", 1)
    )


@pytest.fixture(scope="module")
def server():
    with ClickHouseServer(users(DATABASE)) as server:
        yield server


@pytest.fixture(scope="module")
def at_server(server):
    """Telemetry at a server, as the house sees it."""
    with closing(LoneWorld(StoreSettings(url=server.url), "asked", [*PLACES])) as world:
        assert world.name == DATABASE, "the user may read another"
        yield world


@pytest.fixture(scope="module")
def embedded(engine_folder):
    with closing(World(StoreSettings(path=engine_folder), "asked", [*PLACES])) as world:
        yield world


@pytest.fixture(scope="module", params=["embedded", pytest.param("at_server", marks=pytest.mark.server)])
def told(request):
    return request.getfixturevalue(request.param)


def as_asker(told):
    named = {} if told.settings.embedded else {"username": "asker", "password": PASSWORD}
    return StoreSettings(**{**told.settings.model_dump(), **named, "database": told.name})


@pytest.fixture
def asker(told):
    with closing(open_questions(as_asker(told))) as store:
        yield store


def desk_on(store, catalogue=CATALOGUE):
    now = (NOON + 600) * 10**9  # how far data reach is no matter here, and not waited for
    return closing(Desk(store, catalogue, QuerySettings(), now=lambda: now, freshness_seconds=0.0))


def parameters(question):
    needed = {one.name: one.example for one in question.parameters if one.default is None}
    return {**window(question.name), **ASKED.get(question.name, [needed])[0]}


@pytest.mark.parametrize("reader", [EVERYBODY, EAST], ids=lambda one: one.name)
def test_a_user_who_only_reads_has_the_answers_of_the_house(told, asker, reader):
    names = CATALOGUE if reader is EVERYBODY else ASKED
    with desk_on(told.store) as house, desk_on(asker) as desk:
        for name in names:
            asked = parameters(CATALOGUE[name])
            found, expected = (one.ask(name, asked, reader=reader) for one in (desk, house))
            assert found.columns == expected.columns, name
            assert bool(found.rows) == bool(expected.rows), name
            assert name in OF_NOW or found.rows == expected.rows, name


def test_arrow_comes_by_that_user_too(asker):
    with desk_on(asker) as desk:
        answer = desk.ask("recent_logs", window("recent_logs"), reader=EAST, manner=Manner(arrow=True))

    assert answer.row_count


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO otel_logs (Body) VALUES ('mine')",
        "TRUNCATE TABLE otel_logs",
        "CREATE TABLE mine (a UInt8) ENGINE = Memory",
        "INSERT INTO FUNCTION file('mine.csv') SELECT 1",
        "SELECT * FROM url('http://127.0.0.1:1/', CSV, 'a String')",
    ],
)
@pytest.mark.parametrize("readonly", [0, 2])
def test_clickhouse_refuses_to_write_and_to_reach_out(told, asker, statement, readonly):
    before = told.store.select(Select("SELECT count() FROM otel_logs")).rows
    with pytest.raises(StoreError) as refused:
        asker.select(Select(statement, settings={"readonly": readonly}))

    assert refused.value.code in {164, 497}
    assert told.store.select(Select("SELECT count() FROM otel_logs")).rows == before


@pytest.mark.server
def test_the_server_itself_refuses_an_insert_of_that_user(at_server):
    with closing(open_store(as_asker(at_server))) as store, pytest.raises(StoreError) as refused:
        store.insert(Insert("otel_logs", "JSONEachRow", [b'{"Body": "mine"}\n']))

    assert refused.value.code in {164, 497}


def test_the_store_of_those_who_ask_takes_no_insert(asker):
    with pytest.raises(StoreError, match="reads only"):
        asker.insert(Insert("otel_logs", "JSONEachRow", [b"{}\n"]))


def test_who_asks_stops_what_it_asked_with_that_user_s_own_rights(asker):
    ended = threading.Event()
    seen = []

    def ask():
        try:
            asker.select(Select(ENDLESS, query_id="endless-of-asker", limits=Limits(seconds=25.0)))
        except StoreError as error:
            seen.append(error)
        ended.set()

    asking = threading.Thread(target=ask)
    asking.start()
    deadline = time.monotonic() + 30
    while not ended.wait(0.2):  # it may not have begun yet when it is first told
        asker.cancel("endless-of-asker")
        assert time.monotonic() < deadline, "it goes on"
    asking.join()

    assert [type(one) for one in seen] == [LimitError]
    assert seen[0].code == 394


@pytest.mark.server
def test_a_right_that_is_missing_is_told_with_its_mend(at_server):
    lacking = StoreSettings(**{**as_asker(at_server).model_dump(), "username": "lacking", "password": "lacking"})
    with closing(open_questions(lacking)) as store, desk_on(store) as desk:
        with pytest.raises(FailedError) as refused:
            desk.ask("recent_logs", window("recent_logs"), reader=EVERYBODY)

        assert "otel_logs" in refused.value.message
        assert "otelhouse query-user" in refused.value.mend
        with pytest.raises(FailedError) as refused:
            desk.ask("recent_logs", window("recent_logs"), reader=EAST)
        assert "otelhouse query-user" in refused.value.mend


def examine(url, database, username, password, *more):
    settings = [f"--set=store.{key}={value}" for key, value in (("url", url), ("database", database))]
    settings += [f"--set=query.username={username}", f"--set=query.password={password}", *more]
    run = CliRunner().invoke(cli, ["doctor", "--only", "store", "--format", "json", *settings], obj=Surroundings())
    return [one for one in json.loads(run.stdout) if f"user {username}" in one["what"]]


@pytest.mark.server
def test_doctor_says_whether_that_user_has_what_it_needs(at_server):
    assert [one["outcome"] for one in examine(at_server.settings.url, DATABASE, "asker", PASSWORD)] == ["ok"]
    (found,) = examine(at_server.settings.url, DATABASE, "lacking", "lacking")
    assert found["outcome"] == "failed"
    assert f"GRANT SELECT ON `{DATABASE}`.* TO lacking" in found["mend"]
    assert "GRANT SELECT ON system.parts TO lacking" in found["mend"]


@pytest.mark.server
def test_doctor_says_where_questions_may_take_more_than_that_user_since_it_was_made(at_server):
    more = "--set=query.max_bytes_read=900000000000"
    (found,) = examine(at_server.settings.url, DATABASE, "asker", PASSWORD, more)

    assert found["outcome"] == "failed"
    assert "max_bytes_to_read" in found["what"]
    assert "otelhouse query-user" in found["mend"]


@pytest.mark.server
def test_doctor_says_of_a_user_whom_the_server_does_not_know_what_makes_it(start_clickhouse):
    # A server of its own, which dies of such a refusal.
    (found,) = examine(start_clickhouse().url, "default", "nobody", "x")

    assert found["outcome"] == "failed"
    assert "otelhouse query-user" in found["mend"]


@pytest.fixture(scope="module")
def spread_server():
    cluster = Cluster(users("scopes_spread_" + str(os.getpid()), NAME))
    try:
        yield cluster
    finally:
        cluster.stop()


@pytest.mark.server
@pytest.mark.timeout(240)
def test_in_a_cluster_that_user_has_the_answers_of_the_house_and_tells_lost_shards(spread_server):
    catalogue = load_catalogue(cluster=NAME)
    with ExitStack() as opened:
        told = opened.enter_context(closing(ClusterWorld(spread_server, "spread", [*PLACES])))
        asker = opened.enter_context(closing(open_questions(as_asker(told))))
        house, desk = (opened.enter_context(desk_on(store, catalogue)) for store in (told.store, asker))
        for name in catalogue:
            asked = parameters(catalogue[name])
            found, expected = (one.ask(name, asked, reader=EVERYBODY) for one in (desk, house))
            assert (found.columns, len(found.rows)) == (expected.columns, len(expected.rows)), name
        spread_server.lose(2)
        partial = desk.ask("recent_logs", window("recent_logs"), reader=EVERYBODY)

    assert partial.missing_shards == ("shard 3",)
