"""Two faults at once: `search` lacks a ConfigMap after a rollout, and the relay refuses what `mailer` sends."""

from bench.agents.incident import Cause, Incident
from bench.agents.scene import Scene, Work, from_then_on


def _refused(work: Work) -> None:
    work.failure = "smtp: dial tcp 10.9.0.4:587: connect: connection refused"


def _tell(scene: Scene) -> None:
    pod = scene.roll_out("search", "7.1.0", 36.0, pods=1)[0]
    times = [35.8, 35.5, 35.0, 33.1, 29.0, 24.2, 18.9, 13.4, 8.2, 2.8]
    scene.warn(pod, times, "Failed", 'Error: configmap "search-synonyms" not found')
    scene.pending[pod.name] = 0.0
    scene.unready[pod.name] = lambda _: True
    scene.spoils["mailer"] = from_then_on(21.0, _refused)


INCIDENT = Incident(
    "two_faults",
    "Two faults at once",
    "ca-central-1",
    "something is wrong in cluster ca-central-1",
    (
        Cause("configuration or volume missing", "search", r"search-synonyms"),
        Cause("errors rise|connection refused", "mailer", r"smtp.*connection refused"),
    ),
    _tell,
)
