"""The workloads of a made-up Kubernetes cluster, with names as Kubernetes gives them.

In: a seed. Out: immutable `Workload`s and `Pod`s, the same for the same seed. Nothing is sent here.
"""

import random
import uuid
from dataclasses import dataclass, replace

MEBIBYTE = 1024 * 1024
NODES = ("node-1", "node-2", "node-3")
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""What Kubernetes makes the ends of names of, so that they are no words."""


@dataclass(frozen=True, slots=True)
class Workload:
    """One deployment or stateful set."""

    name: str
    namespace: str
    version: str = "1.4.2"
    replicas: int = 2
    memory: int = 160 * MEBIBYTE
    """Bytes that a pod uses when all is well."""
    limit: int = 512 * MEBIBYTE
    """Memory limit in bytes; 0 for none."""
    stateful: bool = False

    @property
    def image(self) -> str:
        """The image of its pods."""
        return f"registry.example.com/{self.namespace}/{self.name}:{self.version}"


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod of a workload."""

    workload: Workload
    name: str
    uid: str
    node: str

    @property
    def container(self) -> str:
        """The name of its one container."""
        return self.workload.name


WORKLOADS: tuple[Workload, ...] = (
    Workload("frontend", "shop", "5.2.0"),
    Workload("cart", "shop", "1.8.3"),
    Workload("checkout", "shop", "3.1.7"),
    Workload("recommendation", "shop", "2.40.1"),
    Workload("search", "shop", "7.0.4", memory=310 * MEBIBYTE, limit=768 * MEBIBYTE),
    Workload("inventory", "shop", "1.12.0"),
    Workload("payment", "payments", "2.3.9", replicas=3),
    Workload("ledger", "payments", "4.4.0", limit=512 * MEBIBYTE),
    Workload("mailer", "comms", "0.9.6"),
    Workload("orders-db", "data", "16.4", replicas=1, memory=700 * MEBIBYTE, limit=2048 * MEBIBYTE, stateful=True),
    Workload("report-builder", "analytics", "1.0.9", replicas=1, limit=0, memory=420 * MEBIBYTE),
    Workload("ingress-nginx", "ingress", "1.11.2"),
    Workload("otel-gateway", "observability", "0.112.0", replicas=1),
)
"""A dozen services over seven namespaces: what runs in every cluster of the set."""


class Names:
    """Draws the names of one cluster's objects."""

    def __init__(self, seed: str) -> None:
        self._draw = random.Random(seed)

    def uid(self) -> str:
        """A uid as Kubernetes makes them."""
        return str(uuid.UUID(int=self._draw.getrandbits(128), version=4))

    def ending(self, length: int) -> str:
        """The end of a generated name."""
        return "".join(self._draw.choice(_LETTERS) for _ in range(length))

    def pods(self, workload: Workload) -> tuple[Pod, ...]:
        """New pods of a workload: those of one replica set."""
        of_set = self.ending(10)
        names = (
            f"{workload.name}-{number}" if workload.stateful else f"{workload.name}-{of_set}-{self.ending(5)}"
            for number in range(workload.replicas)
        )
        start = self._draw.randrange(len(NODES))
        return tuple(
            Pod(workload, name, self.uid(), NODES[(start + place) % len(NODES)]) for place, name in enumerate(names)
        )

    def other_version(self, pods: tuple[Pod, ...], version: str) -> tuple[Pod, ...]:
        """As many pods of the same workload in another version."""
        return self.pods(replace(pods[0].workload, version=version))
