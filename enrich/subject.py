"""Which object a resource is about: the pod that it names, or another object that it names by uid.

In: the attributes of a resource, and where it is looked for. Out: the object, or why there is none. A pod's uid and a
container's id mean one object in all clusters; an address and a name mean one only within a cluster that is known.
What a sender says of the pod by itself and what is found must agree, or else the address was a proxy's.
Refuses nothing.
"""

from dataclasses import dataclass

from enrich import attributes as names
from enrich.attributes import Have, text
from enrich.directory import Looks
from enrich.objects import KubernetesObject, Reference

_OTHER_UIDS = (
    b"k8s.replicaset.uid",
    b"k8s.job.uid",
    b"k8s.deployment.uid",
    b"k8s.statefulset.uid",
    b"k8s.daemonset.uid",
    b"k8s.cronjob.uid",
    b"k8s.replicationcontroller.uid",
    b"k8s.hpa.uid",
    b"k8s.persistentvolumeclaim.uid",
    names.OBJECT_UID,
    b"k8s.namespace.uid",
)
"""Of objects that are no pods, the nearest to a workload first: cluster metrics carry them."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a resource is about."""

    pod: KubernetesObject | None = None
    container: str = ""
    """Name of the container, if its id was given."""
    other: KubernetesObject | None = None
    """An object that is no pod."""
    source: str = ""
    """How the pod was found: uid, container_id, pod_ip, name, peer_address."""
    unknown: str = ""
    """Why a pod that the resource names was not found; empty where it names none."""
    missing: Reference | None = None
    """The pod, if an API server can be asked for it."""
    elsewhere: bool = False
    """The pod is there, but in another cluster than the resource says."""
    disagrees: bool = False
    """A pod was found that is not the one whose names the resource has."""


NOBODY = Subject()


class Subjects:
    """Finds what resources are about."""

    def __init__(self, directory: Looks) -> None:
        self._directory = directory

    def of(self, have: Have, within: str, cluster_uid: str, peer: str) -> Subject:
        """Find the object.

        `within`: the cluster whose objects may be found, or empty for any; `cluster_uid`: the cluster that the resource
        is from, as far as can be said without an object, for what is unique in one cluster only; `peer`: the address of
        the sender, where that means a pod.
        """
        if container_id := text(have, names.CONTAINER_ID):
            found = self._directory.by_container(container_id.rpartition("//")[2], within)
            if found is not None:
                return _agreed(have, Subject(found[0], found[1].name, source="container_id"))
        if have.get(names.POD_UID):
            return self._by_uid(have, within, cluster_uid)
        if cluster_uid and (address := text(have, names.POD_IP) or peer):
            pod = self._directory.by_pod_address(cluster_uid, address)
            if pod is not None:
                source = "pod_ip" if have.get(names.POD_IP) else "peer_address"
                return _agreed(have, Subject(pod, source=source))
        if have.get(names.POD_NAME) and have.get(names.NAMESPACE):
            return self._by_name(have, cluster_uid)
        return self._other(have, within) or _nobody(have, cluster_uid)

    def _by_uid(self, have: Have, within: str, cluster_uid: str) -> Subject:
        uid = text(have, names.POD_UID)
        pod = self._directory.by_uid(uid, within)
        if pod is not None:
            return Subject(pod, source="uid")
        if within and self._directory.by_uid(uid) is not None:
            return Subject(unknown="other_cluster", elsewhere=True)
        return Subject(unknown="not_in_directory", missing=_reference(have, within or cluster_uid, uid))

    def _by_name(self, have: Have, cluster_uid: str) -> Subject:
        if not cluster_uid:
            return Subject(unknown="cluster_unknown")
        namespace, name = text(have, names.NAMESPACE), text(have, names.POD_NAME)
        pod = self._directory.by_name(cluster_uid, "", "Pod", namespace, name)
        if pod is not None:
            return Subject(pod, source="name")
        return Subject(unknown="not_in_directory", missing=_reference(have, cluster_uid, ""))

    def _other(self, have: Have, within: str) -> Subject | None:
        for key in _OTHER_UIDS:
            if have.get(key):
                other = self._directory.by_uid(text(have, key), within)
                return Subject(other=other) if other is not None else None
        return None


def _nobody(have: Have, cluster_uid: str) -> Subject:
    if not (have.get(names.POD_IP) or have.get(names.CONTAINER_ID)):
        return NOBODY
    return Subject(unknown="not_in_directory" if cluster_uid or have.get(names.CONTAINER_ID) else "cluster_unknown")


def _agreed(have: Have, found: Subject) -> Subject:
    """Give what was found, unless the resource's own names say that it is about another pod."""
    pod = found.pod
    if pod is None:
        return found
    own = ((names.POD_UID, pod.uid), (names.POD_NAME, pod.name), (names.NAMESPACE, pod.namespace))
    if any(have.get(key) and text(have, key) != value for key, value in own):
        return Subject(unknown="other_pod", disagrees=True)
    return found


def _reference(have: Have, cluster_uid: str, uid: str) -> Reference | None:
    namespace, name = text(have, names.NAMESPACE), text(have, names.POD_NAME)
    if not (cluster_uid and namespace and name):
        return None
    return Reference(cluster_uid, "", "v1", "Pod", namespace, name, uid)
