"""Settings of what is read from the Kubernetes API servers.

In: plain values, read by the front desk from file and environment. Out: a frozen `ClusterConnection` for each cluster,
and one frozen `KubernetesSettings` for all of them. Refuses unknown keys, values out of bounds, and a context without a
kubeconfig that it stands in.
"""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where Kubernetes puts a pod's token and CA:
https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/#directly-accessing-the-rest-api"""

ResourceName = Annotated[str, Field(max_length=320, pattern=r"^([a-z0-9-]+(\.[a-z0-9.-]+)?|\*\.[a-z0-9.-]+)$")]
"""A kind of object as kubectl writes it, ``pods`` or ``deployments.apps``; ``*.example.org`` is all of an API group."""


class PodDetail(StrEnum):
    """What is read of a pod beside its metadata."""

    METADATA = "metadata"
    ADDRESSES = "addresses"
    CONTAINERS = "containers"


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ClusterConnection(_Settings):
    """One cluster whose API server is asked. Without `kubeconfig` it is the cluster that the house runs in."""

    name: str = Field(
        default="",
        max_length=253,
        description="What people call the cluster: `k8s.cluster.name`. Nothing in Kubernetes knows it; empty: what the "
        "kubeconfig calls it.",
    )
    kubeconfig: Path | None = Field(
        default=None, description="File with the address and the credentials; none is the house's own cluster."
    )
    context: str = Field(default="", max_length=253, description="Context in that file; empty is its current one.")
    service_account: Path = Field(
        default=SERVICE_ACCOUNT,
        description="Without a kubeconfig: the folder with `token` and `ca.crt`, read again as the token is renewed.",
    )

    @model_validator(mode="after")
    def _check_context(self) -> Self:
        if self.context and self.kubeconfig is None:
            raise ValueError("a context needs a kubeconfig that it stands in: set kubeconfig as well")
        return self


class KubernetesSettings(_Settings):
    """Which clusters are watched, for what, and how patiently."""

    kinds: tuple[ResourceName, ...] = Field(
        default=(
            "namespaces",
            "nodes",
            "pods",
            "services",
            "daemonsets.apps",
            "deployments.apps",
            "replicasets.apps",
            "statefulsets.apps",
            "cronjobs.batch",
            "jobs.batch",
        ),
        max_length=200,
        description="The kinds of object that are watched, as kubectl writes them; `*.example.org` is all of an API "
        "group. Those of `enrich.composition.groups` come on top. Each takes a connection and a thread in each "
        "cluster.",
    )
    max_kinds: int = Field(
        default=200,
        ge=1,
        le=2000,
        description="The most kinds that are watched in one cluster, whatever an API group has. Those beyond it are a "
        "problem in `/readyz`; their objects are only known as far as they are looked up.",
    )
    pod_detail: PodDetail = Field(
        default=PodDetail.ADDRESSES,
        description="What is read of a pod: `metadata` alone; `addresses` as well: its IP and its node, from the "
        "table that `kubectl get pods -o wide` shows; `containers` too: all its IPs and the ids of its containers, "
        "for which the API server has to send whole pods, several times the bytes.",
    )
    page_size: int = Field(
        default=500,
        ge=10,
        le=5000,
        description="Objects in one page of a list. Memory at a start grows with it, requests shrink.",
    )
    watch_s: float = Field(
        default=600.0,
        ge=1,
        le=3600,
        description="Seconds after which the API server is asked to end a watch, give or take a quarter; it goes on "
        "where it was. Some watches fall silent for good, and rights that were taken away are noticed only here.",
    )
    quiet_s: float = Field(
        default=150.0,
        ge=1,
        le=3600,
        description="Seconds without a byte after which a watch is cut off and begun again. API servers send "
        "something every minute or so.",
    )
    request_s: float = Field(
        default=30.0, ge=0.1, le=300, description="Seconds that an API server may take to answer, or be silent, a page."
    )
    retry_s: float = Field(
        default=0.5,
        gt=0,
        le=60,
        description="Seconds before the first new attempt after a failure; then twice as many.",
    )
    max_retry_s: float = Field(
        default=60.0,
        gt=0,
        le=3600,
        description="The most seconds between two attempts, and between two of what was forbidden.",
    )
    discover_s: float = Field(
        default=300.0,
        ge=0.1,
        le=86_400,
        description="Seconds between two looks at which kinds the cluster has, and which cluster it is.",
    )

    def and_groups(self, groups: Sequence[str]) -> Self:
        """The same, with all kinds of these API groups watched as well."""
        return self.model_copy(update={"kinds": (*self.kinds, *(f"*.{group}" for group in groups))})
