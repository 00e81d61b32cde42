"""One shard of three is down: every answer says that it is partial, nothing new is acknowledged, nothing is lost."""

import asyncio
import uuid
from contextlib import closing, contextmanager

import pytest
from answers import NOON, at
from click.testing import CliRunner
from cluster_world import NAME, ClusterWorld, open_node
from mcp_window import opened
from scoped_world import path
from stream_world import PATIENCE, house, log, put

from bench import workloads
from ingest import wire
from otelhouse.__main__ import cli
from otelhouse.invocation import Surroundings
from query import readiness
from sql import cluster_migration, otlp
from sql.cluster_plan import ClusterLayout
from sql.settings import SchemaSettings
from sql.signals import Signal
from store.errors import RetryableError, ShardsMissingError
from store.opening import open_store
from store.port import Select

pytestmark = pytest.mark.server

LOST = "shard 3"
ROWS = [{"Timestamp": at(n), "IngestedAt": at(n), "Body": f"line {n}", "ServiceName": "shop"} for n in range(60)]


@pytest.fixture(scope="module")
def world(cluster):
    with closing(ClusterWorld(cluster, "holed", ["east"])) as world:
        world.put("otel_logs", ROWS)
        yield world


@pytest.fixture
def holed(world):
    """The third shard is gone for one test, and the store has noticed."""
    with shard_down(world):
        notice(world, world.store)
        yield world


@contextmanager
def shard_down(world):
    world.cluster.lose(2)
    try:
        yield
    finally:
        world.cluster.revive(2)


def notice(world, store):
    """Ask, so that the lost shard is known to be lost."""
    assert store.select(Select("SELECT count() FROM otel_logs", partial=True)).missing == (LOST,)


def there(world):
    shares = world.cluster.on_shards(
        f"SELECT count() FROM {world.name}_shard.otel_logs WHERE startsWith(Body, 'line ')"  # noqa: S608 - its own name
    )
    assert sum(shares) == len(ROWS)
    return shares


def test_an_answer_says_that_it_is_partial_and_which_shard_is_missing(world):
    whole = world.reader("all").get(path("recent_logs", {"text": "line"})).json
    shares = there(world)
    with shard_down(world):
        notice(world, world.store)
        said = world.reader("all").get(path("recent_logs", {"text": "line"}))
        rows = world.reader("all").get(path("recent_logs", {"text": "line"}, "csv"))
        narrowed = world.reader("by-name").get(path("recent_logs", {}))
    again = world.reader("all").get(path("recent_logs", {"text": "line"})).json

    assert (whole["row_count"], whole["partial"], whole["missing_shards"]) == (len(ROWS), False, [])
    assert (said.status, said.json["partial"], said.json["missing_shards"]) == (200, True, [LOST])
    assert said.json["row_count"] == shares[0] + shares[1] < len(ROWS)
    assert (rows.headers["x-otelhouse-partial"], rows.headers["x-otelhouse-missing-shards"]) == ("true", LOST)
    assert (narrowed.json["partial"], narrowed.json["missing_shards"]) == (True, [LOST])
    assert "127.0.0.1" not in said.text
    assert (again["row_count"], again["partial"]) == (len(ROWS), False)


def test_no_question_passes_a_part_off_as_the_whole(holed):
    for question in ("services", "log_counts", "find_traces", "object_events", "metric_names", "freshness", "storage"):
        assert holed.desk.ask(question, {}).missing_shards == (LOST,), question


def test_who_does_not_ask_for_a_part_gets_an_error_that_names_the_shard(holed):
    with pytest.raises(ShardsMissingError, match=r"shard 3 \(127\.0\.0\.1:\d+\) did not answer") as missing:
        holed.store.select(Select("SELECT count() FROM otel_logs"))

    assert missing.value.shards == (LOST,)


def test_readiness_is_degraded_and_names_the_shard(holed):
    async def scene():
        checks = {readiness.SHARDS: readiness.shard_check(holed.store)}
        with closing(readiness.Readiness(checks, 30.0, tolerated=(readiness.SHARDS,))) as looking:
            return await looking.look()

    found = asyncio.run(scene())[readiness.SHARDS]
    assert (found.ready, found.degraded) == (True, True)
    assert LOST in found.problem


def test_an_agent_is_told_that_it_sees_a_part(holed):
    async def scene():
        reader = open_store(holed.settings.model_copy(update={"database": holed.name}))
        notice(holed, reader)
        now = (NOON + 600) * 10**9
        async with opened(holed.desk, holed.store, holed.name, reader=reader, now=lambda: now) as client:
            tools = [("search_logs", {"since": "15m"}), ("find_problems", {}), ("get_warning_summary", {})]
            tools.append(("run_select_query", {"query": "SELECT count() AS n FROM otel_logs"}))
            return [await client.call(tool, **arguments) for tool, arguments in tools]

    for answer in asyncio.run(scene()):
        told, text = answer["structuredContent"], answer["content"][0]["text"]
        assert (told["partial"], told["missing_shards"], told["complete"]) == (True, [LOST], False), text
        assert "IN PART" in text.splitlines()[0]
        assert told.get("freshness") != "fresh"


def test_nothing_is_called_resolved_on_the_word_of_some_shards(world):
    mended = {"ServiceName": "mended", "ResourceAttributes": {"service.name": "mended"}}
    before = [{**mended, "Timestamp": at(-30 * n), "SeverityText": "ERROR", "SeverityNumber": 17} for n in range(1, 50)]
    since = [{**mended, "Timestamp": at(10 * n), "SeverityText": "INFO", "SeverityNumber": 9} for n in range(60)]
    world.put("otel_logs", [{**row, "Body": f"mended {n}"} for n, row in enumerate([*before, *since])])
    given = {"changed_at": str(NOON), "service": "mended", "condition": "error_logs", "before_minutes": 30}

    async def verdict():
        reader = open_store(world.settings.model_copy(update={"database": world.name}))
        now = (NOON + 600) * 10**9
        async with opened(world.desk, world.store, world.name, reader=reader, now=lambda: now) as client:
            return (await client.call("verify_resolved", **given))["structuredContent"]["verdict"]

    whole = asyncio.run(verdict())
    with shard_down(world):
        part = asyncio.run(verdict())

    assert (whole, part) == ("resolved", "inconclusive")


def test_what_cannot_reach_every_shard_is_not_acknowledged_and_stored_once_when_it_can(world):
    (request,) = workloads.flat_logs(200, 1).requests
    insert = otlp.insert_for(Signal.LOGS, wire.read(Signal.LOGS, request).chunks, uuid.uuid4().hex)
    before = world.store.select(Select("SELECT count() FROM otel_logs")).rows[0][0]
    for _ in range(2):
        with shard_down(world), pytest.raises(RetryableError):
            world.store.insert(insert)
    with closing(open_store(world.cluster.settings(world.name, node=1))) as other:
        other.insert(insert)
    world.store.insert(insert)

    assert world.store.select(Select("SELECT count() FROM otel_logs")).rows == [(before + 200,)]


def test_a_stream_says_which_shard_is_missing_and_passes_over_nothing_of_it(world):
    async def scene():
        async with house(world.store) as here:
            watcher = await here.follow("/api/v1/tail?service=streamed")
            await asyncio.to_thread(put, world.store, "otel_logs", [log("before", ServiceName="streamed")])
            first = await watcher.names(1, lambda data: data["body"])
            with shard_down(world):
                status = await asyncio.wait_for(watcher.block(), PATIENCE)
            rows = [log(f"after {n}", ServiceName="streamed") for n in range(20)]
            await asyncio.to_thread(put, world.store, "otel_logs", rows)
            found = []
            while len(found) < len(rows):
                message = await asyncio.wait_for(watcher.block(), PATIENCE)
                if message.event == "message":
                    found.append(message.json["body"])
            return first, status, found

    first, status, found = asyncio.run(scene())
    assert first == ["before"]
    assert (status.event, status.json["state"]) == ("status", "failing")
    assert status.json["partial"]
    assert LOST in status.json["missing_shards"]
    assert sorted(found) == sorted(f"after {n}" for n in range(20))


def test_a_migration_and_the_doctor_name_the_node_that_does_not_answer(holed):
    layout = ClusterLayout(NAME, holed.name, replicated=False)
    with pytest.raises(cluster_migration.NodeError, match=r"shard 3 replica 1 \(127\.0\.0\.1:\d+\) of cluster house"):
        cluster_migration.run(holed.store, open_node, layout, SchemaSettings())

    settings = ["store.url=" + holed.settings.url, f"store.cluster={NAME}", f"store.database={holed.name}"]
    arguments = [word for one in [*settings, "sql.replicated=false"] for word in ("--set", one)]
    said = CliRunner().invoke(cli, ["doctor", "--only", "store", *arguments], obj=Surroundings())
    assert said.exit_code != 0
    assert "shard 3 replica 1 (127.0.0.1:" in said.output
    assert "does not answer" in said.output
