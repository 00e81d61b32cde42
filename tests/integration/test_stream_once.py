"""A Kubernetes event is streamed once for each of its counts, in whichever shape and however often collectors send it.

Rows go into otel_logs as the ingester writes them, and ClickHouse makes events of them.
"""

import asyncio
import copy
import random
import time
from collections import Counter

import pytest
from kubernetes_events import CORE, row, watched
from stream_world import PATIENCE, SECOND, event, house, make_tables, put

from store.port import Select

LAST = "the-end"
TIME = "2026-11-20 10:10:00.000000000"


@pytest.fixture
def tables(store):
    make_tables(store)
    return store


def told(name, count=1, cluster="north"):
    """One event at one of its counts."""
    event = copy.deepcopy(CORE)
    event |= {"count": count, "lastTimestamp": f"2026-11-20T10:05:{count:02d}Z"}
    event["metadata"] |= {"uid": f"event of {name}", "name": f"{name}.17a", "resourceVersion": str(100 + count)}
    event["involvedObject"] |= {"name": name, "uid": f"uid of {name}"}
    return cluster, event


def as_watched(one, kind="MODIFIED"):
    """As the k8sobjects receiver sends it."""
    cluster, event = one
    return row(watched(event, kind), resource=_cluster(cluster))


def as_flat(one):
    """As the k8sevents receiver sends it: with no resource version, and a time of its own."""
    cluster, event = one
    about, meta = event["involvedObject"], event["metadata"]
    log = {
        "k8s.event.reason": event["reason"],
        "k8s.event.count": str(event["count"]),
        "k8s.event.uid": meta["uid"],
        "k8s.event.name": meta["name"],
        "k8s.event.start_time": "2026-11-20 10:00:00 +0000 UTC",
        "k8s.namespace.name": about["namespace"],
    }
    resource = {"k8s.object.kind": about["kind"], "k8s.object.name": about["name"], "k8s.object.uid": about["uid"]}
    return row(event["message"], time=TIME, log=log, resource={**resource, **_cluster(cluster)}, severity="Warning")


def _cluster(name):
    return {"k8s.cluster.uid": f"uid-{name}", "k8s.cluster.name": name}


def merge(store):
    store.select(Select("OPTIMIZE TABLE otel_k8s_events FINAL"))


def key(data):
    return data["cluster"], data["metadata"]["name"], data["count"]


async def rest(store, *watchers):
    """What these get until the end, which is stored now."""
    put(store, "otel_logs", [as_flat(told(LAST))])
    return [await _until_last(watcher) for watcher in watchers]


async def _until_last(watcher):
    found = Counter()
    while True:
        message = await asyncio.wait_for(watcher.block(), PATIENCE)
        assert message.event == "krateo", message.data
        if message.json["metadata"]["name"] == LAST:
            return found
        found[key(message.json)] += 1


@pytest.mark.parametrize("shapes", [(as_watched, as_flat), (as_flat, as_watched)], ids=["watched first", "flat first"])
def test_an_event_in_both_shapes_comes_once_and_again_when_its_count_rises(tables, shapes):
    first, second = shapes

    async def scene():
        async with house(tables) as here:
            watcher = await here.follow()
            for count in (1, 2):
                put(tables, "otel_logs", [first(told("api", count))])
                assert await watcher.names(1, key) == [("north", "api", count)]
                put(tables, "otel_logs", [second(told("api", count))])
                merge(tables)
                put(tables, "otel_logs", [first(told("api", count)), second(told("api", count))])
            return await rest(tables, watcher)

    assert asyncio.run(scene()) == [Counter()]


def test_the_same_uid_in_another_cluster_is_another_event(tables):
    async def scene():
        async with house(tables) as here:
            watcher = await here.follow()
            both = [told("api", cluster=cluster) for cluster in ("north", "south")]
            put(tables, "otel_logs", [shape(one) for one in both for shape in (as_flat, as_watched)])
            return await rest(tables, watcher)

    assert asyncio.run(scene()) == [Counter([("north", "api", 1), ("south", "api", 1)])]


def test_an_event_is_found_though_a_merge_made_room_for_it(tables):
    """There are as many rows of its moment as at the last look."""

    async def scene():
        moment = time.time_ns() + SECOND
        async with house(tables, poll_s=60.0) as here:
            watcher = await here.follow()
            for _ in range(2):
                put(tables, "otel_k8s_events", [event("first", ingested=moment)])
            here.streams.stored("otlp_logs")
            names = await watcher.names(1)
            merge(tables)
            put(tables, "otel_k8s_events", [event("second", ingested=moment)])
            here.streams.stored("otlp_logs")
            return names + await watcher.names(1)

    assert asyncio.run(scene()) == ["first", "second"]


@pytest.mark.parametrize("merged", [False, True], ids=["two rows", "merged"])
def test_a_process_that_starts_later_does_not_take_another_copy_for_new(tables, merged):
    async def scene():
        async with house(tables, history_s=1.0) as here:
            watcher = await here.follow()
            put(tables, "otel_logs", [as_watched(told("api"))])
            assert await watcher.names(1, key) == [("north", "api", 1)]
            place = watcher.cut()
        put(tables, "otel_logs", [as_flat(told("api"))])
        if merged:
            merge(tables)
        async with house(tables) as there:
            again = await there.watch(Last_Event_ID=place)
            fresh = await there.follow()
            put(tables, "otel_logs", [as_flat(told("api")), as_watched(told("api"))])
            return await rest(tables, again, fresh)

    assert asyncio.run(scene()) == [Counter()] * 2


def test_histories_from_two_collectors_and_three_clusters_come_once_shuffled_and_cut(tables):
    dice = random.Random(20_261_121)
    expected = [told(f"api-{n}", count, cluster) for cluster in "abc" for n in range(8) for count in range(1, 5)]
    sent = [shape(one) for one in expected for shape in (as_flat, as_watched, as_watched)]
    dice.shuffle(sent)

    async def scene():
        async with house(tables) as one, house(tables) as two:
            steady, place, seen = await one.follow(), (await one.follow()).cut(), Counter()
            for begin in range(0, len(sent), 24):
                put(tables, "otel_logs", sent[begin : begin + 24])
                if dice.random() < 0.3:
                    merge(tables)
                cut = await dice.choice([one, two]).watch("/api/v1/tail?signal=events", Last_Event_ID=place)
                seen += Counter(await cut.names(1, key))
                place = cut.cut()
            (got,) = await rest(tables, steady)
            end = await two.watch(Last_Event_ID=place)
            return got, seen + await _until_last(end)

    got, again = asyncio.run(scene())
    wanted = Counter(key_of(one) for one in expected)
    assert (got, again) == (wanted, wanted)


def key_of(one):
    cluster, event = one
    return cluster, event["involvedObject"]["name"], event["count"]


def test_an_event_that_gets_its_composition_from_a_later_copy_reaches_who_watches_that(tables):
    async def scene():
        async with house(tables) as here:
            everything, one = await here.follow(), await here.follow("/notifications/?composition_id=c-1")
            put(tables, "otel_k8s_events", [event("late")])
            names = await everything.names(1)
            for _ in range(2):  # the second copy adds nothing
                put(tables, "otel_k8s_events", [event("late", CompositionId="c-1")])
                names += await one.names(1) if len(names) == 1 else []
            put(tables, "otel_k8s_events", [event("last", CompositionId="c-1")])
            return names, await one.names(1), await everything.names(2)

    assert asyncio.run(scene()) == (["late", "late"], ["last"], ["last", "last"])
