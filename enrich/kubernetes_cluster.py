"""One cluster: which it is, which kinds it has, and a watch for each.

In: how to reach its API server. Out: its identity, told to `Clusters`; its objects, in the directory. The identity is
the uid of the namespace kube-system, which every cluster has and none shares. Kinds and identity are looked at again
now and then: a composition of a new kind is watched, a kind that is no more is forgotten, and a cluster that was built
anew under the same address is another one, whose predecessor's objects are gone.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from enrich.clusters import Cluster, Clusters
from enrich.kubernetes_api import JSON, METADATA, ApiError, KubernetesApi, KubernetesError, UnreachableError
from enrich.kubernetes_backoff import Backoff
from enrich.kubernetes_counters import KubernetesCounters
from enrich.kubernetes_kinds import Kinds, Resource, discover, document
from enrich.kubernetes_problems import Problems
from enrich.kubernetes_settings import ClusterConnection, KubernetesSettings
from enrich.kubernetes_views import view_of
from enrich.kubernetes_watch import ACCESS_PAGE, TELL_AFTER, ObjectSink, Surroundings, Watch

_log = logging.getLogger(__name__)

KUBE_SYSTEM = "/api/v1/namespaces/kube-system"
IN_CLUSTER = "in-cluster"
_FIRST = frozenset({"nodes"})
"""What the other views need to have read: see `enrich.kubernetes_views`."""
_WHO, _KINDS, _MOST = "who it is", "its kinds", "how many kinds it has"
"""Subjects of problems."""
_TOLD = 5
"""Kinds named in one problem."""

Opener = Callable[[ClusterConnection, float], KubernetesApi]
"""Opens an API server; `enrich.kubernetes_client.open_api` is one."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Where all clusters' findings go."""

    sink: ObjectSink
    clusters: Clusters
    problems: Problems
    counters: KubernetesCounters
    settings: KubernetesSettings
    open_api: Opener


class ClusterWatch:
    """Watches one cluster, in a thread of its own and one more for each kind."""

    def __init__(self, connection: ClusterConnection, number: int, desk: Desk) -> None:
        """`number` tells clusters apart that have no name; 0 where there is but one."""
        self._number = number
        self.label = self._label(connection.name, connection.context or IN_CLUSTER)
        """What it is called in messages and counters."""
        self.uid = ""
        """Empty until it is known."""
        self.version = ""
        """Of Kubernetes, such as ``v1.35.4``."""
        self.begun = False
        """Whether every kind that the first look found is watched."""
        self.api: KubernetesApi | None = None
        self._connection = connection
        self._desk = desk
        self._watches: dict[tuple[str, str], Watch] = {}
        """By group and plural."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"k8s-{self.label}", daemon=True)

    @property
    def watches(self) -> Mapping[str, Watch]:
        """The watches by the name of their kind."""
        return {watch.resource.name: watch for watch in tuple(self._watches.values())}

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """End soon; does not wait. Safe twice."""
        self._stopping.set()
        for watch in tuple(self._watches.values()):
            watch.stop()

    def join(self, seconds: float) -> bool:
        """Wait for the end; gives whether all threads came to theirs."""
        deadline = time.monotonic() + seconds
        if self._thread.ident is not None:
            self._thread.join(seconds)
        self.stop()  # watches that were begun while the first `stop` was under way
        ended = [watch.join(max(0.0, deadline - time.monotonic())) for watch in self._watches.values()]
        if self.api is not None:
            self.api.close()
        return all(ended) and not self._thread.is_alive()

    def _run(self) -> None:
        settings = self._desk.settings
        backoff = Backoff(settings.retry_s, settings.max_retry_s)
        pause = 0.0
        while not self._stopping.wait(pause):
            try:
                self._look()
            except KubernetesError as error:
                if not self.uid or backoff.failures >= TELL_AFTER:  # a server that starts anew is away for some seconds
                    self._report(_WHO, f"cluster {self.label}: {error}")
                pause = backoff.next()
            except Exception:  # noqa: BLE001  a thread would end here, and the cluster would fall silent
                _log.exception("looking at cluster %s broke", self.label)
                self._report(_WHO, f"cluster {self.label}: looking at it broke; see the log")
                pause = backoff.next()
            else:
                backoff.reset()
                pause = settings.discover_s

    def _look(self) -> None:
        """See which cluster it is and which kinds it has, and watch them."""
        if self.api is None:
            self.api = self._desk.open_api(self._connection, self._desk.settings.request_s)
            self._desk.problems.forget(self.label)
            self.label = self._label(self._connection.name, self.api.cluster_name or self.label)
            self._desk.counters.kinds(self.label, lambda: sum(one.synced for one in tuple(self._watches.values())))
        self._identify(self.api)
        kinds = discover(self.api, self._desk.settings.kinds)
        self._desk.problems.solved(self.label, _WHO)
        self._tell(kinds)
        self._drop({(one.group, one.plural): one for one in kinds.resources}, kinds.failed)
        self._begin(self.api, self._chosen(kinds))
        self.begun = True

    def _label(self, name: str, otherwise: str) -> str:
        return name or (f"{otherwise}-{self._number}" if self._number else otherwise)

    def _identify(self, api: KubernetesApi) -> None:
        uid, self.version = identify(api)
        if uid == self.uid:
            return
        if self.uid:
            _log.warning("cluster %s is another one than before: it was %s and is %s", self.label, self.uid, uid)
            self._drop({}, {})
        before, self.uid = self.uid, uid
        self._desk.clusters.found(Cluster(uid, self._connection.name or api.cluster_name), before)
        _log.info("cluster %s is %s, Kubernetes %s", self.label, uid, self.version)

    def _tell(self, kinds: Kinds) -> None:
        if kinds.missing:
            _log.debug("cluster %s has no %s", self.label, ", ".join(kinds.missing))
        if kinds.failed:
            reasons = "; ".join(f"{group or 'core'}: {error}" for group, error in kinds.failed.items())
            self._report(_KINDS, f"cluster {self.label}: API groups that cannot be looked at: {reasons}")
        else:
            self._desk.problems.solved(self.label, _KINDS)

    def _drop(self, served: Mapping[tuple[str, str], Resource], failed: Mapping[str, KubernetesError]) -> None:
        """End the watches of kinds that are no more; of a group that could not be looked at, all go on."""
        for key, watch in tuple(self._watches.items()):
            if key[0] in failed or served.get(key) == watch.resource:
                continue
            watch.stop()
            if watch.join(self._desk.settings.request_s) and key not in served:
                watch.forget()
            self._desk.problems.solved(self.label, watch.resource.name)
            del self._watches[key]

    def _chosen(self, kinds: Kinds) -> Sequence[Resource]:
        """As many kinds as may be watched: those that are watched already, then those named first."""
        most = self._desk.settings.max_kinds - sum(group in kinds.failed for group, _ in self._watches)
        by_turn = sorted(kinds.resources, key=lambda one: (one.group, one.plural) not in self._watches)
        chosen, left = by_turn[: max(0, most)], by_turn[max(0, most) :]
        if left:
            names = ", ".join(one.name for one in left[:_TOLD]) + (", ..." if len(left) > _TOLD else "")
            self._report(
                _MOST,
                f"cluster {self.label}: {len(left)} kinds are beyond enrich.kubernetes.max_kinds and are not watched, "
                f"only looked up: {names}; raise it, or name fewer in enrich.kubernetes.kinds",
            )
        else:
            self._desk.problems.solved(self.label, _MOST)
        return chosen

    def _begin(self, api: KubernetesApi, resources: Sequence[Resource]) -> None:
        """Watch what is not watched; begin anew what has ended."""
        desk = self._desk
        around = Surroundings(self.label, self.uid, api, desk.sink, desk.settings, desk.problems, desk.counters)
        for resource in sorted(resources, key=lambda one: one.name not in _FIRST):
            key = (resource.group, resource.plural)
            if self._stopping.is_set() or (key in self._watches and self._watches[key].alive):
                continue
            view = view_of(resource, self.uid, desk.settings.pod_detail)
            watch = self._watches[key] = Watch(around, resource, view)
            watch.start()
            if resource.name in _FIRST:
                watch.first_list.wait(desk.settings.request_s)

    def _report(self, subject: str, text: str) -> None:
        self._desk.problems.report(self.label, subject, text)


def identify(api: KubernetesApi) -> tuple[str, str]:
    """Ask which cluster it is: its uid, and its version of Kubernetes. Raises `KubernetesError`.

    Source: https://opentelemetry.io/docs/specs/semconv/resource/k8s/#cluster
    """
    try:
        uid = (document(api.get(KUBE_SYSTEM, {}, METADATA)).get("metadata") or {}).get("uid")
    except ApiError as error:
        if error.forbidden:
            raise KubernetesError(
                f"may not get the namespace kube-system, whose uid is the cluster's; grant it, see {ACCESS_PAGE}"
            ) from error
        if error.unauthorised:
            raise KubernetesError("its API server does not take our credentials (401); renew them") from error
        raise
    if not uid:
        raise UnreachableError("the namespace kube-system has no uid: no API server spoke")
    version = document(api.get("/version", {}, JSON)).get("gitVersion") or ""
    return str(uid), str(version)
