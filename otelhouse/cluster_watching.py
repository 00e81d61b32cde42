"""The enrichment of one house, and the watches on its clusters behind it.

In: the settings, and a store for what is found out. Out: an `Enriched` whose directory fills while the house runs.
Nothing here waits for a cluster: what is wrong with one is in `/readyz`, as a thing that the house can do without. The
Kubernetes library is loaded only where there is a cluster to ask, since it takes half a second and 40 MB.
"""

import asyncio
import logging
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

from prometheus_client import CollectorRegistry

from enrich.kubernetes_fleet import Fleet
from enrich.kubernetes_settings import SERVICE_ACCOUNT, ClusterConnection, KubernetesSettings
from enrich.opening import Enriched, open_enrichment
from enrich.recording_task import RecordingTask
from enrich.settings import EnrichSettings
from otelhouse.object_rows import StoredObjects
from query.readiness import Check, NotReadyError
from store.port import Store

_log = logging.getLogger(__name__)

CHECK = "kubernetes"
"""The name of the check in `/readyz`."""
STOP_SECONDS = 3.0
"""For all watches to end; whoever waits for an answer then is left behind."""
FLUSH_SECONDS = 5.0
"""For the last objects to be written."""


@dataclass(frozen=True, slots=True)
class Watching:
    """What watches, and what it found out."""

    enriched: Enriched
    fleet: Fleet | None

    def checks(self) -> dict[str, Check]:
        """The readiness checks: none where no cluster is asked."""
        return {} if self.fleet is None else {CHECK: partial(_no_problems, self.fleet)}


def in_cluster() -> bool:
    """Whether this process runs in a pod that has a service account."""
    return (SERVICE_ACCOUNT / "token").exists()


def connections(settings: EnrichSettings) -> tuple[ClusterConnection, ...]:
    """The clusters that a house with these settings asks."""
    return settings.connections(in_cluster=in_cluster())


def watched(settings: EnrichSettings) -> KubernetesSettings:
    """What is watched there."""
    return settings.kubernetes.and_groups(settings.composition.groups)


async def open_watching(
    settings: EnrichSettings, registry: CollectorRegistry, store: Store, closing: AsyncExitStack
) -> Watching | None:
    """Open what the settings ask for, to be closed by `closing`; None where telemetry is stored as it comes."""
    if not settings.wanted(in_cluster=in_cluster()):
        return None
    asked = connections(settings)
    fleet = await asyncio.to_thread(_open_fleet, settings, asked, registry) if asked else None
    enriched = open_enrichment(settings, registry, len(asked), fleet)
    closing.push_async_callback(enriched.close)
    if fleet is not None:
        recording = RecordingTask(enriched.sightings, enriched.directory, StoredObjects(store))
        closing.push_async_callback(_flush, recording)
        closing.push_async_callback(asyncio.to_thread, fleet.stop, STOP_SECONDS)
        recording.start()
        fleet.start(enriched.directory, enriched.clusters)
    return Watching(enriched, fleet)


def _open_fleet(settings: EnrichSettings, asked: tuple[ClusterConnection, ...], registry: CollectorRegistry) -> Fleet:
    from enrich.kubernetes_client import open_api  # noqa: PLC0415  a house without clusters should not load it

    return Fleet(asked, watched(settings), registry, open_api)


async def _flush(recording: RecordingTask) -> None:
    if not await recording.close(FLUSH_SECONDS):
        _log.warning("objects were not written to the end; the next start sees those that are still there")


def _no_problems(fleet: Fleet) -> None:
    if problems := fleet.problems.summary():
        raise NotReadyError(problems)
