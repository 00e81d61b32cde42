"""Kubernetes events as they come: `GET /notifications/` against both engines."""

import asyncio
import time

import pytest
from stream_world import PATIENCE, SECOND, event, house, make_tables, put


@pytest.fixture
def tables(store):
    make_tables(store)
    return store


def test_an_event_comes_as_the_portal_knows_it(tables):
    async def scene():
        async with house(tables) as here:
            watcher = await here.follow()
            put(tables, "otel_k8s_events", [event("api-1", CompositionId="c-1")])
            return watcher, [await asyncio.wait_for(watcher.block(), PATIENCE) for _ in range(2)]

    watcher, (first, second) = asyncio.run(scene())
    assert watcher.headers["content-type"].startswith("text/event-stream")
    assert watcher.headers["cache-control"] == "no-store"
    assert watcher.headers["x-accel-buffering"] == "no"
    assert watcher.comments == ["connected"]
    assert watcher.retry >= 2000
    assert (first.event, second.event) == ("krateo", "c-1")
    assert first.data == second.data
    assert first.id != second.id
    time_of_it = "2026-11-20T10:05:00Z"
    assert first.json == {
        "metadata": {"name": "api-1", "namespace": "shop", "uid": "uid of api-1", "creationTimestamp": time_of_it},
        "involvedObject": {
            "apiVersion": "v1", "kind": "Pod", "name": "api-1", "namespace": "shop", "uid": "uid of api-1",
        },
        "reason": "BackOff",
        "message": "api-1 restarts",
        "type": "Warning",
        "firstTimestamp": time_of_it,
        "lastTimestamp": time_of_it,
        "eventTime": time_of_it,
        "source": {"component": ""},
        "compositionId": "c-1",
        "cluster": "east",
        "count": 1,
    }  # fmt: skip


def test_who_asks_for_a_composition_gets_its_events_alone_and_once(tables):
    async def scene():
        async with house(tables) as here:
            watcher = await here.follow("/notifications?composition_id=c-1")
            put(tables, "otel_k8s_events", [event("no"), event("other", CompositionId="c-2")])
            put(tables, "otel_k8s_events", [event("one", CompositionId="c-1"), event("two", CompositionId="c-1")])
            return [await asyncio.wait_for(watcher.block(), PATIENCE) for _ in range(2)]

    found = asyncio.run(scene())
    assert [one.event for one in found] == ["c-1", "c-1"]
    assert {one.json["metadata"]["name"] for one in found} == {"one", "two"}


def test_rows_of_one_moment_all_come_however_late_some_of_them_are(tables):
    """Also what was in the database before the stream, and is not in it."""

    async def scene():
        moment = time.time_ns() + SECOND
        async with house(tables) as here:
            put(tables, "otel_k8s_events", [event("before", ingested=time.time_ns() - SECOND)])
            watcher = await here.follow()
            names = []
            for number in range(4):
                put(tables, "otel_k8s_events", [event(f"{number}-{x}", ingested=moment) for x in range(3)])
                names += await watcher.names(3)
            put(tables, "otel_k8s_events", [event("late", ingested=moment - 3 * SECOND)])
            return names + await watcher.names(1)

    assert sorted(asyncio.run(scene())) == sorted([*(f"{n}-{x}" for n in range(4) for x in range(3)), "late"])


def test_an_event_that_two_collectors_send_comes_once(tables):
    async def scene():
        async with house(tables) as here:
            watcher = await here.follow()
            for ingested in (0, 1, 2):
                put(tables, "otel_k8s_events", [event("twice", ingested=time.time_ns() + ingested)])
            names = await watcher.names(1)
            put(tables, "otel_k8s_events", [event("last")])
            return names + await watcher.names(1)

    assert asyncio.run(scene()) == ["twice", "last"]


def test_a_client_goes_on_where_it_was_cut_here_and_elsewhere(tables):
    async def scene():
        async with house(tables) as here, house(tables) as there:
            watcher = await here.follow()
            put(tables, "otel_k8s_events", [event("1")])
            assert await watcher.names(1) == ["1"]
            place = watcher.cut()
            put(tables, "otel_k8s_events", [event("2")])
            again = await here.watch(last_event_id=place)
            other = await there.watch(f"/notifications/?lastEventId={place}")
            assert await again.names(1) == ["2"]
            assert await other.names(1) == ["2"]
            put(tables, "otel_k8s_events", [event("3")])
            return await again.names(1), await other.names(1)

    assert asyncio.run(scene()) == (["3"], ["3"])
