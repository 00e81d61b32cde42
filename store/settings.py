"""Settings of the way to ClickHouse.

In: plain values, read by the front desk from file and environment. Out: one frozen `StoreSettings`.
Refuses unknown keys, addresses that are none and values out of bounds, naming the key. Credentials that stand
in the URL move into `username` and `password`, so that the URL may be printed.
"""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from store import address

MEBIBYTE = 1024 * 1024


class EngineSettings(BaseModel):
    """The embedded engine: what it may take from this process's machine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    memory_bytes: int = Field(
        default=700 * MEBIBYTE,
        ge=256 * MEBIBYTE,
        description="Bytes of memory above which the engine refuses work (an insert is then tried again, a question "
        "fails). The process needs about 300 MiB beside it.",
    )
    cache_bytes: int = Field(
        default=96 * MEBIBYTE,
        ge=16 * MEBIBYTE,
        description="Bytes for the engine's caches in all: marks and primary keys take most, since they make "
        "questions fast; the operating system caches the data itself.",
    )
    threads: int = Field(
        default=0, ge=0, le=256, description="Threads for one question, 0 for as many as the machine has cores."
    )
    merge_threads: int = Field(
        default=2,
        ge=1,
        le=64,
        description="Background merges at once. More keep up with heavier inserts and cost memory: about 100 MiB each.",
    )


class StoreSettings(BaseModel):
    """Which ClickHouse, and how to speak with it."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: str = Field(
        default="",
        description="Address of a ClickHouse server: clickhouse://USER:PASSWORD@HOST:9000/DATABASE?http_port=8123, "
        "or http://HOST:8123/DATABASE?native_port=9000. Empty for the embedded engine.",
    )
    path: Path = Field(
        default=Path("otelhouse-data"),
        description="Folder of the embedded engine; made if missing. One process holds it at a time.",
    )
    database: str = Field(
        default="default",
        min_length=1,
        max_length=200,
        description="Database of all tables. It must exist before a door is opened on it.",
    )
    username: str = Field(default="default", min_length=1, description="User at the server.")
    password: SecretStr = Field(default=SecretStr(""), description="The user's password; never printed.")
    cluster: str = Field(
        default="",
        max_length=100,
        pattern=r"^([A-Za-z_][A-Za-z0-9_-]*)?$",
        description="Name of the ClickHouse cluster, as `remote_servers` of each node has it, that the server at `url` "
        "is a node of: tables are then spread over its shards (docs/cluster.md). Empty for one server.",
    )
    compression: Literal["none", "lz4"] = Field(
        default="none",
        description="Compression of inserts on their way to the server. `none` costs no CPU and is right on one "
        "machine or a fast network; `lz4` for a slow or metered one.",
    )
    connect_timeout_s: float = Field(
        default=5.0, ge=1, le=300, description="Seconds to wait for a connection to the server."
    )
    insert_timeout_s: float = Field(
        default=120.0,
        ge=1,
        le=3600,
        description="Seconds to wait for the answer to an insert. After that its outcome is not known, and it is "
        "sent again with the same token.",
    )
    select_connections: int = Field(
        default=12,
        ge=1,
        le=256,
        description="Questions asked at the same time; more wait. Each holds a connection of its own. Live streams "
        "take up to five beside those of `query.concurrency`.",
    )
    insert_connections: int = Field(
        default=8, ge=1, le=256, description="Inserts at the same time; more wait. Each holds a connection of its own."
    )
    keep_free_bytes: int = Field(
        default=1024 * 1024 * 1024,
        ge=0,
        le=1024**5,
        description="Bytes that must stay free on each disk of ClickHouse. Below, nothing more is inserted: what comes "
        "waits in the spool, and when the spool may take no more, senders are asked to come again. Merges and the "
        "deletion of old rows need room to work in.",
    )
    low_free_ratio: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Part of a disk of ClickHouse that should be free: below, `/readyz` says `degraded`.",
    )
    engine: EngineSettings = Field(default=EngineSettings(), description="The embedded engine's share of the machine.")

    @model_validator(mode="before")
    @classmethod
    def _take_credentials_from_url(cls, values: object) -> object:
        if not isinstance(values, dict) or not isinstance(values.get("url"), str) or not values["url"]:
            return values
        found = address.credentials(values["url"])
        taken = {"url": address.without_credentials(values["url"])}
        for key in ("username", "password", "database"):
            if not (value := getattr(found, key)):
                continue
            said = values.get(key)
            said = said.get_secret_value() if isinstance(said, SecretStr) else said
            if said not in (None, "", value):
                raise ValueError(f"url and {key} name two different {key}s: give one of them")
            taken[key] = value
        return {**values, **taken}

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        if url:
            address.parse(url)
        return url

    @model_validator(mode="after")
    def _a_cluster_has_an_address(self) -> Self:
        if self.cluster and not self.url:
            raise ValueError("cluster: the embedded engine is no cluster; give `url`, the address of a node")
        return self

    @property
    def embedded(self) -> bool:
        """True if the engine runs in this process."""
        return not self.url

    @property
    def address(self) -> address.Address:
        """The server's address; only where `embedded` is false."""
        return address.parse(self.url)
