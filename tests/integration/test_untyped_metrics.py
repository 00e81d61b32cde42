"""A metric without data becomes one dead letter, under its token's cluster, however often it is sent; or none of its
request is taken."""

import asyncio
import base64
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics
from prometheus_client import CollectorRegistry

import ready_tables
from identity.sender import Sender
from ingest.batch import BatchLimits
from ingest.counters import Counters
from ingest.delivery import RetryLimits
from ingest.drain import DrainLimits
from ingest.errors import BusyError
from ingest.intake import Accepted, Encoding
from ingest.pipeline import Pipeline, PipelineLimits
from ingest.settings import SpoolMode
from ingest.spool.entry import SpoolLimits
from ingest.spool.folder import Spool
from sql import own_rows, time_bounds
from sql.settings import RetentionSettings, SchemaSettings
from sql.signals import Signal
from store.errors import NotReachableError
from store.port import Select

PATIENCE = 20.0
ROOMY = SpoolLimits(10**9, 86_400.0, 0)
FULL = SpoolLimits(0, 86_400.0, 0)
BOUNDS = time_bounds.bounds(RetentionSettings())
WHO = Sender("10.0.0.7", "token-1")


class Switched:
    """A store that some tables of are out of reach, as a test says."""

    def __init__(self, store):
        self.store = store
        self.away = set()

    def insert(self, insert):
        if insert.table in self.away:
            raise NotReachableError("down")
        return self.store.insert(insert)

    def select(self, select):
        return self.store.select(select)

    def cancel(self, query_id):
        self.store.cancel(query_id)

    def close(self):
        """It is another's."""


@pytest.fixture
def tables(store):
    ready_tables.make(store, SchemaSettings(fsync_inserts=False))
    return Switched(store)


@dataclass(frozen=True)
class Letter:
    """One of them, as ClickHouse has it."""

    cluster: tuple[str, str]
    service: str
    sender: str
    item: ResourceMetrics


LETTERS = "SELECT ClusterName, ClusterUid, ServiceName, Sender, base64Encode(Item) FROM otel_dead_letters FINAL"


def letters(store):
    return [
        Letter((name, uid), service, sender, ResourceMetrics.FromString(base64.b64decode(item)))
        for name, uid, service, sender, item in store.select(Select(LETTERS)).rows
    ]


def points(store):
    return [name for (name,) in store.select(Select("SELECT MetricName FROM otel_metrics_gauge")).rows]


def request_of(*, cluster="", service="shop", number=1):
    """A point, and beside it a metric without data; the resource claims to be of `cluster`."""
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    claims = {"service.name": service, "k8s.cluster.name": cluster, "k8s.cluster.uid": cluster and f"uid-{cluster}"}
    for key, value in claims.items():
        resource.resource.attributes.add(key=key).value.string_value = value
    scoped = resource.scope_metrics.add()
    scoped.metrics.add(name=f"empty_{number}")
    scoped.metrics.add(name=f"good_{number}").gauge.data_points.add(as_int=1, time_unix_nano=time.time_ns())
    return request


@asynccontextmanager
async def house(store, folder=None, mode=SpoolMode.WHEN_NEEDED, room=ROOMY):
    spool = None if folder is None else Spool(folder, room)
    limits = PipelineLimits(
        10**8,
        BatchLimits(10**7, 10**5, 0.01),
        2,
        RetryLimits(retry_for=0.0),
        DrainLimits(first_pause=0.001, longest_pause=0.01),
        mode,
        close_within=PATIENCE,
    )
    pipeline = Pipeline(store, Counters(CollectorRegistry()), limits, BOUNDS, spool)
    pipeline.start()
    try:
        yield pipeline
    finally:
        await pipeline.close()


async def send(pipeline, body, sender=WHO, encoding=Encoding.PROTOBUF):
    return await asyncio.wait_for(pipeline.accept(Signal.METRICS, body, encoding, sender), PATIENCE)


async def refused(pipeline, body):
    with pytest.raises(BusyError) as error:
        await send(pipeline, body)
    assert error.value.retry_after > 0, "an SDK keeps it and comes again"
    return error.value


async def drained(pipeline):
    async with asyncio.timeout(PATIENCE):
        while (await pipeline.spooling.status()).entries:  # noqa: ASYNC110 - the drain tells nobody
            await asyncio.sleep(0.005)


def as_json(request):
    return json_format.MessageToJson(request).encode()


@pytest.mark.parametrize("encoding", list(Encoding))
def test_its_letter_carries_the_cluster_of_its_token_and_so_do_its_bytes(tables, encoding):
    request = request_of(cluster="south")
    body = as_json(request) if encoding is Encoding.JSON else request.SerializeToString()
    bound = Sender("10.0.0.7", "token-1", cluster_name="north", cluster_uid="uid-north")

    async def play():
        async with house(tables) as pipeline:
            assert (await send(pipeline, body, bound, encoding)).rejected == 1

    asyncio.run(play())
    (letter,) = letters(tables)
    assert (letter.cluster, letter.service, letter.sender) == (("north", "uid-north"), "shop", "token-1")
    attributes = {attribute.key: attribute.value.string_value for attribute in letter.item.resource.attributes}
    assert attributes == {"service.name": "shop", "k8s.cluster.name": "north", "k8s.cluster.uid": "uid-north"}
    assert [metric.name for metric in letter.item.scope_metrics[0].metrics] == ["empty_1"]


def test_its_letter_carries_no_cluster_that_its_token_does_not_give(tables):
    async def play():
        async with house(tables) as pipeline:
            uid_alone = Sender("10.0.0.7", "token-1", cluster_uid="uid-north")
            await send(pipeline, request_of(cluster="south").SerializeToString(), uid_alone)
            await send(pipeline, request_of(cluster="south", number=2).SerializeToString(), WHO)

    asyncio.run(play())
    found = {letter.cluster for letter in letters(tables)}
    assert found == {("", "uid-north"), ("south", "uid-south")}, "and a token of no cluster takes the sender's word"


def test_a_request_that_comes_again_since_clickhouse_was_away_doubles_no_letter(tables):
    body = request_of().SerializeToString()

    async def play():
        async with house(tables) as pipeline:
            tables.away = {"otlp_metrics"}
            for _ in range(3):
                await refused(pipeline, body)
            tables.away = set()
            assert (await send(pipeline, body)).rejected == 1

    asyncio.run(play())
    assert len(letters(tables)) == 1
    assert points(tables) == ["good_1"]


def test_the_same_bytes_of_two_senders_and_other_bytes_of_one_are_letters_of_their_own(tables):
    same, other = (request_of(number=number).SerializeToString() for number in (1, 2))

    async def play():
        async with house(tables) as pipeline:
            for sender, body in ((WHO, same), (Sender("10.0.0.8", "token-2"), same), (WHO, other)):
                await send(pipeline, body, sender)

    asyncio.run(play())
    assert sorted(letter.sender for letter in letters(tables)) == ["token-1", "token-1", "token-2"]


@pytest.mark.parametrize("mode", [SpoolMode.WHEN_NEEDED, SpoolMode.ALWAYS])
def test_a_request_that_comes_again_doubles_no_letter_by_way_of_the_spool(tables, tmp_path, mode):
    body = request_of().SerializeToString()

    async def play():
        async with house(tables, tmp_path, mode) as pipeline:
            for _ in range(3):
                assert (await send(pipeline, body)).rejected == 1
            await drained(pipeline)

    asyncio.run(play())
    assert len(letters(tables)) == 1


def test_letters_that_wait_on_disk_twice_are_one_for_the_house_that_finds_them(tables, tmp_path):
    body = request_of().SerializeToString()

    async def leave_behind():
        tables.away = {own_rows.DEAD_LETTERS}
        async with house(tables, tmp_path) as pipeline:
            for _ in range(2):
                assert (await send(pipeline, body)).rejected == 1
        spool = Spool(tmp_path, ROOMY)
        tokens = [entry.token for entry in spool.entries(own_rows.DEAD_LETTERS)]
        spool.close()
        assert len(tokens) == 2, "each of the two was promised before the other was stored"
        assert len(set(tokens)) == 1

    async def find():
        tables.away = set()
        async with house(tables, tmp_path) as pipeline:
            await drained(pipeline)

    asyncio.run(leave_behind())
    asyncio.run(find())
    assert len(letters(tables)) == 1


@pytest.mark.parametrize("full_spool", [False, True])
def test_where_no_letter_can_be_kept_nothing_of_the_request_is_stored_and_it_comes_again(tables, tmp_path, full_spool):
    body = request_of().SerializeToString()
    folder = tmp_path if full_spool else None

    async def play():
        async with house(tables, folder, room=FULL) as pipeline:
            tables.away = {own_rows.DEAD_LETTERS}
            assert "dead letters cannot be kept now: down" in str(await refused(pipeline, body))
            assert points(tables) == letters(tables) == []
            assert pipeline.budget.used == 0
            assert (await send(pipeline, good_alone())) == Accepted(), "what needs no letter goes on"
            tables.away = set()
            assert (await send(pipeline, body)).rejected == 1

    asyncio.run(play())
    assert sorted(points(tables)) == ["good_1", "good_alone"]
    assert len(letters(tables)) == 1


def good_alone():
    request = request_of(number="alone")
    del request.resource_metrics[0].scope_metrics[0].metrics[0]
    return request.SerializeToString()
