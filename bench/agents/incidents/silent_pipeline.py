"""The collector of a cluster cannot start again after a move, since its secret is gone: nothing but events arrives."""

from bench.agents.incident import Cause, Incident
from bench.agents.scene import Scene


def _tell(scene: Scene) -> None:
    scene.telemetry.silent_after = 22.0
    (old,) = scene.pods["otel-gateway"]
    scene.died[old.name] = 22.1
    (new,) = scene.names.pods(old.workload)
    scene.born[new.name] = 22.0
    scene.pods["otel-gateway"].append(new)
    scene.tell(old, [22.2], "Killing", "Stopping container otel-gateway")
    scene.tell(
        new, [22.0], "Scheduled", f"Successfully assigned observability/{new.name} to {new.node}",
        component="default-scheduler",
    )  # fmt: skip
    missing = 'MountVolume.SetUp failed for volume "export-token" : secret "otel-export-token" not found'
    scene.warn(new, [21.9, 21.4, 20.4, 18.3, 14.2, 10.1, 6.0, 1.9], "FailedMount", missing)


INCIDENT = Incident(
    "silent_pipeline",
    "Silent pipeline",
    "sa-east-1",
    "the dashboards of cluster sa-east-1 are empty",
    (
        Cause("telemetry stopped", "sa-east-1", r"traces \d+ min", seen=r"traces\t"),
        Cause("configuration or volume missing", "otel-gateway", r"otel-export-token"),
    ),
    _tell,
)
