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
    addresses: tuple[str, ...] = ()
    containers: tuple[Container, ...] = ()
