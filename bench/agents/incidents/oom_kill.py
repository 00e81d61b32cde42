"""A leak in `ledger` fills its memory every quarter of an hour; those who call it, in another namespace, are paged."""

from bench.agents.cluster import MEBIBYTE
from bench.agents.incident import Cause, Incident
from bench.agents.scene import Scene, Work

KILLS = (56.0, 41.0, 26.0, 12.0, 2.0)


def _tell(scene: Scene) -> None:
    for pod in scene.pods["ledger"]:
        scene.memory[pod.name] = _leaking
        scene.restarts[pod.name] = KILLS
        scene.unready[pod.name] = lambda at: any(kill - 1.2 <= at <= kill for kill in KILLS)
        killed = f"Memory cgroup out of memory: Killed process {4000 + len(pod.name)} (ledger) total-vm:911420kB"
        for kill in KILLS:
            scene.warn(pod, [kill], "OOMKilling", killed, component="kernel-monitor")
            scene.tell(pod, [kill - 0.2], "Started", "Started container ledger")
    scene.spoils["ledger"] = _slow_before_a_kill


def _leaking(at: float) -> float:
    since = min((kill - at for kill in (130.0, *KILLS) if kill >= at), default=0.0)
    return min(508.0, 190.0 + 24.0 * since) * MEBIBYTE if at <= KILLS[0] + 14 else 190.0 * MEBIBYTE


def _slow_before_a_kill(work: Work, at: float) -> None:
    if any(kill - 1.2 <= at <= kill + 0.5 for kill in KILLS):
        work.failure = "connection reset by peer"


INCIDENT = Incident(
    "oom_kill",
    "Killed for memory",
    "us-east-1",
    "orders fail now and then in namespace shop on cluster us-east-1, service checkout",
    (Cause("out of memory", "ledger", r"OOMKilling|out of memory"),),
    _tell,
    flat=True,
)
