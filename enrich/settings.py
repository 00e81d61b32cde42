"""Settings of the enrichment: which clusters, which identity, how long anybody waits.

In: plain values, read by the front desk from file and environment. Out: one frozen `EnrichSettings`.
Refuses unknown keys and values out of bounds, naming the key. Every description says unit and reason.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from enrich.kubernetes_settings import ClusterConnection, KubernetesSettings
from enrich.service_name import ServiceNaming

MEBIBYTE = 1024 * 1024

COMPOSITION_LABEL = "krateo.io/composition-id"
COMPOSITION_GROUP = "composition.krateo.io"

MetadataKey = Annotated[str, Field(min_length=1, max_length=317, pattern=r"^[A-Za-z0-9._/-]+$")]
"""Key of a label or an annotation: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/."""
ApiGroup = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[a-z0-9.-]+$")]


class EnrichMode(StrEnum):
    """Whether telemetry is enriched."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ClusterIdentity(_Settings):
    """Which cluster telemetry comes from that does not say so itself."""

    name: str = Field(
        default="",
        max_length=253,
        description="`k8s.cluster.name` for telemetry that says nothing of its cluster, and comes by no token that "
        "does. Only for a house that one cluster sends to.",
    )
    uid: str = Field(
        default="",
        max_length=253,
        description="`k8s.cluster.uid` for the same telemetry: the uid of the cluster's namespace kube-system. "
        "Where the API server may be asked it is found out.",
    )
    override: bool = Field(
        default=False,
        description="Whether what the house knows of the cluster replaces what a sender says. A token bound to a "
        "cluster always does.",
    )


class CompositionSettings(_Settings):
    """How the Krateo composition is found that something belongs to."""

    label: MetadataKey = Field(
        default=COMPOSITION_LABEL,
        description="Label, and attribute of event records, that holds the id of the composition.",
    )
    groups: tuple[ApiGroup, ...] = Field(
        default=(COMPOSITION_GROUP,),
        max_length=16,
        description="API groups whose objects are compositions themselves: without a label, their own uid is the id.",
    )
    owner_depth: int = Field(
        default=5,
        ge=0,
        le=20,
        description="Owners of owners that are walked at most; a pod of a CronJob is three below what owns that.",
    )


class PodSettings(_Settings):
    """What is written of a pod, beside its names."""

    labels: tuple[MetadataKey, ...] = Field(
        default=(
            COMPOSITION_LABEL,
            "app.kubernetes.io/name",
            "app.kubernetes.io/instance",
            "app.kubernetes.io/version",
        ),
        max_length=64,
        description="Labels that are written as `k8s.pod.labels.<key>`. Each is stored with every record of the pod.",
    )
    annotations: tuple[MetadataKey, ...] = Field(
        default=(),
        max_length=64,
        description="Annotations that are written as `k8s.pod.annotations.<key>`; others are not even kept in memory, "
        "but for the one that `service_name` reads.",
    )
    service_name: ServiceNaming = Field(
        default=ServiceNaming.LABELS,
        description="What gives `service.name` to telemetry of a pod whose sender gave none, such as logs read from "
        "files. `labels`: the pod's annotation `resource.opentelemetry.io/service.name`, else its labels "
        "`app.kubernetes.io/instance` and `app.kubernetes.io/name`, else the name of its workload, else its own; "
        "`workload`: the same without the labels, where one release has several services; `none`: nothing does.",
    )
    by_peer_address: bool = Field(
        default=False,
        description="Whether a sender's network address may tell which pod it is. Only where pods send straight to "
        "the house: behind a collector, a proxy or a Service with address translation it is somebody else's.",
    )


class DirectorySettings(_Settings):
    """What is remembered of the clusters' objects."""

    max_objects: int = Field(
        default=300_000,
        ge=100,
        le=10_000_000,
        description="Objects at most, of all clusters, deleted ones included. Above it those deleted longest ago make "
        "room; then new ones are refused, and counted.",
    )
    max_bytes: int = Field(
        default=512 * MEBIBYTE,
        ge=MEBIBYTE,
        le=64 * 1024 * MEBIBYTE,
        description="The same in bytes, estimated. 50,000 pods take some 80 MiB.",
    )
    remember_s: float = Field(
        default=3600.0,
        ge=3600,
        le=7 * 86_400,
        description="Seconds for which a deleted object is remembered: events about its end come after it.",
    )
    address_grace_s: float = Field(
        default=60.0,
        ge=0,
        le=3600,
        description="Seconds for which the address of a pod that ended still means it, if no other pod has it.",
    )
    max_waiting: int = Field(
        default=100_000,
        ge=100,
        le=10_000_000,
        description="Objects that may wait to be written to `otel_k8s_objects`; more are left out until they change "
        "again, and counted.",
    )


class LookupSettings(_Settings):
    """Asking an API server for single objects that the watches have not brought."""

    found_s: float = Field(default=300.0, ge=1, le=86_400, description="Seconds for which what was found is good.")
    absent_s: float = Field(
        default=30.0,
        ge=1,
        le=86_400,
        description="Seconds for which nobody asks again for what was absent, denied or failed.",
    )
    at_once: int = Field(default=8, ge=1, le=256, description="Lookups under way at once, over all clusters.")
    waiting: int = Field(
        default=2_000,
        ge=1,
        le=1_000_000,
        description="Lookups that may wait for their turn; more are dropped, and counted.",
    )
    remembered: int = Field(default=20_000, ge=1, le=1_000_000, description="Answers remembered at most.")
    timeout_s: float = Field(default=10.0, gt=0, le=300, description="Seconds after which a lookup has failed.")


class EnrichSettings(_Settings):
    """Who telemetry is from: cluster, composition, workload."""

    mode: EnrichMode = Field(
        default=EnrichMode.AUTO,
        description="`auto`: on in a Kubernetes cluster, and wherever `enrich.clusters` or `enrich.cluster` say "
        "something; `on`: in any case; `off`: telemetry is stored as it comes.",
    )
    clusters: tuple[ClusterConnection, ...] = Field(
        default=(),
        max_length=100,
        description="Clusters whose API servers are asked: a list of `name`, `kubeconfig`, `context`, "
        "`service_account`. Empty in a cluster means that one.",
    )
    cluster: ClusterIdentity = Field(default=ClusterIdentity(), description="The cluster of those who do not say.")
    composition: CompositionSettings = Field(default=CompositionSettings(), description="Whose something is.")
    pod: PodSettings = Field(default=PodSettings(), description="What is written of a pod.")
    patience_ms: float = Field(
        default=50.0,
        ge=0,
        le=5_000,
        description="Milliseconds that one request waits at most, in all, for objects that are not known yet. What "
        "is found later counts for later requests, and for questions.",
    )
    directory: DirectorySettings = Field(default=DirectorySettings(), description="What is remembered.")
    lookups: LookupSettings = Field(default=LookupSettings(), description="Asking for single objects.")
    kubernetes: KubernetesSettings = Field(default=KubernetesSettings(), description="What API servers are asked for.")

    @field_validator("clusters")
    @classmethod
    def _names_differ(cls, clusters: tuple[ClusterConnection, ...]) -> tuple[ClusterConnection, ...]:
        named = [cluster.name for cluster in clusters if cluster.name]
        if twice := sorted({name for name in named if named.count(name) > 1}):
            raise ValueError(f"two clusters are called {', '.join(twice)}: give each a name of its own")
        return clusters

    def wanted(self, *, in_cluster: bool) -> bool:
        """Whether telemetry is to be enriched by a house that runs in a Kubernetes cluster, or does not."""
        if self.mode is EnrichMode.AUTO:
            return in_cluster or bool(self.clusters or self.cluster.name or self.cluster.uid)
        return self.mode is EnrichMode.ON

    def connections(self, *, in_cluster: bool) -> tuple[ClusterConnection, ...]:
        """The clusters whose API servers are asked: where none is set, the one that the house runs in."""
        if not self.wanted(in_cluster=in_cluster):
            return ()
        if self.clusters or not in_cluster:
            return self.clusters
        return (ClusterConnection(name=self.cluster.name),)
