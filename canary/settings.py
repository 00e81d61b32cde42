"""Settings of the canary: how often it sends, for whom, by which doors, and what counts as late and as lost.

In: plain values, read by the front desk from file and environment. Out: one frozen `CanarySettings`.
Refuses unknown keys and values out of bounds, naming the key.
"""

from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

_Cluster = Annotated[str, Field(min_length=1, max_length=253)]
_Url = Annotated[str, Field(max_length=2048, pattern=r"^(https?://[^\s/?#@]+(/\S*)?)?$")]
MOST_CLUSTERS = 10
_HERE = "Empty for the house with these settings."


class CanarySettings(BaseModel):
    """What proves the whole way, every minute."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = Field(
        default=True,
        description="Whether `otelhouse up` runs a canary in its process, and `otelhouse serve` gives alarm where "
        "those of other processes write nothing down. The command `otelhouse canary` runs one by itself, whatever "
        "stands here.",
    )
    period_s: float = Field(default=60.0, ge=0.5, le=3600, description="Seconds between the beginnings of two beats.")
    clusters: tuple[_Cluster, ...] = Field(
        default=(),
        max_length=MOST_CLUSTERS,
        description="Names of the clusters that it sends for, each a beat of its own. Empty for those that the house "
        "knows (`enrich.cluster.name`, `enrich.clusters`; ten at most), or none.",
    )
    late_s: float = Field(
        default=15.0,
        gt=0,
        le=3600,
        description="Seconds after which what is found is late: told, and no alarm.",
    )
    give_up_s: float = Field(
        default=40.0,
        gt=0,
        le=3600,
        description="Seconds after which what was not found is lost. A broken leg is named after a period and this.",
    )
    timeout_s: float = Field(default=10.0, gt=0, le=120, description="Seconds that one request may take.")
    silent_after: int = Field(
        default=3, ge=2, le=100, description="Periods without a finished beat after which the canary counts as silent."
    )
    spot_every: int = Field(
        default=5, ge=1, le=1000, description="Of so many beats one is remembered, and looked for again later."
    )
    spot_hours: float = Field(
        default=4.0, ge=0, le=168, description="Hours for which it is looked for again; 0 looks for none."
    )
    grpc_url: _Url = Field(default="", description=f"Where OTLP/gRPC is, such as http://ingest:4317. {_HERE}")
    http_url: _Url = Field(default="", description=f"Where OTLP/HTTP is, such as http://ingest:4318. {_HERE}")
    rest_url: _Url = Field(default="", description=f"Where questions and streams are. {_HERE}")
    mcp_url: _Url = Field(default="", description=f"Where agents ask, with its path. {_HERE}")
    without_mcp: bool = Field(default=False, description="Leave MCP out, where no process answers agents.")
    ingest_token: SecretStr = Field(
        default=SecretStr(""),
        description="Ingest token to show. Without it, `otelhouse canary` shows what `client` says, and the canary of "
        "`otelhouse up` a token of its own.",
    )
    ingest_token_file: Path | None = Field(default=None, description="File with the ingest token; beats the token.")
    read_token: SecretStr = Field(
        default=SecretStr(""), description="Read token to show; the role viewer is enough. Without it, as above."
    )
    read_token_file: Path | None = Field(default=None, description="File with the read token; beats the token.")
    dead_man_url: SecretStr = Field(
        default=SecretStr(""),
        description="Address outside of the house that is asked (GET) after each beat: as it stands when all is well, "
        "with /fail behind its path when a leg is broken. Who runs it gives alarm when nothing comes any more.",
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.late_s > self.give_up_s:
            raise ValueError("canary.late_s is above canary.give_up_s: nothing could ever be late, only lost")
        url = self.dead_man_url.get_secret_value()
        if url and (urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname):
            raise ValueError("canary.dead_man_url must be an http or https address, such as https://hc.example/ID")
        return self
