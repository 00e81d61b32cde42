"""What is written of a pod: its names, its node, the workloads that own it, chosen labels and annotations.

In: a pod of the directory. Out: attributes, and the owners that are not known yet. Workloads are found by
`metadata.ownerReferences`, never by cutting the pod's name. Refuses nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from enrich import attributes as names
from enrich.attributes import Addition
from enrich.directory import Looks
from enrich.objects import KubernetesObject, Owner, Reference, owner_reference

_OWNERS: Mapping[tuple[str, str], bytes] = {
    ("", "ReplicationController"): b"k8s.replicationcontroller.name",
    ("apps", "DaemonSet"): b"k8s.daemonset.name",
    ("apps", "Deployment"): b"k8s.deployment.name",
    ("apps", "ReplicaSet"): b"k8s.replicaset.name",
    ("apps", "StatefulSet"): b"k8s.statefulset.name",
    ("batch", "CronJob"): b"k8s.cronjob.name",
    ("batch", "Job"): b"k8s.job.name",
}
_OWNED_THEMSELVES = frozenset({("apps", "ReplicaSet"), ("batch", "Job")})
"""Kinds above which there is usually another one."""
_LEVELS = 3
"""Owners above a pod that have an attribute: there are never more than two."""


@dataclass(frozen=True, slots=True)
class Described:
    """What there is to say of a pod."""

    additions: tuple[Addition, ...]
    missing: tuple[Reference, ...] = ()
    """Owners that are not known; what is above them is not in `additions`."""


class Workloads:
    """Describes pods."""

    def __init__(self, directory: Looks, labels: Sequence[str], annotations: Sequence[str]) -> None:
        """`labels` and `annotations`: keys that are written."""
        self._directory = directory
        self._labels = tuple((key, names.POD_LABELS + key.encode()) for key in labels)
        self._annotations = tuple((key, names.POD_ANNOTATIONS + key.encode()) for key in annotations)

    def describe(self, pod: KubernetesObject, container: str = "") -> Described:
        """Give all attributes of a pod, and of one container of it if that is known."""
        said = [(names.POD_NAME, pod.name), (names.POD_UID, pod.uid), (names.NAMESPACE, pod.namespace)]
        said += [(names.NODE, pod.node), (names.CONTAINER_NAME, container)]
        if pod.labels:
            said += [(key, pod.labels.get(label, "")) for label, key in self._labels]
        if pod.annotations:
            said += [(key, pod.annotations.get(annotation, "")) for annotation, key in self._annotations]
        missing = self._walk(pod, said)
        return Described(tuple((key, text.encode()) for key, text in said if text), missing)

    def top(self, known: KubernetesObject) -> tuple[str, str]:
        """Give kind and name of the workload at the top of an object's owners, itself included; empty for none."""
        found = ("", "")
        current: KubernetesObject | None = known
        for _ in range(_LEVELS + 1):
            if current is None:
                break
            if (current.group, current.kind) in _OWNERS:
                found = (current.kind, current.name)
            owner = _managing(current)
            if owner is None:
                break
            if (owner.group, owner.kind) in _OWNERS:
                found = (owner.kind, owner.name)
            current = self._directory.by_uid(owner.uid, known.cluster_uid)
        return found

    def _walk(self, pod: KubernetesObject, said: list[tuple[bytes, str]]) -> tuple[Reference, ...]:
        owned: KubernetesObject | None = pod
        for _ in range(_LEVELS):
            owner = _managing(owned)
            if owned is None or owner is None:
                return ()
            kind = (owner.group, owner.kind)
            if key := _OWNERS.get(kind):
                said.append((key, owner.name))
            above = self._directory.by_uid(owner.uid, pod.cluster_uid)
            if above is None:
                return (owner_reference(owned, owner),) if kind in _OWNED_THEMSELVES else ()
            owned = above
        return ()


def _managing(owned: KubernetesObject | None) -> Owner | None:
    """Who manages an object: its controller; without one nobody does."""
    return next((owner for owner in owned.owners if owner.controller), None) if owned is not None else None
