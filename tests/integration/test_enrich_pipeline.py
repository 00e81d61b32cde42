"""Telemetry of all three signals, through the real pipeline into ClickHouse: its rows say whose they are."""

import asyncio
import json
import time
from collections import Counter
from dataclasses import replace

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from prometheus_client import CollectorRegistry

import ready_tables
from enrich.clusters import Cluster
from enrich.objects import Container, KubernetesObject, Owner
from enrich.opening import open_enrichment
from enrich.settings import EnrichSettings
from identity.sender import Sender
from ingest.batch import BatchLimits
from ingest.counters import Counters
from ingest.intake import Accepted, Encoding
from ingest.pipeline import Pipeline, PipelineLimits
from sql import time_bounds
from sql.settings import RetentionSettings, SchemaSettings
from sql.signals import Signal
from store.port import Select

PATIENCE = 20.0
NORTH, SOUTH = Cluster("uid-of-north", "north"), Cluster("uid-of-south", "south")
LABEL = "krateo.io/composition-id"
SOMEBODY = Sender("10.0.0.9")


def uid(number):
    return f"{number:08x}-1111-4222-8333-444444444444"


def made(cluster, group, kind, name, number, owner=None, **given):
    owners = (Owner(owner.uid, owner.group, owner.kind, owner.name, controller=True),) if owner else ()
    return KubernetesObject(cluster.uid, uid(number), group, "v1", kind, name, "shop", owners, **given)


def shop(cluster, number):
    """A composition without a label, and a pod three owners below it."""
    composition = made(cluster, "composition.krateo.io", "Shop", "my-shop", number)
    deployment = made(cluster, "apps", "Deployment", "web", number + 1, composition)
    replica_set = made(cluster, "apps", "ReplicaSet", "web-5d", number + 2, deployment)
    container = Container("app", f"{number:064x}")
    pod = made(
        cluster, "", "Pod", "web-5d-x", number + 3, replica_set, addresses=("10.1.0.7",), containers=(container,)
    )
    return composition, deployment, replica_set, pod


def value(said):
    if isinstance(said, dict):
        return AnyValue(kvlist_value=KeyValueList(values=pairs(said)))
    if isinstance(said, list):
        return AnyValue(array_value=ArrayValue(values=map(value, said)))
    return AnyValue(string_value=said)


def pairs(said):
    return [KeyValue(key=key, value=value(one)) for key, one in said.items()]


def logs(attributes, *records):
    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add()
    resource.resource.attributes.extend(pairs(attributes))
    scoped = resource.scope_logs.add()
    for body, own in records:
        scoped.log_records.add(time_unix_nano=time.time_ns(), body=value(body), attributes=pairs(own))
    return request.SerializeToString()


def spans(attributes):
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.extend(pairs(attributes))
    scoped = resource.scope_spans.add()
    scoped.spans.add(trace_id=b"t" * 16, span_id=b"s" * 8, name="GET /", start_time_unix_nano=time.time_ns())
    return request.SerializeToString()


def points(attributes):
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    resource.resource.attributes.extend(pairs(attributes))
    metric = resource.scope_metrics.add().metrics.add(name="m")
    metric.gauge.data_points.add(time_unix_nano=time.time_ns(), as_double=1.0)
    return request.SerializeToString()


def event(pod, number):
    about = {"apiVersion": "v1", "kind": "Pod", "name": pod.name, "namespace": pod.namespace, "uid": pod.uid}
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"e{number}", "uid": f"event-{number}", "resourceVersion": str(number)},
        "involvedObject": about,
        "reason": "BackOff",
        "message": "Back-off restarting",
        "type": "Warning",
        "lastTimestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


FLAT_RESOURCE = {"k8s.object.kind": "Pod", "k8s.object.api_version": "v1", "k8s.node.name": ""}
FLAT_RECORD = {"k8s.event.reason": "BackOff", "k8s.event.uid": "event-flat", "k8s.namespace.name": "shop"}


class House:
    """A pipeline with enrichment on one store, for as long as a scene plays."""

    def __init__(self, store, *clusters, settings=None):
        self.store = store
        self.parts = open_enrichment(settings or EnrichSettings(), CollectorRegistry(), len(clusters))
        for cluster in clusters:
            self.parts.clusters.found(cluster)

    def put(self, *objects):
        for known in objects:
            self.parts.directory.put(known)

    def send(self, *requests, sender=SOMEBODY, encoding=Encoding.PROTOBUF):
        asyncio.run(asyncio.wait_for(self._send(requests, sender, encoding), PATIENCE))

    async def _send(self, requests, sender, encoding):
        limits = PipelineLimits(10**8, BatchLimits(10**6, 10**5, 0.01), 2)
        bounds = time_bounds.bounds(RetentionSettings())
        pipeline = Pipeline(self.store, Counters(CollectorRegistry()), limits, bounds)
        pipeline.enrich_with(self.parts.stage)
        try:
            for signal, body in requests:
                assert await pipeline.accept(signal, body, encoding, sender) == Accepted()
        finally:
            await pipeline.close()

    def rows(self, columns, table="otel_logs", rest=""):
        question = f"SELECT {columns} FROM {table} {rest}"  # noqa: S608 - words of this file
        return self.store.select(Select(question)).rows


@pytest.fixture
def house(embedded_store):
    ready_tables.make(embedded_store, SchemaSettings(fsync_inserts=False))
    house = House(embedded_store, NORTH)
    house.put(*shop(NORTH, 10))
    return house


def test_a_pods_uid_alone_makes_rows_of_all_signals_say_whose_they_are(house):
    known = {"service.name": "web", "k8s.pod.uid": uid(13)}
    house.send(
        (Signal.LOGS, logs(known, ("hello", {}))), (Signal.TRACES, spans(known)), (Signal.METRICS, points(known))
    )
    keys = ("k8s.cluster.name", "k8s.namespace.name", "k8s.pod.name", "k8s.deployment.name", "k8s.replicaset.name")
    listed = ", ".join(f"ResourceAttributes['{key}']" for key in keys)
    for table in ("otel_logs", "otel_traces", "otel_metrics_gauge"):
        said = house.rows(f"ClusterUid, CompositionId, ServiceName, {listed}", table)
        assert said == [(NORTH.uid, uid(10), "web", "north", "shop", "web-5d-x", "web", "web-5d")], table


def test_logs_read_from_a_pods_files_are_found_by_its_service(house):
    read = {"k8s.namespace.name": "shop", "k8s.pod.name": "web-5d-x", "k8s.pod.uid": uid(13)}
    unnamed = {"service.name": "unknown_service:node", "k8s.pod.uid": uid(13)}
    house.send((Signal.LOGS, logs(read, ("hello", {}))), (Signal.TRACES, spans(unnamed)))

    assert house.rows("ServiceName, ResourceAttributes['service.name']") == [("web", "web")]
    assert house.rows("ServiceName, ResourceAttributes['service.name']", "otel_traces") == [("web", "web")]


def test_events_in_every_shape_have_their_composition_in_both_tables(house):
    pod = house.parts.directory.by_uid(uid(13))
    flat = {**FLAT_RESOURCE, "k8s.object.name": pod.name, "k8s.object.uid": pod.uid}
    house.send(
        (Signal.LOGS, logs({"k8s.namespace.name": "shop"}, ({"type": "ADDED", "object": event(pod, 1)}, {}))),
        (Signal.LOGS, logs({"k8s.namespace.name": "shop"}, (json.dumps({"object": event(pod, 2)}), {}))),
        (Signal.LOGS, logs(flat, ("Back-off restarting", FLAT_RECORD))),
    )
    marks = f"LogAttributes['{LABEL}'], ResourceAttributes['krateo.composition.id'], CompositionId, ClusterUid"
    assert house.rows(marks) == [(uid(10), uid(10), uid(10), NORTH.uid)] * 3
    events = house.rows("EventUid, Name, CompositionId, ClusterName", "otel_k8s_events FINAL", "ORDER BY EventUid")
    assert events == [(one, pod.name, uid(10), "north") for one in ("event-1", "event-2", "event-flat")]


def test_an_event_is_of_its_objects_composition_and_never_of_its_collectors(house):
    house.put(*shop(NORTH, 32))
    collector = {"k8s.pod.uid": uid(35)}
    pod = house.parts.directory.by_uid(uid(13))
    stranger = replace(pod, name="stranger", uid="nobody-knows", owners=())
    house.send(
        (Signal.LOGS, logs(collector, ({"type": "ADDED", "object": event(pod, 1)}, {}))),
        (Signal.LOGS, logs(collector, ({"type": "ADDED", "object": event(stranger, 2)}, {}))),
        (Signal.LOGS, logs(collector, ({"type": "ADDED", "object": event(pod, 3)}, {}), ("I collect", {}))),
    )
    events = house.rows("EventUid, CompositionId", "otel_k8s_events FINAL", "ORDER BY EventUid")
    assert events == [("event-1", uid(10)), ("event-2", ""), ("event-3", uid(10))]
    told = house.rows(
        "CompositionId",
        rest="WHERE Body LIKE '%\"event-%' ORDER BY JSONExtractString(Body, 'object', 'metadata', 'uid')",
    )
    assert told == [(uid(10),), ("",), (uid(10),)]
    assert house.rows("CompositionId", rest="WHERE Body = 'I collect'") == [(uid(32),)]


def test_a_map_in_the_body_is_stored_as_it_would_be_without_enrichment(house):
    pod = house.parts.directory.by_uid(uid(13))
    body = {"type": "ADDED", "object": event(pod, 1)}
    house.send((Signal.LOGS, logs({}, (body, {}), ({"an": ["order"]}, {}))))
    stored = [json.loads(text) for (text,) in house.rows("Body", rest="ORDER BY length(Body) DESC")]
    assert stored == [body, {"an": ["order"]}]


def test_json_is_enriched_as_protobuf_is(house):
    known = {"key": "k8s.pod.uid", "value": {"stringValue": uid(13)}}
    record = {"timeUnixNano": str(time.time_ns()), "body": {"stringValue": "hello"}}
    request = {"resourceLogs": [{"resource": {"attributes": [known]}, "scopeLogs": [{"logRecords": [record]}]}]}
    house.send((Signal.LOGS, json.dumps(request).encode()), encoding=Encoding.JSON)
    assert house.rows("CompositionId") == [(uid(10),)]


def test_a_nested_attribute_of_the_resource_does_not_keep_it_from_being_enriched(house):
    known = {"k8s.pod.uid": uid(13), "process.command_args": ["run", "--now"]}
    house.send((Signal.LOGS, logs(known, ("hello", {}))), (Signal.TRACES, spans(known)))
    for table in ("otel_logs", "otel_traces"):
        said = house.rows("CompositionId, ResourceAttributes['process.command_args']", table)
        assert said == [(uid(10), '["run","--now"]')]


def test_what_was_deleted_lately_still_says_whose_it_was(house):
    for number in (13, 12, 11, 10):
        house.parts.directory.gone(NORTH.uid, uid(number))
    pod = shop(NORTH, 10)[3]
    house.send((Signal.LOGS, logs({}, ({"type": "ADDED", "object": event(pod, 1)}, {}))))
    assert house.rows("CompositionId", "otel_k8s_events FINAL") == [(uid(10),)]


def test_three_clusters_with_the_same_names_are_told_apart_by_uids_and_tokens(embedded_store):
    ready_tables.make(embedded_store, SchemaSettings(fsync_inserts=False))
    third = Cluster("uid-of-east", "east")
    house = House(embedded_store, NORTH, SOUTH, third)
    for number, cluster in enumerate((NORTH, SOUTH, third), 1):
        house.put(*shop(cluster, number * 16))
    east = Sender("10.0.0.1", "token-east", cluster_name="east")
    house.send((Signal.LOGS, logs({"k8s.pod.uid": uid(19)}, ("by uid", {}))))
    house.send((Signal.LOGS, logs({"k8s.pod.ip": "10.1.0.7", "k8s.cluster.name": "south"}, ("by name", {}))))
    house.send(
        (Signal.LOGS, logs({"k8s.pod.ip": "10.1.0.7", "k8s.cluster.name": "south"}, ("by token", {}))), sender=east
    )
    house.send((Signal.LOGS, logs({"k8s.pod.ip": "10.1.0.7"}, ("by nothing", {}))))
    rows = {body: said for body, *said in house.rows("Body, ClusterUid, CompositionId")}
    assert rows == {
        "by uid": ["uid-of-north", uid(16)],
        "by name": ["uid-of-south", uid(32)],
        "by token": ["uid-of-east", uid(48)],
        "by nothing": ["", ""],
    }


def test_a_house_without_kubernetes_stores_what_comes_with_its_own_clusters_name(embedded_store):
    ready_tables.make(embedded_store, SchemaSettings(fsync_inserts=False))
    settings = EnrichSettings.model_validate({"cluster": {"name": "prod", "uid": "u-1"}})
    house = House(embedded_store, settings=settings)
    house.send((Signal.LOGS, logs({"k8s.pod.uid": uid(13), f"k8s.pod.labels.{LABEL}": "c-7"}, ("hello", {}))))
    assert house.rows("ClusterName, ClusterUid, CompositionId") == [("prod", "u-1", "c-7")]


def test_a_large_request_of_events_and_logs_is_stored_whole(house):
    pod = house.parts.directory.by_uid(uid(13))
    records = [({"type": "ADDED", "object": event(pod, number)}, {}) for number in range(300)]
    house.send((Signal.LOGS, logs({}, *records, *[("plain", {})] * 300)))
    found = Counter(composition for (composition,) in house.rows("CompositionId"))
    assert found == {uid(10): 300, "": 300}
