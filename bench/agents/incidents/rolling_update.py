"""A rolling update of `checkout` that goes well: probes are late and pods are stopped, and nothing is wrong."""

from bench.agents.incident import Incident
from bench.agents.scene import Scene
from bench.agents.telemetry import WARN


def _tell(scene: Scene) -> None:
    old = list(scene.pods["checkout"])
    new = scene.roll_out("checkout", "3.2.0", 7.0, step=1.2)
    refused = 'Readiness probe failed: Get "http://10.2.0.31:8080/ready": dial tcp: connect: connection refused'
    for gone, pod in zip(old, new, strict=True):
        born = scene.born[pod.name]
        ready = born - 1.0
        scene.unready[pod.name] = lambda at, ready=ready: at > ready  # type: ignore[misc]  # bound at once
        scene.tell(pod, [born - 0.2], "Started", "Started container checkout")
        scene.warn(pod, [born - 0.4, born - 0.6, born - 0.8], "Unhealthy", refused)
        scene.died[gone.name] = ready
        scene.tell(gone, [ready], "Killing", "Stopping container checkout")
        scene.warn(gone, [ready - 0.1], "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503")
        scene.telemetry.log(gone, ready + 0.01, WARN, "got SIGTERM, closing 14 connections")
    scene.events.tell(
        scene.deployment("checkout"), [born - 1.1], "ScalingReplicaSet",
        f"Scaled down replica set {old[0].name.rsplit('-', 1)[0]} to 0 from 1", warning=False,
        component="deployment-controller",
    )  # fmt: skip


INCIDENT = Incident(
    "rolling_update",
    "Rolling update that goes well",
    "eu-south-1",
    "pods of checkout are unhealthy in namespace shop on cluster eu-south-1",
    (),
    _tell,
    remark=r"checkout: rollout went through: 2 of 2",
)
