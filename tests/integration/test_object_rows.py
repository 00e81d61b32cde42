"""What was seen of Kubernetes objects is in `otel_k8s_objects`, over both doors."""

import asyncio

import pytest

import ready_tables
from enrich.objects import KubernetesObject, Owner
from enrich.recording import Belonging, Sighting
from otelhouse.object_rows import TABLE, StoredObjects
from sql.settings import SchemaSettings
from store.errors import StoreError
from store.port import Select

NOW = 1_795_240_000.25
OWNER = Owner("rs-1", "apps", "ReplicaSet", "front-abc", controller=True, version="v1")
POD = KubernetesObject(
    "cluster-1", "pod-1", "", "v1", "Pod", "front-abc-1", "shop", (OWNER,), {"app": "front", "krateo.io/x": 'a "b"\n'}
)


@pytest.fixture
def tables(store):
    ready_tables.make(store, SchemaSettings(fsync_inserts=False))
    return store


def record(store, *sightings):
    asyncio.run(StoredObjects(store).record(sightings))


def rows(store, columns):
    question = f"SELECT {columns} FROM {TABLE} FINAL ORDER BY Kind, Name"  # noqa: S608  columns named in this file
    return store.select(Select(question)).rows


def seen(known=POD, at=NOW, *, gone=False, composition_id="c-1"):
    return Sighting(known, NOW, at, gone, Belonging(composition_id, "prod", "Deployment", "front"))


def test_an_object_is_stored_with_all_that_is_known_of_it(tables):
    record(tables, seen())

    columns = "ClusterUid, ClusterName, Namespace, Kind, Name, Uid, Version, CompositionId, WorkloadKind, WorkloadName"
    assert rows(tables, columns) == [
        ("cluster-1", "prod", "shop", "Pod", "front-abc-1", "pod-1", "v1", "c-1", "Deployment", "front")
    ]
    ((labels, owner, first, deleted),) = rows(
        tables, "Labels, Owners[1].uid || '/' || Owners[1].kind, toUnixTimestamp64Milli(FirstSeen), Deleted"
    )
    assert labels == {"app": "front", "krateo.io/x": 'a "b"\n'}
    assert (owner, first, deleted) == ("rs-1/ReplicaSet", 1_795_240_000_250, 0)


def test_what_is_seen_again_is_one_row_with_its_first_and_last_time(tables):
    record(tables, seen())
    record(tables, seen(at=NOW + 60))
    record(tables, seen(at=NOW + 120, gone=True))

    assert rows(tables, "dateDiff('second', FirstSeen, LastSeen), Deleted") == [(120, 1)]


def test_the_same_sightings_written_again_are_stored_once(tables):
    record(tables, seen())
    record(tables, seen())

    assert tables.select(Select("SELECT count() FROM otel_k8s_objects")).rows == [(1,)]


def test_a_table_that_is_missing_is_told_so_that_it_is_tried_again(store):
    with pytest.raises(StoreError):
        record(store, seen())
