"""What a cluster's controllers, its scheduler, a kubelet and the container runtime would do, done by a test.

In: a real kube-apiserver (`bench.kube_apiserver`) and a folder for pod logs. Out: Deployments, ReplicaSets and pods
with the ownerReferences, statuses and events that the real ones write (the same reasons, messages, sources), and lines
in files as the runtime writes them. Names, times and counts are a test's.

Events are those of API v1 as the kubelet records them: one object for a reason and a message, its `count` bumped, times
in whole seconds. https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
"""

import itertools
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

APPS = "/apis/apps/v1/namespaces"
CORE = "/api/v1/namespaces"
NODE = "node-1"
COMPOSITION = "krateo.io/composition-id"
CONTAINER = "app"
REVISION = "deployment.kubernetes.io/revision"

_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""Kubernetes makes names of these, so that they make no words."""

_numbers = itertools.count(0x17F1D24E9A000000)


def random_name(length):
    return "".join(secrets.choice(_LETTERS) for _ in range(length))


def second(at=None):
    """A time as Kubernetes writes it, in whole seconds."""
    return datetime.fromtimestamp(time.time() if at is None else at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Event:
    """One event that was told, and may be told again."""

    namespace: str
    name: str
    uid: str
    reason: str
    about: str
    """Name of the object."""
    counts: list
    """Each that it was told with."""


@dataclass
class Pod:
    """A pod, and where its log goes."""

    namespace: str
    name: str
    uid: str
    image: str
    restarts: int = 0
    events: list = field(default_factory=list)

    @property
    def reference(self):
        return _reference("v1", "Pod", self.namespace, self.name, self.uid)

    @property
    def container(self):
        return {**self.reference, "fieldPath": f"spec.containers{{{CONTAINER}}}"}


@dataclass
class ReplicaSet:
    """One version of a Deployment."""

    name: str
    uid: str
    image: str
    pods: list = field(default_factory=list)

    @property
    def events(self):
        """What its pods complained of."""
        return [event for pod in self.pods for event in pod.events]


class ActingCluster:
    """Acts in one namespace of `server`."""

    def __init__(self, server, logs, namespace):
        self.server = server
        self.namespace = namespace
        self._logs = logs
        server.call("POST", CORE, {"metadata": {"name": namespace}})

    # What a person or Helm does.

    def deploy(self, name, image, *, replicas, composition="", on_pods=False):
        """Make a Deployment. The composition's label stands on it, or on its pods alone."""
        labels = {COMPOSITION: composition} if composition else {}
        spec = deployment_spec(name, image, replicas, labels if on_pods else {})
        made = self.server.call(
            "POST",
            f"{APPS}/{self.namespace}/deployments",
            {"metadata": {"name": name, "labels": {} if on_pods else labels}, "spec": spec},
        )
        return Workload(self, made)

    def workload(self, name):
        """A Deployment that somebody else made."""
        return Workload(self, self.server.call("GET", f"{APPS}/{self.namespace}/deployments/{name}"))

    # Events.

    def tell(self, about, reason, message, *, source="kubelet", warning=False, count=1, began=None):
        """Record an event. `about` is a reference; `began` is when it first happened, in Unix seconds."""
        host = {"host": NODE} if source == "kubelet" else {}
        body = {
            "metadata": {"name": f"{about['name']}.{next(_numbers):x}", "namespace": self.namespace},
            "involvedObject": about,
            "reason": reason,
            "message": message,
            "source": {"component": source, **host},
            "firstTimestamp": second(began),
            "lastTimestamp": second(),
            "count": count,
            "type": "Warning" if warning else "Normal",
            "reportingComponent": source,
            "reportingInstance": host.get("host", ""),
        }
        made = self.server.call("POST", f"{CORE}/{self.namespace}/events", body)["metadata"]
        return Event(self.namespace, made["name"], made["uid"], reason, about["name"], [count])

    def repeat(self, event, times=1):
        """It happened again, as often."""
        for _ in range(times):
            event.counts.append(event.counts[-1] + 1)
            body = {"count": event.counts[-1], "lastTimestamp": second()}
            self.server.call("PATCH", f"{CORE}/{self.namespace}/events/{event.name}", body)

    # The kubelet, for one pod.

    def runs(self, pod):
        """Its image is there, its container runs and is ready."""
        self.tell(pod.container, "Pulling", f'Pulling image "{pod.image}"')
        pulled = (
            f'Successfully pulled image "{pod.image}" in 1.204s (1.204s including waiting). Image size: 72255316 bytes.'
        )
        self.tell(pod.container, "Pulled", pulled)
        self.starts(pod)
        self.status(pod, "Running", {"running": {"startedAt": second()}}, ready=True)

    def starts(self, pod):
        self.tell(pod.container, "Created", f"Created container: {CONTAINER}")
        self.tell(pod.container, "Started", f"Started container {CONTAINER}")

    def crashes(self, pod, *, exit_code, last_words, count, began):
        """It starts, says its last words and ends, over and over since `began`; gives the BackOff event."""
        self.tell(pod.container, "Pulled", f'Container image "{pod.image}" already present on machine')
        self.starts(pod)
        self.log(pod, *last_words)
        pod.restarts = count
        self._waits_after_crash(pod, exit_code)
        message = f"Back-off restarting failed container {CONTAINER} in pod {pod.name}_{pod.namespace}({pod.uid})"
        event = self.tell(pod.container, "BackOff", message, warning=True, count=count, began=began)
        pod.events.append(event)
        return event

    def crashes_again(self, pod, *, exit_code, last_words, times=1):
        (event,) = pod.events
        self.repeat(event, times)
        self.log(pod, *last_words)
        pod.restarts += times
        self._waits_after_crash(pod, exit_code)

    def _waits_after_crash(self, pod, exit_code):
        waiting = {"reason": "CrashLoopBackOff", "message": f"back-off 5m0s restarting failed container={CONTAINER}"}
        ended = {
            "terminated": {"exitCode": exit_code, "reason": "Error", "startedAt": second(), "finishedAt": second()}
        }
        self.status(pod, "Running", {"waiting": waiting}, ready=False, before=ended)

    def cannot_pull(self, pod, *, times=10):
        """The tag does not exist; the kubelet tells it so often, in four events."""
        image = pod.image
        refused = (
            f'Failed to pull image "{image}": rpc error: code = NotFound desc = failed to pull and unpack image '
            f'"docker.io/library/{image}": failed to resolve reference "docker.io/library/{image}": '
            f"docker.io/library/{image}: not found"
        )
        self.tell(pod.container, "Pulling", f'Pulling image "{image}"')
        for reason, message in (
            ("Failed", refused),
            ("Failed", "Error: ErrImagePull"),
            ("BackOff", f'Back-off pulling image "{image}"'),
            ("Failed", "Error: ImagePullBackOff"),
        ):
            pod.events.append(self.tell(pod.container, reason, message, warning=True))
            self.repeat(pod.events[-1], times - 1)
        waiting = {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{image}"'}
        self.status(pod, "Pending", {"waiting": waiting}, ready=False)

    def status(self, pod, phase, state, *, ready, before=None):
        container = {
            "name": CONTAINER, "image": pod.image, "imageID": "", "ready": ready, "restartCount": pod.restarts,
            "state": state, "lastState": before or {},
        }  # fmt: skip
        conditions = [{"type": kind, "status": "True" if ready else "False"} for kind in ("Ready", "ContainersReady")]
        body = {"status": {"phase": phase, "conditions": conditions, "containerStatuses": [container]}}
        self.server.call("PATCH", f"{CORE}/{self.namespace}/pods/{pod.name}/status", body)

    def log(self, pod, *lines):
        """Write to the container's log as containerd does."""
        file = self._logs / f"{pod.namespace}_{pod.name}_{pod.uid}" / CONTAINER / "0.log"
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a") as log:
            log.writelines(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}000Z stdout F {line}\n" for line in lines)


class Workload:
    """A Deployment with its ReplicaSets, as deployment controller, replicaset controller and scheduler keep them."""

    def __init__(self, cluster, deployment):
        self.cluster = cluster
        self.name = deployment["metadata"]["name"]
        self.uid = deployment["metadata"]["uid"]
        self.versions = []
        self._template = deployment["spec"]["template"]
        self._wanted = deployment["spec"]["replicas"]

    @property
    def pods(self):
        return [pod for version in self.versions for pod in version.pods]

    def image(self):
        """What the Deployment wants now."""
        path = f"{APPS}/{self.cluster.namespace}/deployments/{self.name}"
        (container,) = self.cluster.server.call("GET", path)["spec"]["template"]["spec"]["containers"]
        return container["image"]

    @property
    def reference(self):
        return _reference("apps/v1", "Deployment", self.cluster.namespace, self.name, self.uid)

    def rolls_out(self, image, pods):
        """A new ReplicaSet for `image` with so many pods; gives it. Others stay as they are."""
        cluster, number = self.cluster, len(self.versions) + 1
        short = random_name(10)
        template = self._pod_template(short, image)
        labels = template["metadata"]["labels"]
        body = {
            "metadata": {
                "name": f"{self.name}-{short}", "labels": labels, "ownerReferences": [_owner(self.reference)],
                "annotations": {REVISION: str(number)},
            },
            "spec": {"replicas": pods, "selector": {"matchLabels": labels}, "template": template},
        }  # fmt: skip
        made = cluster.server.call("POST", f"{APPS}/{cluster.namespace}/replicasets", body)["metadata"]
        version = ReplicaSet(made["name"], made["uid"], image)
        self.versions.append(version)
        self._scaled(f"Scaled up replica set {version.name} from 0 to {pods}")
        for _ in range(pods):
            self._make_pod(version)
        return version

    def becomes(self, image, pods):
        """All its pods are of this image, and run; those that were are gone. Gives the new ReplicaSet."""
        old, new = list(self.versions), self.rolls_out(image, pods)
        for pod in new.pods:
            self._comes_up(pod)
        for version in old:
            self.shrinks(version)
        self.settled()
        return new

    def rolls_over(self, old, image):
        """One pod after the other, as maxSurge 1 and maxUnavailable 0 have it; gives the new ReplicaSet."""
        wanted, new = len(old.pods), self.rolls_out(image, 1)
        self._comes_up(new.pods[0])
        for number in range(1, wanted):
            self.shrinks(old, to=wanted - number)
            self._scaled(f"Scaled up replica set {new.name} from {number} to {number + 1}")
            self._comes_up(self._make_pod(new))
        self.shrinks(old)
        self.settled()
        return new

    def _comes_up(self, pod):
        self.cluster.runs(pod)
        self.cluster.log(pod, "INFO listening on :8080")

    def shrinks(self, version, to=0):
        """The controller takes pods of an older version away; the kubelet ends them."""
        cluster, was = self.cluster, len(version.pods)
        self._scaled(f"Scaled down replica set {version.name} from {was} to {to}")
        path = f"{APPS}/{cluster.namespace}/replicasets/{version.name}"
        cluster.server.call("PATCH", path, {"spec": {"replicas": to}})
        set_ = _reference("apps/v1", "ReplicaSet", cluster.namespace, version.name, version.uid)
        for pod in version.pods[to:]:
            cluster.tell(set_, "SuccessfulDelete", f"Deleted pod: {pod.name}", source="replicaset-controller")
            cluster.tell(pod.container, "Killing", f"Stopping container {CONTAINER}")
            cluster.server.call("DELETE", f"{CORE}/{cluster.namespace}/pods/{pod.name}", {"gracePeriodSeconds": 0})
        del version.pods[to:]

    def settled(self):
        """What the deployment controller counts."""
        ready = len([pod for pod in self.pods if pod.image == self.versions[-1].image])
        status = {"observedGeneration": 1, "replicas": len(self.pods), "updatedReplicas": ready}
        status |= {"readyReplicas": len(self.pods), "availableReplicas": len(self.pods)}
        path = f"{APPS}/{self.cluster.namespace}/deployments/{self.name}/status"
        self.cluster.server.call("PATCH", path, {"status": status})

    def _scaled(self, message):
        self.cluster.tell(self.reference, "ScalingReplicaSet", message, source="deployment-controller")

    def _pod_template(self, short, image):
        labels = {**self._template["metadata"]["labels"], "pod-template-hash": short}
        spec = {**self._template["spec"], "containers": [{"name": CONTAINER, "image": image}]}
        return {"metadata": {"labels": labels}, "spec": spec}

    def _make_pod(self, version):
        cluster, template = self.cluster, self._pod_template(version.name.rsplit("-", 1)[1], version.image)
        set_ = _reference("apps/v1", "ReplicaSet", cluster.namespace, version.name, version.uid)
        name = f"{version.name}-{random_name(5)}"
        body = {
            "metadata": {**template["metadata"], "name": name, "ownerReferences": [_owner(set_)]},
            "spec": {**template["spec"], "nodeName": NODE},
        }
        made = cluster.server.call("POST", f"{CORE}/{cluster.namespace}/pods", body)["metadata"]
        pod = Pod(cluster.namespace, name, made["uid"], version.image)
        version.pods.append(pod)
        cluster.tell(set_, "SuccessfulCreate", f"Created pod: {name}", source="replicaset-controller")
        assigned = f"Successfully assigned {cluster.namespace}/{name} to {NODE}"
        cluster.tell(pod.reference, "Scheduled", assigned, source="default-scheduler")
        return pod


def deployment_spec(name, image, replicas, more_labels=None):
    labels = {"app": name}
    template = {
        "metadata": {"labels": {**labels, **(more_labels or {})}},
        "spec": {"containers": [{"name": CONTAINER, "image": image}]},
    }
    return {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}


def _reference(version, kind, namespace, name, uid):
    return {"apiVersion": version, "kind": kind, "namespace": namespace, "name": name, "uid": uid}


def _owner(reference):
    kept = {name: value for name, value in reference.items() if name != "namespace"}
    return {**kept, "controller": True, "blockOwnerDeletion": True}
