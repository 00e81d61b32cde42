"""`report-builder` has no limit, fills a node with a large report, and pods of others are evicted there."""

from dataclasses import replace

from bench.agents.cluster import MEBIBYTE
from bench.agents.incident import Cause, Incident
from bench.agents.kubernetes_events import Subject
from bench.agents.scene import Scene


def _tell(scene: Scene) -> None:
    neighbour = scene.pods["report-builder"][0]
    for workload in ("search", "cart"):
        scene.pods[workload][0] = replace(scene.pods[workload][0], node=neighbour.node)
    scene.memory[neighbour.name] = lambda at: (420 + max(0.0, 40 - at) * 190) * MEBIBYTE
    node = Subject("Node", neighbour.node, uid=neighbour.node, node=neighbour.node)
    scene.events.tell(
        node, [18.0], "NodeHasInsufficientMemory", f"Node {neighbour.node} status is now: NodeHasInsufficientMemory"
    )
    scene.events.tell(node, [18.0, 12.0, 6.5, 2.0], "EvictionThresholdMet", "Attempting to reclaim memory")
    for workload, at in (("search", 17.5), ("cart", 12.0), ("search", 6.0), ("search", 1.5)):
        victim = next((pod for pod in scene.alive(workload, at) if pod.node == neighbour.node), None)
        if victim is None:
            continue
        scene.died[victim.name] = at
        low = (
            "The node was low on resource: memory. Threshold quantity: 100Mi, available: 61Mi. "
            f"Container {workload} was using 312Mi, request is 64Mi, has larger consumption of memory."
        )
        scene.warn(victim, [at], "Evicted", low)
        scene.tell(victim, [at - 0.02], "Killing", f"Stopping container {workload}")
        instead = replace(scene.names.pods(victim.workload)[0], node=neighbour.node)
        scene.born[instead.name] = at - 0.3
        scene.pods[workload].append(instead)


INCIDENT = Incident(
    "noisy_neighbour",
    "Noisy neighbour",
    "ap-south-1",
    "pods of search are evicted again and again in namespace shop on cluster ap-south-1",
    (Cause("noisy neighbour", "report-builder", r"node-\d.*no limit", seen=r"node-\d\treport-builder"),),
    _tell,
    flat=True,
)
