"""Settings of the OTLP doors and of the batches behind them.

In: plain values, read by the front desk from file and environment. Out: one frozen `IngestSettings`.
Refuses unknown keys and values out of bounds, naming the key. Every description says unit and reason.
"""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

MEBIBYTE = 1024 * 1024

Host = Annotated[str, Field(min_length=1, max_length=255)]
Port = Annotated[int, Field(ge=0, le=65_535)]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class GrpcSettings(_Settings):
    """The OTLP/gRPC door."""

    host: Host = Field(
        default="127.0.0.1",
        description="Address to listen on. Loopback unless told otherwise, since the door asks nobody who "
        "they are; "
        "0.0.0.0 or :: in a cluster.",
    )
    port: Port = Field(default=4317, description="TCP port; 4317 is OTLP/gRPC's own, 0 takes a free one.")
    keepalive_time_s: float = Field(
        default=60.0,
        ge=1,
        le=7200,
        description="Seconds of silence after which the door asks a sender whether it is still there.",
    )
    keepalive_timeout_s: float = Field(
        default=20.0, ge=1, le=600, description="Seconds that a sender may take to answer a keepalive."
    )
    min_ping_interval_s: float = Field(
        default=10.0,
        ge=0.1,
        le=600,
        description="Seconds that must lie between a sender's own keepalive pings. gRPC's 5 minutes would "
        "cut off SDKs "
        "that ping every 10 to 30 seconds.",
    )
    max_connection_idle_s: float = Field(
        default=900.0,
        ge=1,
        le=86_400,
        description="Seconds without a request after which a connection is closed.",
    )
    max_connection_age_s: float = Field(
        default=1800.0,
        ge=1,
        le=604_800,
        description="Seconds after which a connection is asked to come anew (gRPC adds up to 10 % at "
        "random): this is "
        "how long-lived senders spread over new replicas behind a load balancer.",
    )
    max_connection_age_grace_s: float = Field(
        default=60.0, ge=1, le=3600, description="Seconds that requests under way have to end at that moment."
    )


class HttpSettings(_Settings):
    """The OTLP/HTTP door."""

    host: Host = Field(
        default="127.0.0.1",
        description="Address to listen on. Loopback unless told otherwise, since the door asks nobody who "
        "they are; "
        "0.0.0.0 or :: in a cluster.",
    )
    port: Port = Field(default=4318, description="TCP port; 4318 is OTLP/HTTP's own, 0 takes a free one.")
    keep_alive_s: int = Field(
        default=75,
        ge=1,
        le=3600,
        description="Seconds an idle connection stays open. More than the 60 seconds between an SDK's "
        "metric exports, "
        "or a request could meet a connection that is just closing.",
    )


class BatchSettings(_Settings):
    """When rows that wait are written: whatever comes first."""

    max_bytes: int = Field(
        default=16 * MEBIBYTE,
        ge=64 * 1024,
        le=256 * MEBIBYTE,
        description="Bytes of protobuf in one INSERT. Larger means fewer parts in ClickHouse and more memory here.",
    )
    max_items: int = Field(
        default=100_000,
        ge=1,
        le=1_000_000,
        description="Log records, spans or data points in one INSERT; ClickHouse cuts blocks at about a million rows.",
    )
    max_age_ms: int = Field(
        default=500,
        ge=1,
        le=60_000,
        description="Milliseconds the oldest row of a batch waits; beside a running INSERT of the same signal up to "
        "5 times that. A sender waits as long for its answer, so it bounds what a sender with one request at a time "
        "can reach.",
    )
    in_flight: int = Field(
        default=4,
        ge=1,
        le=64,
        description="INSERTs under way at once; each holds its batch in memory and a connection to ClickHouse.",
    )


class IngestSettings(_Settings):
    """Everything about OTLP coming in."""

    grpc: GrpcSettings = Field(default_factory=GrpcSettings, description="The OTLP/gRPC door.")
    http: HttpSettings = Field(default_factory=HttpSettings, description="The OTLP/HTTP door.")
    batch: BatchSettings = Field(default_factory=BatchSettings, description="When rows that wait are written.")
    max_request_bytes: int = Field(
        default=64 * MEBIBYTE,
        ge=1024,
        le=1024 * MEBIBYTE,
        description="Bytes of one request, before and after decompression alike. 64 MiB is what the OTLP "
        "specification recommends. Over gRPC as many requests are received at once as fit into `memory_bytes` at this "
        "size, since gRPC does not tell the size before; lower it where many senders have slow lines.",
    )
    max_response_bytes: int = Field(
        default=4 * MEBIBYTE,
        ge=1024,
        le=64 * MEBIBYTE,
        description="Bytes of one answer; a message that does not fit is cut. 4 MiB is what the OTLP "
        "specification "
        "recommends and what gRPC clients take by default.",
    )
    max_concurrent_requests: int = Field(
        default=1000,
        ge=1,
        le=100_000,
        description="Requests that each door works on at once; above it senders are asked to come again. A "
        "request "
        "waits for ClickHouse, so this is senders a second times seconds a batch takes.",
    )
    read_timeout_s: float = Field(
        default=30.0,
        gt=0,
        le=3600,
        description="Seconds a request may take to arrive; a sender that stalls must not hold memory for ever.",
    )
    memory_bytes: int = Field(
        default=192 * MEBIBYTE,
        ge=MEBIBYTE,
        le=1024 * 1024 * MEBIBYTE,
        description="Bytes that all requests together may hold, from their arrival to ClickHouse's OK; above it "
        "senders are asked to come again. To be read, a request needs some 6 times its size for a moment, as JSON 16 "
        "times, with arrays or maps as values 26 times, and each of those over 64 KiB 80 times its own size. A request "
        "that needs more than all of this is read only while nothing else is held, and takes what it takes; only one "
        "array or map that alone needs more is refused for good. The process itself needs about 75 MiB more, and what "
        "is just being received over gRPC at most as much again as this.",
    )

    @model_validator(mode="after")
    def _largest_request_fits(self) -> Self:
        if self.memory_bytes < 2 * self.max_request_bytes:
            message = (
                f"memory_bytes ({self.memory_bytes}) must be at least twice max_request_bytes "
                f"({self.max_request_bytes}): a compressed request and its contents are held together; "
                "raise the one or lower the other"
            )
            raise ValueError(message)
        return self
