"""Which clusters there are, and which of them telemetry comes from that does not say so.

In: the clusters of the settings, and what was found out about each (the uid of its kube-system namespace). Out: a
cluster for a name or a uid, or the only one there is. With several clusters nothing is guessed. Written by the
Kubernetes client's threads, read by all: the tuple of clusters is replaced, never changed.
"""

import threading
from dataclasses import dataclass

FORMER = 100
"""How many clusters that are no more are remembered."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster. Either half may be empty where it is not known (yet)."""

    uid: str = ""
    """The uid of the namespace kube-system: https://opentelemetry.io/docs/specs/semconv/resource/k8s/#cluster."""
    name: str = ""
    """As people call it; nothing in Kubernetes knows it."""

    @property
    def known(self) -> bool:
        """Whether anything is known of it."""
        return bool(self.uid or self.name)

    def contradicts(self, other: "Cluster") -> bool:
        """Whether the two cannot be the same: the uids differ, or where one is not known, the names."""
        if self.uid and other.uid:
            return self.uid != other.uid
        return bool(self.name and other.name and self.name != other.name)


class Clusters:
    """The clusters that this house watches. `configured` is how many there are, found out or not."""

    def __init__(self, configured: int = 0) -> None:
        self._configured = configured
        self._known: tuple[Cluster, ...] = ()
        self._former: tuple[Cluster, ...] = ()
        self._writing = threading.Lock()

    def found(self, cluster: Cluster, before: str = "") -> None:
        """Note a cluster whose uid was found out; `before` is the uid that the same watch had found, if it had.

        A cluster that was built anew has a new uid. What still speaks of the one before is told by its uid alone.
        """
        if not cluster.uid:
            raise ValueError(f"the uid of cluster {cluster.name!r} is what was to be found out")
        with self._writing:
            if cluster in self._known:
                return
            former = tuple(one for one in self._known if one.uid == before != cluster.uid)
            self._former = (*self._former, *former)[-FORMER:]
            self._known = (*(one for one in self._known if one.uid not in (cluster.uid, before)), cluster)

    @property
    def state(self) -> object:
        """What is known: the same object as long as nothing changed."""
        return self._known

    @property
    def only(self) -> Cluster | None:
        """The one cluster there is, if there is one and no other."""
        return self._known[0] if self._configured == 1 and len(self._known) == 1 else None

    @property
    def several(self) -> bool:
        """Whether there is more than one."""
        return self._configured > 1

    def by_uid(self, uid: str) -> Cluster | None:
        """The cluster with this uid, be it one that was built anew since."""
        return next((one for one in (*self._known, *self._former) if one.uid == uid), None)

    def by_name(self, name: str) -> Cluster | None:
        """The cluster with this name, if no other has it as well."""
        named = [one for one in self._known if one.name == name]
        return named[0] if name and len(named) == 1 else None
