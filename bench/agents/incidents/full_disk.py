"""The volume of `orders-db` is full: it takes no rows, and nobody can order."""

from bench.agents.incident import Cause, Incident
from bench.agents.scene import Scene, Work, from_then_on
from bench.agents.telemetry import ERROR

SINCE = 19.0


def _full(work: Work) -> None:
    if work.target == "postgresql/orders":
        work.failure = "ERROR: could not extend file (SQLSTATE 53100)"


def _tell(scene: Scene) -> None:
    scene.spoils["checkout"] = from_then_on(SINCE, _full)
    (pod,) = scene.pods["orders-db"]
    for step in range(int(SINCE * 2)):
        said = f'could not extend file "base/16384/{24000 + step}": No space left on device'
        scene.telemetry.log(pod, SINCE - step / 2, ERROR, said)
    for minute in range(130, 0, -2):
        resource = {**scene.telemetry.of_container(pod), "k8s.volume.name": "data"}
        scene.telemetry.gauge(resource, "k8s.volume.capacity", "By", minute, 20 * 2**30)
        scene.telemetry.gauge(resource, "k8s.volume.available", "By", minute, max(0.0, minute - SINCE) * 2**24)


INCIDENT = Incident(
    "full_disk",
    "Full disk",
    "us-central-1",
    "checkout is failing in namespace shop on cluster us-central-1",
    (Cause("disk full", "orders-db", r"No space left on device"),),
    _tell,
    flat=True,
)
