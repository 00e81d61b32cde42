"""Which service a pod's telemetry is of, where its sender did not say: the logs of pods, first of all.

In: what a sender and the directory say of a pod. Out: the value of `service.name` and where it comes from, or nothing.
The order is that of https://opentelemetry.io/docs/specs/semconv/non-normative/k8s-attributes/ : an annotation, two
well-known labels, the workload that owns the pod, the pod. A ReplicaSet or Job gives its name only where it is known
that nothing stands above it: their names change with each rollout and each run. Refuses nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from enrich import attributes as names
from enrich.attributes import Have
from enrich.objects import KubernetesObject

ANNOTATION = "resource.opentelemetry.io/service.name"
INSTANCE = "app.kubernetes.io/instance"
NAME = "app.kubernetes.io/name"

_UNKNOWN = b"unknown_service"
"""What SDKs give that were told no name, alone or with `:` and a program:
https://opentelemetry.io/docs/specs/semconv/resource/service/"""

_LASTING = (b"k8s.deployment.name", b"k8s.statefulset.name", b"k8s.daemonset.name", b"k8s.cronjob.name")
_WORKLOADS = (
    b"k8s.deployment.name",
    b"k8s.replicaset.name",
    b"k8s.statefulset.name",
    b"k8s.daemonset.name",
    b"k8s.replicationcontroller.name",
    b"k8s.cronjob.name",
    b"k8s.job.name",
)
_OF_A_POD = (names.POD_UID, names.POD_NAME, names.POD_IP, names.CONTAINER_ID)


class ServiceNaming(StrEnum):
    """Where the name of a service is looked for that its sender did not name."""

    LABELS = "labels"
    WORKLOAD = "workload"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Named:
    """A name, and what gave it; both empty where nothing does."""

    name: bytes = b""
    source: str = ""


NOT_NAMED = Named()


class ServiceNames:
    """Names services."""

    def __init__(self, naming: ServiceNaming) -> None:
        self._naming = naming
        labels = ((INSTANCE, "instance_label"), (NAME, "name_label")) if naming is ServiceNaming.LABELS else ()
        self._labels: tuple[tuple[str, str], ...] = labels

    @property
    def annotations(self) -> tuple[str, ...]:
        """Keys of the annotations that are read."""
        return () if self._naming is ServiceNaming.NONE else (ANNOTATION,)

    @property
    def labels(self) -> tuple[str, ...]:
        """Keys of the labels that are read."""
        return tuple(label for label, _ in self._labels)

    def wanted(self, have: Have, pod: KubernetesObject | None) -> bool:
        """Whether a resource is a pod's, and its sender gave no name of a service."""
        if self._naming is ServiceNaming.NONE or not is_unnamed(have.get(names.SERVICE_NAME, b"")):
            return False
        return pod is not None or any(have.get(key) for key in _OF_A_POD)

    def of(self, pod: KubernetesObject | None, have: Have, known: Mapping[bytes, bytes], *, whole: bool) -> Named:
        """Name the service. `known`: what is to be said of the pod beside `have`; `whole`: all its owners are in it."""
        if text := _annotated(pod, have):
            return Named(text, "annotation")
        for label, source in self._labels:
            if text := _labelled(pod, have, label):
                return Named(text, source)
        for key in _WORKLOADS if whole else _LASTING:
            if text := have.get(key) or known.get(key, b""):
                return Named(text, "workload")
        return Named(pod.name.encode(), "pod") if pod is not None and whole else NOT_NAMED


def is_unnamed(name: bytes) -> bool:
    """Whether this is no name of a service: empty, or what an SDK gives that has none."""
    return not name or name == _UNKNOWN or name.startswith(_UNKNOWN + b":")


def _annotated(pod: KubernetesObject | None, have: Have) -> bytes:
    key = ANNOTATION.encode()
    own = have.get(names.POD_ANNOTATIONS + key) or have.get(names.POD_ANNOTATION + key)
    return own or (pod.annotations.get(ANNOTATION, "").encode() if pod is not None else b"")


def _labelled(pod: KubernetesObject | None, have: Have, label: str) -> bytes:
    key = label.encode()
    own = have.get(names.POD_LABELS + key) or have.get(names.POD_LABEL + key)
    return own or (pod.labels.get(label, "").encode() if pod is not None else b"")
