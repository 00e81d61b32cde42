"""Settings of the OTLP doors and of the batches behind them.

In: plain values, read by the front desk from file and environment. Out: one frozen `IngestSettings`.
Refuses unknown keys and values out of bounds, naming the key. Every description says unit and reason.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

MEBIBYTE = 1024 * 1024

Host = Annotated[str, Field(min_length=1, max_length=255)]
Port = Annotated[int, Field(ge=0, le=65_535)]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


Connections = Annotated[
    int,
    Field(
        ge=1,
        le=1_000_000,
        description="Connections at once. Above it the one that has been idle for longest makes room, where there is "
        "one; otherwise the new one is refused. The process needs as many open files.",
    ),
]
ConnectionsPerAddress = Annotated[
    int,
    Field(
        ge=1,
        le=1_000_000,
        description="The same for one address, so that one sender cannot take all. Behind a load balancer or NAT that "
        "hides theirs, many senders have one address.",
    ),
]


WriteTimeout = Annotated[
    float,
    Field(
        gt=0,
        le=3600,
        description="Seconds that a sender may leave an answer unread before its connection is cut off.",
    ),
]


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
    write_timeout_s: WriteTimeout = 30.0
    max_streams_per_connection: int = Field(
        default=256,
        ge=1,
        le=100_000,
        description="Requests at once on one connection; a sender's library keeps back what is more. A request that "
        "waits to be read holds up to 64 KiB beside `memory_bytes`, so this and the connections bound what a flood "
        "takes.",
    )
    max_connections: Connections = 2000
    max_connections_per_address: ConnectionsPerAddress = 1000


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
    write_timeout_s: WriteTimeout = 30.0
    max_connection_age_s: float = Field(
        default=1800.0,
        gt=0,
        le=604_800,
        description="Seconds after which a connection is closed with its next answer (up to 10 % more, at random): "
        "this is how long-lived senders spread over new replicas behind a load balancer.",
    )
    max_connections: Connections = 2000
    max_connections_per_address: ConnectionsPerAddress = 1000


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


class SpoolMode(StrEnum):
    """When requests are written to the spool."""

    WHEN_NEEDED = "when_needed"
    ALWAYS = "always"
    NEVER = "never"


class SpoolSettings(_Settings):
    """The place on disk for what ClickHouse cannot take now. What it holds was acknowledged, so it is never dropped."""

    mode: SpoolMode = Field(
        default=SpoolMode.WHEN_NEEDED,
        description="`when_needed`: an OK means that ClickHouse holds the rows, or, when it is away or slow, that the "
        "spool does. `always`: an OK means that the spool holds them, which is quicker and survives the end of this "
        "process at any moment. `never`: no spool; senders are told to come back while ClickHouse is away.",
    )
    path: Path | None = Field(
        default=None,
        description="Folder of the spool; made if missing, held by one process at a time. Not given, it is `spool` in "
        "`store.path`. On a disk that outlives the process: a volume in a cluster.",
    )
    max_bytes: int = Field(
        default=8 * 1024 * MEBIBYTE,
        ge=MEBIBYTE,
        le=1024 * 1024 * 1024 * MEBIBYTE,
        description="Bytes that the spool may take; above it senders are asked to come again. Some 250 bytes a flat "
        "log record.",
    )
    max_age_s: float = Field(
        default=259_200.0,
        ge=60,
        le=31_536_000,
        description="Seconds after which the oldest rows must have reached ClickHouse; from then on senders are asked "
        "to come again, since something is wrong for good.",
    )
    keep_free_bytes: int = Field(
        default=512 * MEBIBYTE,
        ge=0,
        le=1024 * 1024 * 1024 * MEBIBYTE,
        description="Bytes of the disk that the spool leaves to others; above it senders are asked to come again.",
    )
    patience_s: float = Field(
        default=3.0,
        ge=0.1,
        le=300,
        description="Seconds that a sender waits for ClickHouse before its request goes to the spool instead.",
    )


class IngestSettings(_Settings):
    """Everything about OTLP coming in."""

    grpc: GrpcSettings = Field(default_factory=GrpcSettings, description="The OTLP/gRPC door.")
    http: HttpSettings = Field(default_factory=HttpSettings, description="The OTLP/HTTP door.")
    batch: BatchSettings = Field(default_factory=BatchSettings, description="When rows that wait are written.")
    spool: SpoolSettings = Field(default_factory=SpoolSettings, description="What ClickHouse cannot take now.")
    resend_window_s: float = Field(
        default=0.0,
        ge=0,
        le=86_400,
        description="Seconds for which a request is remembered after its OK, so that the very same bytes from the same "
        "sender are not stored again: a sender whose answer was lost sends them once more. 0 remembers nothing. Only "
        "with `spool.mode: always` does it hold through a kill of this process as well. A sender that means to send "
        "the same bytes twice loses the second.",
    )
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
    sender_share: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Part of `memory_bytes`, of `max_concurrent_requests` and of the turns to be received over gRPC "
        "that one sender (a token, or an address without one) may hold while others are active; above it that sender "
        "is asked to come again. An eighth is kept for newcomers, so a sender alone may hold seven. A single request "
        "may take what is free.",
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

    @model_validator(mode="after")
    def _spool_fits(self) -> Self:
        least = 2 * max(self.max_request_bytes, self.batch.max_bytes)
        if self.spool.mode is not SpoolMode.NEVER and self.spool.max_bytes < least:
            message = (
                f"spool.max_bytes ({self.spool.max_bytes}) must be at least {least}, twice max_request_bytes and twice "
                "batch.max_bytes, or what it is for would never fit; raise it or lower the others"
            )
            raise ValueError(message)
        if self.resend_window_s and self.spool.mode is SpoolMode.NEVER:
            raise ValueError("resend_window_s needs the spool's folder: set spool.mode, or resend_window_s: 0")
        return self
