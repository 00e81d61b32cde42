"""What changed waits to be written: once an object, in its last state, and never more than there is room for."""

import asyncio
import dataclasses

import pytest
from kubernetes_made import CLUSTER, LABEL, made, owned_by, pod, shop, uid
from prometheus_client import CollectorRegistry

from enrich.clusters import Cluster
from enrich.directory import Directory
from enrich.opening import open_enrichment
from enrich.recording import Belonging, Sightings
from enrich.recording_task import RecordingTask
from enrich.settings import EnrichSettings


def taken(sightings, most=10):
    return [(one.known.name, one.gone, one.last_seen) for one in sightings.take(most)]


def test_several_changes_of_an_object_are_one_sighting_of_its_last_state():
    sightings = Sightings()
    directory = Directory(listener=sightings)
    directory.put(pod("a", 1), at=10)
    directory.put(pod("b", 2), at=11)
    directory.put(pod("a", 1, labels={"new": "label"}), at=12)
    directory.gone(CLUSTER, uid(1), at=13)
    (first, second) = sightings.take(10)
    assert (first.known.labels, first.gone, first.first_seen, first.last_seen) == ({"new": "label"}, True, 10, 13)
    assert (second.known.name, second.gone) == ("b", False)
    assert sightings.waiting == 0


def test_they_are_taken_in_portions_the_longest_waiting_first():
    sightings = Sightings()
    for number in range(5):
        sightings.changed(pod(f"p{number}", number), 0, number, gone=False)
    assert [name for name, _, _ in taken(sightings, 2)] == ["p0", "p1"]
    assert [name for name, _, _ in taken(sightings, 9)] == ["p2", "p3", "p4"]


def test_what_finds_no_room_is_dropped_and_counted_and_comes_with_its_next_change():
    sightings = Sightings(limit=2)
    for number in range(4):
        sightings.changed(pod(f"p{number}", number), 0, 1, gone=False)
    sightings.changed(pod("p0", 0), 0, 2, gone=True)
    assert sightings.dropped == 2
    assert taken(sightings) == [("p0", True, 2), ("p1", False, 1)]
    sightings.changed(pod("p3", 3), 0, 3, gone=False)
    assert taken(sightings) == [("p3", False, 3)]


def test_what_could_not_be_written_comes_again_unless_it_changed_meanwhile():
    sightings = Sightings()
    sightings.changed(pod("a", 1), 0, 1, gone=False)
    sightings.changed(pod("b", 2), 0, 1, gone=False)
    portion = sightings.take(10)
    sightings.changed(pod("a", 1), 0, 2, gone=True)
    sightings.give_back(portion)
    assert taken(sightings) == [("a", True, 2), ("b", False, 1)]


@pytest.fixture
def seen():
    """A directory, and the sightings of it, put together as the house does."""
    parts = open_enrichment(EnrichSettings(), CollectorRegistry(), 1)
    parts.clusters.found(Cluster(CLUSTER, "north"))
    return parts


def compositions(sightings):
    return {one.known.kind: one.belonging.composition_id for one in sightings.take(99)}


def test_a_sighting_says_whose_the_object_is(seen):
    for one in shop(composition_labels={LABEL: "mine"}):
        seen.directory.put(one)
    assert {one.known.kind: one.belonging for one in seen.sightings.take(10)} == {
        "Shop": Belonging("mine", "north", "", ""),
        "Deployment": Belonging("mine", "north", "Deployment", "shop"),
        "ReplicaSet": Belonging("mine", "north", "Deployment", "shop"),
        "Pod": Belonging("mine", "north", "Deployment", "shop"),
    }


def test_an_owner_that_is_heard_of_after_its_objects_were_taken_brings_them_again(seen):
    composition, deployment, replica_set, plain = shop(composition_labels={LABEL: "late"})
    seen.directory.put(plain)
    assert compositions(seen.sightings) == {"Pod": ""}
    for one in (deployment, composition):
        seen.directory.put(one)
    assert compositions(seen.sightings) == {"Deployment": "late", "Shop": "late"}
    seen.directory.put(replica_set)
    assert compositions(seen.sightings) == {"ReplicaSet": "late", "Pod": "late"}


def test_a_new_label_on_an_owner_brings_all_below_it_again_and_nothing_else(seen):
    everyone = shop()
    seen.directory.put(pod("alone", 5))
    for one in everyone:
        seen.directory.put(one)
    seen.sightings.take(99)
    seen.directory.put(dataclasses.replace(everyone[1], labels={LABEL: "moved"}))
    assert compositions(seen.sightings) == {"Deployment": "moved", "ReplicaSet": "moved", "Pod": "moved"}
    seen.directory.put(everyone[3])
    assert compositions(seen.sightings) == {}


def test_what_a_deleted_pod_belonged_to_is_still_said(seen):
    for one in shop():
        seen.directory.put(one)
    seen.sightings.take(99)
    for number in (90, 80, 70, 1):
        seen.directory.gone(CLUSTER, uid(number))
    assert {(one.gone, one.belonging.composition_id) for one in seen.sightings.take(99)} == {(True, uid(90))}


def test_owners_in_a_ring_end_the_search_for_what_is_below(seen):
    first = made("Deployment", "a", 1)
    second = made("Deployment", "b", 2, first)
    seen.directory.put(second)
    seen.directory.put(dataclasses.replace(first, owners=(owned_by(second),)))
    assert {entry.known.name for entry in seen.directory.below(CLUSTER, uid(1), 99)} == {"b"}


def test_no_more_is_brought_again_than_is_allowed(seen):
    owner = made("ReplicaSet", "r", 1)
    for number in range(20):
        seen.directory.put(pod(f"p{number}", 100 + number, owner, addresses=(), containers=()))
    assert len(seen.directory.below(CLUSTER, owner.uid, 7)) == 7
    seen.directory.put(pod("p0", 100, addresses=(), containers=()))
    assert len(seen.directory.below(CLUSTER, owner.uid, 99)) == 19


class Recorder:
    """Writes down what it is given; breaks as often as it is told to."""

    def __init__(self, breaks=0):
        self.breaks = breaks
        self.portions = []
        self.wrote = asyncio.Event()

    async def record(self, sightings):
        if self.breaks:
            self.breaks -= 1
            raise ConnectionError("no ClickHouse")
        self.portions.append([one.known.name for one in sightings])
        self.wrote.set()


def recorded(scene, seen, recorder, **given):
    async def run():
        task = RecordingTask(seen.sightings, seen.directory, recorder, **{"every_s": 0.005, **given})
        task.start()
        try:
            await asyncio.wait_for(scene(), 30)
        finally:
            await task.close()
            await task.close()

    asyncio.run(run())


def test_what_waits_is_written_and_what_could_not_be_is_written_later(seen, caplog):
    caplog.set_level("WARNING", "enrich")
    recorder = Recorder(breaks=2)
    seen.directory.put(pod("a", 1))
    recorded(recorder.wrote.wait, seen, recorder)
    assert recorder.portions == [["a"]]
    assert "cannot be written to otel_k8s_objects" in caplog.text


def test_what_waits_at_the_end_is_written_before_it(seen):
    recorder = Recorder()

    async def at_the_end():
        seen.directory.put(pod("last", 1))

    recorded(at_the_end, seen, recorder, every_s=3600)
    assert recorder.portions == [["last"]]


def test_a_store_that_is_away_at_the_end_holds_nobody_up(seen):
    seen.directory.put(pod("lost", 1))
    recorded(lambda: asyncio.sleep(0), seen, Recorder(breaks=99), every_s=3600)
    assert seen.sightings.waiting == 1


def test_whoever_waits_for_the_end_no_longer_leaves_nothing_behind(seen):
    on_its_way = asyncio.Event()

    class Silent:
        async def record(self, sightings):
            on_its_way.set()
            await asyncio.Event().wait()

    async def run():
        task = RecordingTask(seen.sightings, seen.directory, Silent(), every_s=0.005)
        task.start()
        await asyncio.wait_for(on_its_way.wait(), 30)
        (running,) = asyncio.all_tasks() - {asyncio.current_task()}
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(task.close(), 0.01)
        await asyncio.wait([running], timeout=30)
        assert running.cancelled()

    seen.directory.put(pod("a", 1))
    asyncio.run(run())


def test_everything_that_is_there_is_written_again_now_and_then(seen):
    recorder = Recorder()
    for number in range(3):
        seen.directory.put(pod(f"p{number}", number, addresses=(), containers=()))
    seen.directory.gone(CLUSTER, uid(2))
    seen.sightings.take(99)
    recorded(recorder.wrote.wait, seen, recorder, again_s=0)
    assert recorder.portions[0] == ["p0", "p1"]
