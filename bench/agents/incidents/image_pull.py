"""`recommendation` was rolled out with a tag that the registry does not have."""

from bench.agents.incident import Cause, Incident
from bench.agents.scene import Scene


def _tell(scene: Scene) -> None:
    for pod in scene.roll_out("recommendation", "2.41.0", 33.0, pods=1):
        times = [32.6, 32.2, 31.4, 30.0, 27.3, 22.0, 17.0, 11.8, 6.7, 1.6]
        missing = (
            f'Failed to pull image "{pod.workload.image}": rpc error: code = NotFound desc = '
            f"failed to resolve reference: {pod.workload.image}: not found"
        )
        scene.warn(pod, times, "Failed", missing)
        scene.warn(pod, times, "Failed", "Error: ErrImagePull")
        scene.tell(pod, times, "BackOff", f'Back-off pulling image "{pod.workload.image}"')
        scene.warn(pod, [at - 0.2 for at in times], "Failed", "Error: ImagePullBackOff")
        scene.pending[pod.name] = 0.0
        scene.unready[pod.name] = lambda _: True


INCIDENT = Incident(
    "image_pull",
    "Image that does not exist",
    "eu-central-1",
    "the rollout of recommendation does not finish in namespace shop on cluster eu-central-1",
    (Cause("image cannot be pulled", "recommendation", r"2\.41\.0.* not found"),),
    _tell,
)
