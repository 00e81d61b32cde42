"""The database of `inventory` answers slowly; whoever waits for it is slow too."""

from bench.agents.incident import Cause, Incident
from bench.agents.scene import Scene, Work, from_then_on


def _slow(work: Work) -> None:
    if work.target == "postgresql/stock":
        work.ms += 2400


def _tell(scene: Scene) -> None:
    scene.spoils["inventory"] = from_then_on(24.0, _slow)


INCIDENT = Incident(
    "slow_dependency",
    "Slow dependency",
    "eu-north-1",
    "customers wait for seconds at frontend in namespace shop on cluster eu-north-1",
    (Cause("slow", "inventory", r"SELECT stock\.items|postgresql/stock"),),
    _tell,
)
