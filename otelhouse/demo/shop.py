"""Who is in the shop: its services, their pods, and how a Kubernetes collector would describe them."""

import random
import uuid
from dataclasses import dataclass

CLUSTER_NAME = "demo"
CLUSTER_UID = "0f3b9a52-7c41-4d0e-9c8e-2f6a1d5b7e90"
NAMESPACE = "shop"
COMPOSITION_LABEL = "krateo.io/composition-id"
NODES = ("demo-worker-1", "demo-worker-2")


@dataclass(frozen=True, slots=True)
class Service:
    """One deployment with one pod."""

    name: str
    version: str
    language: str
    pod: str
    pod_uid: str
    node: str
    composition: str
    """Uid of the Krateo composition that installed it, empty for none."""

    def resource(self) -> dict[str, str]:
        """Resource attributes as the Kubernetes attributes processor sets them."""
        attributes = {
            "service.name": self.name,
            "service.namespace": NAMESPACE,
            "service.version": self.version,
            "service.instance.id": self.pod_uid,
            "deployment.environment.name": "demo",
            "telemetry.sdk.language": self.language,
            "telemetry.sdk.name": "opentelemetry",
            "k8s.cluster.name": CLUSTER_NAME,
            "k8s.cluster.uid": CLUSTER_UID,
            "k8s.namespace.name": NAMESPACE,
            "k8s.deployment.name": self.name,
            "k8s.pod.name": self.pod,
            "k8s.pod.uid": self.pod_uid,
            "k8s.container.name": self.name,
            "k8s.node.name": self.node,
        }
        if self.composition:
            attributes[f"k8s.pod.labels.{COMPOSITION_LABEL}"] = self.composition
        return attributes


@dataclass(frozen=True, slots=True)
class Shop:
    """All services by name."""

    services: dict[str, Service]

    def __getitem__(self, name: str) -> Service:
        return self.services[name]


_SERVICES = (
    # name, version, language, installed by the composition
    ("frontend", "2.14.0", "nodejs", False),
    ("cart", "1.9.3", "go", False),
    ("checkout", "3.2.1", "java", True),
    ("inventory", "1.4.0", "python", False),
    ("payment", "4.0.7", "go", True),
)


def open_shop(rng: random.Random) -> Shop:
    """The shop with pod names and uids drawn from `rng`."""
    composition = made_up_uid(rng)
    services = {}
    for index, (name, version, language, composed) in enumerate(_SERVICES):
        suffix = f"{rng.getrandbits(40):010x}-{rng.getrandbits(20):05x}"
        services[name] = Service(
            name=name,
            version=version,
            language=language,
            pod=f"{name}-{suffix}",
            pod_uid=made_up_uid(rng),
            node=NODES[index % len(NODES)],
            composition=composition if composed else "",
        )
    return Shop(services)


def made_up_uid(rng: random.Random) -> str:
    """A random UUID (version 4) that `rng` decides."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))
