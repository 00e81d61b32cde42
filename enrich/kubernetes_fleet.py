"""All clusters of the settings, watched; and the one place to ask one of them for a single object.

In: how to reach each cluster. Out: a directory that is kept up to date, `Clusters` that are found out, open problems.
Starting waits for nobody: a cluster that does not answer is a problem that is told, and is tried again for as long as
the house runs; the others go on. Stopping cuts the watches, and waits for no answer longer than it was told to.
"""

import time
from collections.abc import Sequence

from prometheus_client import CollectorRegistry

from enrich.clusters import Clusters
from enrich.errors import FailedError
from enrich.kubernetes_cluster import ClusterWatch, Desk, Opener
from enrich.kubernetes_counters import KubernetesCounters
from enrich.kubernetes_lookup import Lookup, in_daemon
from enrich.kubernetes_problems import Problems
from enrich.kubernetes_settings import ClusterConnection, KubernetesSettings
from enrich.kubernetes_watch import ObjectSink
from enrich.objects import KubernetesObject, Reference


class Fleet:
    """The clusters. `get` is used on an event loop, everything else from any thread."""

    def __init__(
        self,
        connections: Sequence[ClusterConnection],
        settings: KubernetesSettings,
        registry: CollectorRegistry,
        open_api: Opener,
    ) -> None:
        """`open_api`: `enrich.kubernetes_client.open_api`, or another like it."""
        self.problems = Problems()
        self.clusters: tuple[ClusterWatch, ...] = ()
        """Those that are watched, since the start."""
        self._connections = tuple(connections)
        self._settings = settings
        self._open_api = open_api
        self._counters = KubernetesCounters(registry, self.problems)
        self._lookups: dict[ClusterWatch, tuple[str, Lookup]] = {}
        """With the uid of the cluster that was asked: one that was built anew is asked anew for its kinds."""

    def start(self, sink: ObjectSink, clusters: Clusters) -> None:
        """Begin to write into a directory; returns at once. May be called once."""
        desk = Desk(sink, clusters, self.problems, self._counters, self._settings, self._open_api)
        alone = len(self._connections) == 1
        self.clusters = tuple(
            ClusterWatch(connection, 0 if alone else number, desk)
            for number, connection in enumerate(self._connections, 1)
        )
        for cluster in self.clusters:
            cluster.start()

    def stop(self, seconds: float) -> bool:
        """End all watches, within `seconds`; gives whether all threads came to their end. Safe twice."""
        deadline = time.monotonic() + seconds
        for cluster in self.clusters:
            cluster.stop()
        ended = [cluster.join(max(0.0, deadline - time.monotonic())) for cluster in self.clusters]
        return all(ended)

    async def get(self, reference: Reference) -> KubernetesObject | None:
        """Ask for one object; see `enrich.lookups.ObjectSource`. Raises `DeniedError`, `FailedError`."""
        lookup = self._lookup(reference.cluster_uid)
        return await in_daemon(lambda: lookup.get(reference))

    def _lookup(self, uid: str) -> Lookup:
        cluster = next((one for one in self.clusters if one.uid == uid), None)
        if cluster is None or cluster.api is None:
            raise FailedError(f"no cluster {uid} is watched, or it has not answered yet")
        of, lookup = self._lookups.get(cluster, ("", None))
        if lookup is None or of != uid:
            lookup = Lookup(cluster.label, cluster.api, self.problems, self._counters)
            self._lookups[cluster] = (uid, lookup)
        return lookup
