"""The enrichment put together from its settings.

In: settings, a registry for counters, how many clusters are watched, and what asks their API servers (nothing, in a
house without any). Out: an `Enriched`: the parts that others write into or read from, and the stage for ingest.
Used on one event loop. Refuses nothing that the settings allow.
"""

from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from enrich.cluster_identity import ClusterIdentity
from enrich.clusters import Cluster, Clusters
from enrich.composition import Compositions
from enrich.counters import Counters, Gauges
from enrich.directory import Directory, DirectoryLimits
from enrich.event_records import Events
from enrich.lookups import LookupLimits, Lookups, ObjectSource
from enrich.recording import Knowledge, Sightings
from enrich.remembered import ResourceMemory, TracedDirectory
from enrich.resources import Resources
from enrich.service_name import ServiceNames
from enrich.settings import EnrichSettings
from enrich.stage import Enrichment
from enrich.subject import Subjects
from enrich.workload import Workloads


@dataclass(frozen=True, slots=True)
class Enriched:
    """All parts of the enrichment."""

    directory: Directory
    """Watches write what they see here."""
    clusters: Clusters
    """Whoever finds out a cluster's uid says so here."""
    sightings: Sightings
    """Whoever writes otel_k8s_objects takes them from here."""
    stage: Enrichment
    """Ingest brings requests here."""
    lookups: Lookups | None

    async def close(self) -> None:
        """End what still runs. Safe twice."""
        if self.lookups is not None:
            await self.lookups.close()


def open_enrichment(
    settings: EnrichSettings, registry: CollectorRegistry, watched: int = 0, source: ObjectSource | None = None
) -> Enriched:
    """Put it together. `watched`: clusters whose API servers are asked; `source` asks them for single objects."""
    counters = Counters(registry)
    sightings = Sightings(settings.directory.max_waiting)
    directory = Directory(_directory_limits(settings), sightings)
    clusters = Clusters(watched)
    composition = settings.composition
    compositions = Compositions(directory, composition.label, composition.groups, composition.owner_depth)
    own = Cluster(settings.cluster.uid, settings.cluster.name)
    identity = ClusterIdentity(clusters, own, override=settings.cluster.override)
    workloads = Workloads(directory, (), ())
    sightings.surroundings = Knowledge(
        compositions.id_of, workloads.top, lambda uid: identity.named(uid).name, directory.below
    )
    memory = _resource_memory(settings, directory, clusters, identity)
    Gauges(registry, directory, sightings, memory)
    lookups = None
    if source is not None:
        lookups = Lookups(source, directory, _lookup_limits(settings), counters.looked_up)
    events = Events(directory, identity, compositions, composition.label)
    stage = Enrichment(memory, events, counters, lookups, settings.patience_ms / 1000)
    return Enriched(directory, clusters, sightings, stage, lookups)


def _resource_memory(
    settings: EnrichSettings, directory: Directory, clusters: Clusters, identity: ClusterIdentity
) -> ResourceMemory:
    traced = TracedDirectory(directory)
    composition = settings.composition
    resources = Resources(
        identity,
        Subjects(traced),
        Workloads(traced, settings.pod.labels, settings.pod.annotations),
        Compositions(traced, composition.label, composition.groups, composition.owner_depth),
        ServiceNames(settings.pod.service_name),
        by_peer_address=settings.pod.by_peer_address,
    )
    return ResourceMemory(resources, traced, clusters)


def _directory_limits(settings: EnrichSettings) -> DirectoryLimits:
    directory, services = settings.directory, ServiceNames(settings.pod.service_name)
    return DirectoryLimits(
        objects=directory.max_objects,
        bytes=directory.max_bytes,
        remember_s=directory.remember_s,
        address_grace_s=directory.address_grace_s,
        annotations=(*settings.pod.annotations, *services.annotations),
        labels=(settings.composition.label, *settings.pod.labels, *services.labels),
    )


def _lookup_limits(settings: EnrichSettings) -> LookupLimits:
    lookups = settings.lookups
    return LookupLimits(
        found_s=lookups.found_s,
        absent_s=lookups.absent_s,
        at_once=lookups.at_once,
        waiting=lookups.waiting,
        remembered=lookups.remembered,
        timeout_s=lookups.timeout_s,
        depth=settings.composition.owner_depth,
    )
