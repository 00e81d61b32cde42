"""What is known of one Kubernetes object: metadata, and for a pod where it runs.

In: what the Kubernetes client read. Out: values that the directory keeps and the enrichment reads. Nothing here asks
anybody, and nothing is refused: an object without owners or labels is one without owners or labels.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Owner:
    """One entry of `metadata.ownerReferences`: https://kubernetes.io/docs/concepts/overview/working-with-objects/owners-dependents/."""

    uid: str
    group: str
    kind: str
    name: str
    controller: bool = False
    version: str = ""


@dataclass(frozen=True, slots=True)
class Container:
    """A container of a pod: its name, and the id that its runtime gave it, without the `containerd://` before it."""

    name: str
    container_id: str = ""


@dataclass(frozen=True, slots=True)
class KubernetesObject:
    """One object of one cluster. `cluster_uid` is the uid of the cluster's kube-system namespace."""

    cluster_uid: str
    uid: str
    group: str
    version: str
    kind: str
    name: str
    namespace: str = ""
    owners: tuple[Owner, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    node: str = ""
    """Of a pod: the name of the node that it runs on."""
    addresses: tuple[str, ...] = ()
    """Of a pod: its IP addresses (`status.podIPs`). Of a node: its own, which tell nobody which pod it is."""
    containers: tuple[Container, ...] = ()
    host_network: bool | None = False
    """Of a pod: its addresses are the node's, so they tell nobody which pod it is. None: not known, see its node."""
    finished: bool = False
    """Of a pod: its phase is Succeeded or Failed, so its address may be another's by now."""
    created: float = 0.0
    """`metadata.creationTimestamp` in Unix seconds, 0 where it is not known."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Which object is meant: enough to ask an API server for it, which finds objects by name and not by uid."""

    cluster_uid: str
    group: str
    version: str
    """Empty where it is not known; the server's preferred version is meant."""
    kind: str
    namespace: str
    """Empty for an object without one. Of an owner it is the owned object's, though the owner's kind may have none."""
    name: str
    uid: str = ""
    """The one that is meant, where another may have the name by now; empty for whoever has it."""


def owner_reference(owned: KubernetesObject, owner: Owner) -> Reference:
    """Who owns `owned`; an owner is in the same cluster, and in the same namespace or in none."""
    return Reference(owned.cluster_uid, owner.group, owner.version, owner.kind, owned.namespace, owner.name, owner.uid)
