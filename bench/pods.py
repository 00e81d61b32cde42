"""Pods of made-up clusters, with all that owns them, and their names by number.

In: how many clusters, workloads and pods. Out: `KubernetesObject`s. The pods are three owners below a composition,
which alone tells the id of it. The same numbers give the same objects.
"""

from collections.abc import Iterator

from enrich.clusters import Cluster
from enrich.objects import Container, KubernetesObject, Owner
from enrich.settings import COMPOSITION_GROUP

CLUSTERS = tuple(Cluster(f"c0000000-0000-0000-0000-00000000000{number}", f"cluster-{number}") for number in range(3))
_OWNERS = ((COMPOSITION_GROUP, "App"), ("apps", "Deployment"), ("apps", "ReplicaSet"))


def uid(cluster: int, workload: int, place: int) -> str:
    """The uid of a pod of a workload."""
    return f"{cluster:08x}-{workload:04x}-4000-8000-{place:012x}"


def objects(clusters: int, workloads: int, pods: int) -> Iterator[KubernetesObject]:
    """Make `workloads` a cluster, each with its owners and `pods`."""
    for cluster in range(clusters):
        for workload in range(workloads):
            owner = None
            for place, kind in enumerate(_OWNERS):
                owner = _made(cluster, workload, 1000 + place, kind, owner)
                yield owner
            for place in range(pods):
                yield _made(cluster, workload, place, ("", "Pod"), owner)


def _made(
    cluster: int, workload: int, place: int, kind: tuple[str, str], owner: KubernetesObject | None
) -> KubernetesObject:
    group, name = kind
    pod = name == "Pod"
    owners = (Owner(owner.uid, owner.group, owner.kind, owner.name, controller=True),) if owner else ()
    return KubernetesObject(
        cluster_uid=CLUSTERS[cluster].uid,
        uid=uid(cluster, workload, place),
        group=group,
        version="v1",
        kind=name,
        name=f"workload-{workload}-{place}",
        namespace=f"namespace-{workload % 40}",
        owners=owners,
        labels={f"app.kubernetes.io/{key}": f"w{workload}" for key in ("name", "instance", "version", "part-of")},
        node=f"node-{workload % 90}" if pod else "",
        addresses=(f"10.{cluster}.{workload % 256}.{place}",) if pod else (),
        containers=(Container("app", f"{cluster}{workload:04x}{place:059x}"),) if pod else (),
    )
