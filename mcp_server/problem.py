"""One thing that is wrong with one object, and the words for its kind.

In: reasons, messages and names as Kubernetes and programs write them. Out: a `Problem`, the kind of a text, the name of
a pod's workload. The kinds are rules, not a model: the first whose pattern fits counts.
"""

import re
from dataclasses import dataclass

Row = dict[str, object]

LIGHT = 55
"""Below this weight a problem counts as minor unless it is new, goes on and comes again."""

HEAVY = 80
"""From this weight on a problem stays one however long it has been there, and a while after it ended."""

DEFAULT = 40
"""Weight of a warning of no known kind."""

_KINDS: tuple[tuple[float, str, str], ...] = (
    (95, "out of memory", r"\bOOM|OOMKill|SystemOOM|out of memory"),
    (90, "crash loop", r"BackOff.*restarting failed container|CrashLoopBackOff"),
    (
        88,
        "image cannot be pulled",
        r"ErrImagePull|ImagePullBackOff|Failed to pull image|pulling image|pull access denied",
    ),
    (87, "disk full", r"no space left|DiskPressure|FreeDiskSpaceFailed|disk quota exceeded|disk is full"),
    (86, "evicted, node under pressure", r"Evicted|NodeHas\w*Pressure|NodeHasInsufficient|EvictionThresholdMet"),
    (85, "node not ready", r"NodeNotReady|NodeStatusUnknown"),
    (
        82,
        "release or reconcile failed",
        r"InstallFailed|UpgradeFailed|ReconcileError|HelmChart\w*Failed|\bhelm\b|ReconciliationFailed",
    ),
    (
        81,
        "configuration or volume missing",
        r"FailedMount|FailedAttachVolume|CreateContainerConfigError|secret \S+ not found|configmap \S+ not found",
    ),
    (78, "certificate", r"x509|certificate|\btls: "),
    (75, "cannot be scheduled", r"FailedScheduling|\d+ Insufficient"),
    (70, "job failed", r"BackoffLimitExceeded|DeadlineExceeded"),
    (50, "probe fails", r"Unhealthy|ProbeWarning"),
    (65, "container fails to start", r"^(?:Failed|FailedCreate|BackOff)\b|FailedCreatePodSandBox|RunContainerError"),
)
"""Weight, name, and what reason and message of a warning have in common."""

NEVER_USUAL = frozenset({
    "crash loop", "image cannot be pulled", "configuration or volume missing", "certificate", "cannot be scheduled",
    "job failed",
})  # fmt: skip
"""What is broken for as long as it goes on, however long that is."""

FAILING = frozenset({"errors rise", "requests fail"})
"""What is said of a service that fails: more than before, or as much as before."""

_IN_LOGS = frozenset({"out of memory", "disk full", "certificate"})
"""Kinds that a program tells of itself; the others are Kubernetes' words."""

_APPENDED = re.compile(
    r"(?:-[0-9a-z]{8,10})?-(?=[a-z0-9]*[0-9])[0-9a-z]{5}$|-[bcdfghjklmnpqrstvwxz2456789]{8,10}-[bcdfghjklmnpqrstvwxz2456789]{5}$|-\d{1,3}$|-\d{8,10}(?:-\w{5})?$"
)
"""What Kubernetes puts behind the names of pods of deployments, stateful sets and jobs."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with something."""

    weight: float
    problem: str
    namespace: str
    kind: str
    """Pod, Service, Node, Cluster, or as Kubernetes calls it."""
    name: str
    count: float
    last_seen: str
    """RFC 3339; empty for what is about the whole window."""
    evidence: str
    next: str
    cluster: str
    p95_ms: float = 0.0
    """Of a slow service."""
    also: tuple[str, ...] = ()
    """What else is wrong with the same object."""
    began: str = ""
    """When its first sign was, RFC 3339; may be before the window. Empty where that is not known."""
    set_aside: str = ""
    """Why it is no cause to look at: whose effect it is, that it is over, that it is always so."""

    @property
    def object(self) -> str:
        """Kind and name."""
        return f"{self.kind} {self.name}"


def kind_of(text: str) -> tuple[float, str]:
    """Weight and name of the kind of a warning, by its reason and message."""
    for weight, name, pattern in _KINDS:
        if re.search(pattern, text, re.IGNORECASE):
            return weight, name
    return DEFAULT, "warning"


def kind_of_log(text: str) -> tuple[float, str] | None:
    """The same of an error log, where it tells more than that there was an error."""
    for weight, name, pattern in _KINDS:
        if name in _IN_LOGS and re.search(pattern, text, re.IGNORECASE):
            return weight, name
    return None


def workload(name: str) -> str:
    """The beginning of a pod's name that its workload gave it."""
    return _APPENDED.sub("", name) or name


def number(value: object) -> float:
    """A number of a reply; null counts as 0."""
    return 0.0 if value is None else float(str(value))


def call(tool: str, **arguments: str) -> str:
    """A call as the column `next` has it: what is empty is left out."""
    return " ".join([tool, *(f"{name}={value}" for name, value in arguments.items() if value)])
