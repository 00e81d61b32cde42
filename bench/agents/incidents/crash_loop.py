"""A new version of `cart` ends at once, since an environment variable that it needs is not set."""

from bench.agents.incident import Cause, Incident
from bench.agents.scene import Scene
from bench.agents.telemetry import FATAL, INFO


def _tell(scene: Scene) -> None:
    old = list(scene.pods["cart"])
    for pod in scene.roll_out("cart", "1.9.0", 26.0):
        scene.died |= {one.name: 25.0 for one in old}
        began = [scene.born[pod.name] - 0.3 - step for step in (0.0, 0.4, 1.1, 2.5, 5.0, 10.1, 15.2, 20.3)]
        scene.tell(pod, began, "Started", "Started container cart")
        for at in began:
            scene.telemetry.log(pod, at, INFO, "cart 1.9.0 is starting")
            scene.telemetry.log(pod, at - 0.02, FATAL, "configuration: CART_REDIS_URL is not set, giving up")
        message = f"Back-off restarting failed container cart in pod {pod.name}_shop({pod.uid})"
        scene.warn(pod, [at - 0.1 for at in began[1:]], "BackOff", message)
        scene.restarts[pod.name] = began[1:]
        scene.unready[pod.name] = lambda _: True


INCIDENT = Incident(
    "crash_loop",
    "Crash loop",
    "eu-west-1",
    "cart does not answer in namespace shop on cluster eu-west-1",
    (Cause("crash loop", "cart", r"CART_REDIS_URL is not set"),),
    _tell,
)
