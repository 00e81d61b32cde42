"""One cluster while an incident is told: which pods live when, and what is different from a quiet day.

In: a cluster's name, the present time, a seed, and whether its events come flat. Out: a `Scene`, on which an incident
sets what goes wrong before `bench.agents.background` tells all of it. Minutes are counted back from now.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bench.agents.cluster import WORKLOADS, Names, Pod
from bench.agents.kubernetes_events import EventRecorder, Subject, about
from bench.agents.telemetry import MINUTE, Telemetry

START = 130.0
"""Minutes before now at which telemetry begins: two windows of an hour, and some before."""


@dataclass(slots=True)
class Work:
    """What one service does for one request: its own time, whether it fails, what it says about it."""

    service: str
    pod: Pod
    span: str
    ms: float
    failure: str = ""
    """Status message of the span, and an error in the log; empty where all is well."""
    target: str = ""
    """What is called and tells nothing itself: `postgresql/stock`; empty for work of its own."""


Spoil = Callable[[Work, float], None]
"""Changes the work of a service at a time."""


@dataclass(slots=True)
class Scene:
    """One cluster."""

    telemetry: Telemetry
    names: Names
    events: EventRecorder
    pods: dict[str, list[Pod]]
    """By workload, gone ones too."""
    spoils: dict[str, Spoil] = field(default_factory=dict)
    """By service."""
    memory: dict[str, Callable[[float], float]] = field(default_factory=dict)
    """By pod: bytes at a time."""
    restarts: dict[str, Sequence[float]] = field(default_factory=dict)
    """By pod: when its container began again."""
    unready: dict[str, Callable[[float], bool]] = field(default_factory=dict)
    """By pod: whether it is not ready at a time."""
    pending: dict[str, float] = field(default_factory=dict)
    """By pod: until when it is Pending."""
    born: dict[str, float] = field(default_factory=dict)
    died: dict[str, float] = field(default_factory=dict)

    def alive(self, workload: str, minutes_ago: float) -> list[Pod]:
        """Its pods at that time."""
        return [
            pod
            for pod in self.pods[workload]
            if self.died.get(pod.name, -1.0) < minutes_ago <= self.born.get(pod.name, START + 1)
        ]

    def serving(self, workload: str, minutes_ago: float) -> list[Pod]:
        """Those that take requests."""
        return [pod for pod in self.alive(workload, minutes_ago) if not self.is_unready(pod, minutes_ago)]

    def is_unready(self, pod: Pod, minutes_ago: float) -> bool:
        """Whether the pod is not ready at that time."""
        return pod.name in self.unready and self.unready[pod.name](minutes_ago)

    def warn(
        self, pod: Pod, minutes_ago: Sequence[float], reason: str, message: str, component: str = "kubelet"
    ) -> None:
        """A Warning event about a pod."""
        self.events.tell(about(pod), minutes_ago, reason, message, component=component)

    def tell(
        self, pod: Pod, minutes_ago: Sequence[float], reason: str, message: str, component: str = "kubelet"
    ) -> None:
        """A Normal event about a pod."""
        self.events.tell(about(pod), minutes_ago, reason, message, warning=False, component=component)

    def deployment(self, workload: str) -> Subject:
        """A deployment as the subject of events."""
        one = self.pods[workload][0].workload
        return Subject("Deployment", one.name, one.namespace, f"uid-of-{one.name}", api_version="apps/v1")

    def roll_out(
        self, workload: str, version: str, minutes_ago: float, *, step: float = 0.6, pods: int = 9
    ) -> list[Pod]:
        """Up to `pods` new pods of another version; the old ones stay until somebody says when they died."""
        new = list(self.names.other_version(tuple(self.pods[workload]), version))[:pods]
        subject = self.deployment(workload)
        replica_set = new[0].name.rsplit("-", 1)[0]
        for place, pod in enumerate(new):
            at = minutes_ago - place * step
            self.born[pod.name] = at
            self.events.tell(
                subject, [at], "ScalingReplicaSet", f"Scaled up replica set {replica_set} to {place + 1}",
                warning=False, component="deployment-controller",
            )  # fmt: skip
            where = f"{pod.workload.namespace}/{pod.name}"
            self.tell(
                pod, [at], "Scheduled", f"Successfully assigned {where} to {pod.node}", component="default-scheduler"
            )
            self.tell(pod, [at - 0.05], "Pulling", f'Pulling image "{pod.workload.image}"')
        self.pods[workload] = [*self.pods[workload], *new]
        return new


def made(cluster: str, now: int, seed: int, *, flat: bool) -> Scene:
    """A cluster on a quiet day."""
    names = Names(f"{cluster} {seed}")
    telemetry = Telemetry(cluster, names.uid(), now - now % MINUTE, random.Random(f"telemetry of {cluster} {seed}"))
    pods = {workload.name: list(names.pods(workload)) for workload in WORKLOADS}
    return Scene(telemetry, names, EventRecorder(telemetry, names, flat=flat), pods)


def from_then_on(minutes_ago: float, change: Callable[[Work], None]) -> Spoil:
    """A change of a service's work that begins at a time and goes on."""

    def spoil(work: Work, at: float) -> None:
        if at <= minutes_ago:
            change(work)

    return spoil


def spoilt(spoils: Mapping[str, Spoil], work: Work, minutes_ago: float) -> Work:
    """The work as the incident has it."""
    if spoil := spoils.get(work.service):
        spoil(work, minutes_ago)
    return work
