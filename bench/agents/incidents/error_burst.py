"""Of three pods of `payment` one has a new version, and only that one fails."""

from bench.agents.incident import Cause, Incident
from bench.agents.scene import Scene, Work


def _tell(scene: Scene) -> None:
    (canary,) = scene.roll_out("payment", "2.4.0-rc1", 28.0, pods=1)
    scene.died[scene.pods["payment"][0].name] = 27.5

    def spoil(work: Work, at: float) -> None:
        if work.pod is canary:
            work.failure = "currency table v3 is not supported"

    scene.spoils["payment"] = spoil


INCIDENT = Incident(
    "error_burst",
    "Errors of one version",
    "us-west-2",
    "part of the payments fail on cluster us-west-2",
    (Cause("errors rise", "payment", r"2\.4\.0-rc1"),),
    _tell,
    flat=True,
)
