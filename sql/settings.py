"""Settings of the tables: how long rows are kept, and how far back a retry is recognised.

In: plain values, read by the front desk from file and environment. Out: one frozen `SchemaSettings`. Refuses unknown
keys and values out of bounds, naming the key. Which database the tables stand in is the store's setting.
"""

from pydantic import BaseModel, ConfigDict, Field

_DAYS = "Days after which {} are deleted, counted from their own time. 0 keeps them for ever, and the disk fills up."
_MAX_DAYS = 36_500


class RetentionSettings(BaseModel):
    """How long rows are kept. On by default: a disk that fills up stops the whole house."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    logs_days: int = Field(default=30, ge=0, le=_MAX_DAYS, description=_DAYS.format("log records"))
    traces_days: int = Field(default=30, ge=0, le=_MAX_DAYS, description=_DAYS.format("spans"))
    metrics_days: int = Field(default=30, ge=0, le=_MAX_DAYS, description=_DAYS.format("metric data points"))
    events_days: int = Field(
        default=90,
        ge=0,
        le=_MAX_DAYS,
        description=_DAYS.format("Kubernetes events") + " Longer than logs, since events are few and say what changed. "
        "They go by whole weeks.",
    )
    objects_days: int = Field(
        default=90,
        ge=0,
        le=_MAX_DAYS,
        description="Days after which what is known of a Kubernetes object is deleted, counted from when it was last "
        "seen. 0 keeps it for ever. As long as events, logs, spans and metrics: it tells which workload and "
        "composition they are of.",
    )
    dead_letters_days: int = Field(
        default=30,
        ge=0,
        le=_MAX_DAYS,
        description=_DAYS.format("dead letters").replace("their own time", "when they were written")
        + " Until then they can be sent again.",
    )
    audit_days: int = Field(
        default=400,
        ge=0,
        le=_MAX_DAYS,
        description=_DAYS.format("audit deeds") + " More than a year, so that a yearly review finds all of it. They go "
        "by whole months.",
    )
    canary_days: int = Field(
        default=30,
        ge=0,
        le=_MAX_DAYS,
        description=_DAYS.format("results of the canary") + " They go by whole weeks.",
    )


class SchemaSettings(BaseModel):
    """What `otelhouse migrate` makes of the tables."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    retention: RetentionSettings = Field(default=RetentionSettings(), description="How long rows are kept.")
    deduplication_window: int = Field(
        default=10_000,
        ge=100,
        le=1_000_000,
        description="Inserted blocks that each table remembers, to drop a retry of one. An insert is one block for "
        "each day (each week for events) it touches, so it should be above inserts a second x 2 x the longest time "
        "until a retry. A block costs some 100 bytes of memory.",
    )
    deduplication_seconds: int = Field(
        default=3600,
        ge=60,
        le=604_800,
        description="Seconds for which replicated tables remember a block; the longest time until a retry.",
    )
    fsync_inserts: bool = Field(
        default=True,
        description="An INSERT is answered only when its rows are on the disk: ClickHouse fsyncs the files and folders "
        "that it wrote. Off, a power cut takes back what was acknowledged in the last half minute or so. It costs some "
        "5 to 10 % where the disk takes 0.1 ms for an fsync, and one part costs up to 185 of them. Not for tables that "
        "somebody else made, nor where ClickHouse keeps its parts in object storage.",
    )
    replicated: bool = Field(
        default=True,
        description="In a cluster (`store.cluster`), make Replicated tables: each shard has a copy on each of its "
        "replicas, and goes on while one of them answers. It takes ClickHouse Keeper, and the macros `shard` and "
        "`replica` on every node. Off only where each shard is one node.",
    )
    lock_wait_seconds: float = Field(
        default=90.0,
        ge=0,
        le=3600,
        description="Seconds to wait for another migrator. Above 60, it outlives the lock of one that died.",
    )
