"""`otelhouse bench enrich`: CPU of the enrichment for a flat log record, and Kubernetes events a minute on one core.

In: shapes of requests. Out: by shape, a `Figure`. Requests go the way that they go in the
house from their bytes to what is inserted (`ingest.reading`), with and without the enrichment in turns, in one process
on one thread; what is told is CPU time of the process, and the middle of the rounds' differences. The directory holds
pods of three clusters with their ReplicaSets, Deployments and compositions; every resource and all events but one in a
hundred are about one of these pods, so everything that can be written is written.
"""

import asyncio
import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from prometheus_client import CollectorRegistry

from bench import pods, workloads
from enrich.objects import KubernetesObject, Reference
from enrich.opening import Enriched, open_enrichment
from enrich.settings import EnrichSettings
from identity.sender import Sender
from ingest.counters import Counters
from ingest.intake import Encoding
from ingest.memory import Budget
from ingest.reading import Reader
from sql.signals import Signal

CLUSTERS = pods.CLUSTERS
WORKLOADS, PODS = 600, 10
"""Workloads of a cluster, and pods of a workload."""
ROUNDS = 15
RECORDS, BATCH, EVENTS = 8_192, 512, 500
"""Of a request."""
SMALL_SHAPE, EVENT_SHAPE = "10 records, 1 resource", "500 events of 3 clusters"
MEMORY = 4 * 1024**3


@dataclass(frozen=True, slots=True)
class Shape:
    """Requests of one shape."""

    name: str
    requests: tuple[bytes, ...]
    records: int
    """In each request."""


@dataclass(frozen=True, slots=True)
class Figure:
    """CPU for one record, in microseconds."""

    without: float
    with_: float
    added: float
    """The middle of the differences of the rounds."""


class _Silent:
    """An API server that knows no more than the watches."""

    async def get(self, _reference: Reference) -> KubernetesObject | None:
        await asyncio.sleep(0.005)
        return None


def watched_clusters() -> Enriched:
    """Put an enrichment together that knows all pods."""
    enriched = open_enrichment(EnrichSettings(), CollectorRegistry(), len(CLUSTERS), _Silent())
    for cluster in CLUSTERS:
        enriched.clusters.found(cluster)
    for known in pods.objects(len(CLUSTERS), WORKLOADS, PODS):
        enriched.directory.put(known)
    return enriched


def _of_a_pod(resource: Resource, draw: random.Random) -> None:
    """Let a resource carry the uid of a pod, and nothing else that tells who it is."""
    kept = [one for one in resource.attributes if not one.key.startswith("k8s.")]
    del resource.attributes[:]
    resource.attributes.extend(kept)
    uid = pods.uid(draw.randrange(len(CLUSTERS)), draw.randrange(WORKLOADS), draw.randrange(PODS))
    resource.attributes.add(key="k8s.pod.uid").value.string_value = uid


def logs(name: str, records: int, resources: int, requests: int = 4, *, own: bool = False) -> Shape:
    """Flat logs of pods. `own`: their resources keep the usual shape's attributes, and get what is lacking."""
    draw = random.Random(7)
    bodies = []
    for _ in range(requests):
        request = ExportLogsServiceRequest()
        for _ in range(resources):
            # Protobuf messages put one after the other are one message with all their resources.
            request.MergeFromString(workloads.flat_logs(items=records // resources, requests=1).requests[0])
        for resource in request.resource_logs:
            if own:
                place = next(one for one in resource.resource.attributes if one.key == "k8s.pod.uid")
                place.value.string_value = pods.uid(0, draw.randrange(WORKLOADS), draw.randrange(PODS))
            else:
                _of_a_pod(resource.resource, draw)
        bodies.append(request.SerializeToString())
    return Shape(name, tuple(bodies), records // resources * resources)


def events() -> Shape:
    """Events of all clusters, a request a cluster, as the k8sobjects receiver sends them."""
    draw = random.Random(8)
    bodies = []
    for cluster in CLUSTERS * 2:
        request = ExportLogsServiceRequest.FromString(workloads.kubernetes_events(EVENTS, 1).requests[0])
        for resource in request.resource_logs:
            del resource.resource.attributes[:]
            resource.resource.attributes.add(key="k8s.cluster.uid").value.string_value = cluster.uid
            for record in resource.scope_logs[0].log_records:
                _about_a_pod(record.body, CLUSTERS.index(cluster), draw)
        bodies.append(request.SerializeToString())
    return Shape(EVENT_SHAPE, tuple(bodies), EVENTS)


def _about_a_pod(body: AnyValue, cluster: int, draw: random.Random) -> None:
    event = next(one.value for one in body.kvlist_value.values if one.key == "object")
    about = next(one.value for one in event.kvlist_value.values if one.key == "involvedObject")
    workload = draw.randrange(WORKLOADS) + (WORKLOADS if draw.random() < 0.01 else 0)
    for one in about.kvlist_value.values:
        if one.key == "uid":
            one.value.string_value = pods.uid(cluster, workload, draw.randrange(PODS))


class _Pair:
    """Two readers, one with and one without enrichment."""

    def __init__(self, enriched: Enriched) -> None:
        self.readers = []
        for stage in (None, enriched.stage):
            counters = Counters(CollectorRegistry())
            reader = Reader(Budget(MEMORY), counters)
            reader.enricher = stage
            self.readers.append(reader)

    async def measure(self, shape: Shape, rounds: int) -> Figure:
        """Read all requests of a shape, with and without in turns; the first round counts for nothing."""
        pairs = [[await _cpu(reader, shape) for reader in self.readers] for _ in range(rounds + 1)][1:]
        without, with_ = (statistics.median(column) for column in zip(*pairs, strict=True))
        return Figure(without, with_, statistics.median(after - before for before, after in pairs))

    def close(self) -> None:
        for reader in self.readers:
            reader.close()


async def _cpu(reader: Reader, shape: Shape) -> float:
    sender = Sender("10.0.0.1")
    began = time.process_time_ns()
    for body in shape.requests:
        await reader.read(Signal.LOGS, body, Encoding.PROTOBUF, sender)
    return (time.process_time_ns() - began) / 1000 / shape.records / len(shape.requests)


async def measure(shapes: Sequence[Shape], rounds: int = ROUNDS) -> dict[str, Figure]:
    """Measure shapes, by name."""
    enriched = watched_clusters()
    pair = _Pair(enriched)
    try:
        return {shape.name: await pair.measure(shape, rounds) for shape in shapes}
    finally:
        pair.close()
        await enriched.close()


def shapes() -> list[Shape]:
    """All that is measured. 512 records are the usual batch of an SDK, 8,192 that of a Collector."""
    return [
        logs("8,192 records, 1 resource", RECORDS, 1),
        logs("8,192 records, 1 resource, usual shape", RECORDS, 1, own=True),
        logs("8,192 records, 100 resources", RECORDS, 100),
        logs("512 records, 1 resource", BATCH, 1, 40),
        logs(SMALL_SHAPE, 10, 1, 200),
        events(),
    ]
