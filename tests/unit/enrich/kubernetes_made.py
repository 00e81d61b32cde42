"""Kubernetes objects for tests: a shop whose pods are owned by a ReplicaSet, by a Deployment, by a composition."""

from enrich.objects import Container, KubernetesObject, Owner

CLUSTER = "c0000000-0000-0000-0000-000000000001"
OTHER = "c0000000-0000-0000-0000-000000000002"
LABEL = "krateo.io/composition-id"
GROUP = "composition.krateo.io"

GROUPS = {
    "Pod": "",
    "Node": "",
    "ReplicaSet": "apps",
    "Deployment": "apps",
    "StatefulSet": "apps",
    "DaemonSet": "apps",
    "Job": "batch",
    "CronJob": "batch",
    "Shop": GROUP,
}


def uid(number):
    return f"{number:08x}-1111-4222-8333-444444444444"


def made(kind, name, number, *owners, cluster=CLUSTER, **given):
    return KubernetesObject(
        cluster_uid=cluster,
        uid=uid(number),
        group=GROUPS[kind],
        version="v1",
        kind=kind,
        name=name,
        namespace=given.pop("namespace", "" if kind == "Node" else "shop"),
        owners=tuple(owner if isinstance(owner, Owner) else owned_by(owner) for owner in owners),
        **given,
    )


def owned_by(known, *, controller=True):
    return Owner(known.uid, known.group, known.kind, known.name, controller=controller, version=known.version)


def pod(name="shop-7d9f-abcde", number=1, *owners, **given):
    given.setdefault("node", "node-1")
    given.setdefault("addresses", ("10.1.0.7",))
    given.setdefault("containers", (Container("app", "a" * 64), Container("sidecar", "b" * 64)))
    return made("Pod", name, number, *owners, **given)


def shop(*, labels=None, composition_labels=None):
    """A composition, its Deployment, a ReplicaSet and a pod; `labels` are the pod's."""
    composition = made("Shop", "my-shop", 90, labels=composition_labels or {})
    deployment = made("Deployment", "shop", 80, composition)
    replica_set = made("ReplicaSet", "shop-7d9f", 70, deployment)
    return composition, deployment, replica_set, pod("shop-7d9f-abcde", 1, replica_set, labels=labels or {})
