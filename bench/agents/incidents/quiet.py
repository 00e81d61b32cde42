"""Nothing but the usual noise: the right answer is that nothing was found."""

from bench.agents.incident import Incident
from bench.agents.scene import Scene


def _tell(scene: Scene) -> None:
    """Nothing happens."""
    del scene


INCIDENT = Incident(
    "quiet",
    "Nothing but noise",
    "il-central-1",
    "something is wrong in cluster il-central-1",
    (),
    _tell,
    remark=r"\A\Z",
    is_control=True,
)
