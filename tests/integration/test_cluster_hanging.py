"""One shard of three hangs: it takes connections and says nothing. Nobody waits longer than a question may take."""

import asyncio
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from answers import at
from cluster_world import ClusterWorld
from scoped_world import path
from stream_world import PATIENCE, house, log, put

from bench import workloads
from ingest import wire
from query.errors import QuestionError
from sql import otlp
from sql.signals import Signal
from store.errors import RetryableError, ShardsMissingError
from store.opening import open_store
from store.port import Limits, Select
from store.settings import StoreSettings

pytestmark = pytest.mark.server

LOST = "shard 3"
ROWS = [{"Timestamp": at(n), "IngestedAt": at(n), "Body": f"line {n}", "ServiceName": "shop"} for n in range(60)]
COUNT = "SELECT count() FROM otel_logs"


@pytest.fixture(scope="module")
def world(cluster):
    with closing(ClusterWorld(cluster, "hung", ["east"])) as world:
        world.put("otel_logs", ROWS)
        yield world


def in_time(work, *arguments):
    """What comes of it; a test that waits for ever says nothing."""
    done = ThreadPoolExecutor(1).submit(work, *arguments)
    return done.result(PATIENCE)


def test_an_answer_is_that_of_the_other_shards_and_says_so(world):
    ask = world.reader("all").get
    with world.cluster.hanging(2):
        said = in_time(ask, path("recent_logs", {"text": "line"})).json
    again = in_time(ask, path("recent_logs", {"text": "line"})).json

    assert (said["partial"], said["missing_shards"]) == (True, [LOST])
    assert 0 < said["row_count"] < len(ROWS)
    assert (again["row_count"], again["partial"]) == (len(ROWS), False)


def test_who_does_not_ask_for_a_part_gets_an_error_that_names_the_shard(world):
    with world.cluster.hanging(2), pytest.raises(ShardsMissingError, match=LOST):
        in_time(world.store.select, Select(COUNT))


def test_a_question_with_no_time_left_for_the_others_fails_and_names_the_shard(world):
    with closing(open_store(world.cluster.settings(world.name))) as store, world.cluster.hanging(2):
        for _ in range(2):
            with pytest.raises(ShardsMissingError, match=f"{LOST} .* no time was left of 1 s"):
                in_time(store.select, Select(COUNT, limits=Limits(seconds=1.0), partial=True))


@pytest.mark.parametrize("seconds", [4.0, 30.0], ids=["and its time is over", "and there is time left"])
def test_a_shard_that_falls_silent_in_the_middle_of_a_question_is_given_up(world, seconds):
    name = f"slow-{uuid.uuid4().hex}"
    sql = "SELECT sum(sleepEachRow(0.1)) FROM otel_logs SETTINGS function_sleep_max_microseconds_per_block = 0"
    slow = Select(sql, limits=Limits(seconds=seconds), query_id=name, partial=True)
    with ThreadPoolExecutor(1) as asking:
        answer = asking.submit(world.store.select, slow)
        wait_until_it_runs(world.cluster.servers[2].url, name)
        with world.cluster.hanging(2):
            problem = answer.exception(PATIENCE)
            after = in_time(world.store.select, Select(COUNT, partial=True))

    assert (problem.shards if problem else answer.result().missing) == (LOST,)
    assert (problem is None) == (seconds > 10)
    assert after.missing == (LOST,)


def wait_until_it_runs(url, query_id):
    running = Select("SELECT count() FROM system.processes WHERE initial_query_id = {id:String}", {"id": query_id})
    with closing(open_store(StoreSettings(url=url))) as shard:
        for _ in range(200):
            if shard.select(running).rows[0][0]:
                return
            threading.Event().wait(0.02)
    pytest.fail("the question never came to the shard")


def test_a_reader_is_told_which_shard_it_is_and_not_what_clickhouse_said(world):
    with world.cluster.hanging(2), pytest.raises(QuestionError) as failed:
        in_time(brief(world).ask, "recent_logs", {})

    assert LOST in failed.value.message
    assert "partial" in failed.value.mend


def brief(world):
    """A desk whose questions may take a second."""
    desk = world.desk
    return type(desk)(world.store, desk.questions, desk.settings.model_copy(update={"max_seconds": 1.0}))


def test_what_comes_in_is_not_acknowledged_and_stored_once_when_it_can(world):
    (request,) = workloads.flat_logs(200, 1).requests
    insert = otlp.insert_for(Signal.LOGS, wire.read(Signal.LOGS, request).chunks, uuid.uuid4().hex)
    before = world.store.select(Select(COUNT)).rows[0][0]
    with world.cluster.hanging(2), pytest.raises(RetryableError):
        in_time(world.store.insert, insert)
    world.store.insert(insert)

    assert world.store.select(Select(COUNT)).rows == [(before + 200,)]


def test_a_stream_says_which_shard_is_missing_and_goes_on_with_its_rows(world):
    async def scene():
        async with house(world.store) as here:
            watcher = await here.follow("/api/v1/tail?service=streamed")
            with world.cluster.hanging(2):
                status = await asyncio.wait_for(watcher.block(), PATIENCE)
            await asyncio.to_thread(put, world.store, "otel_logs", [log("after", ServiceName="streamed")])
            message = status
            while message.event != "message":
                message = await asyncio.wait_for(watcher.block(), PATIENCE)
            return status, message

    status, message = asyncio.run(scene())
    assert (status.event, status.json["missing_shards"]) == ("status", [LOST])
    assert message.json["body"] == "after"
