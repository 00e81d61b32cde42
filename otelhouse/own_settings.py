"""Settings of what the house tells of itself as telemetry.

In: plain values, read by the front desk. Out: one frozen `OwnTelemetrySettings`. Refuses unknown keys, and an address
that is none of OTLP/HTTP.
"""

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

ITSELF = "self"


class OwnTelemetrySettings(BaseModel):
    """The house's own log lines, figures, and spans of what it asks of ClickHouse, as OTLP."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    to: str = Field(
        default="",
        max_length=2048,
        description="Where they go: `self` for this house's own tables, the base address of an OTLP/HTTP receiver such "
        "as http://collector:4318, or empty for nowhere. `/metrics` and the log on standard error are there in any "
        "case. What goes to `self` is left out of answers and streams, but for service `otelhouse-self`.",
    )
    token_file: Path | None = Field(
        default=None, description="File with the bearer token for that receiver; not for `self`."
    )
    interval_s: float = Field(default=15.0, ge=1, le=3600, description="Seconds between two sendings.")
    max_spans: int = Field(
        default=2000, ge=0, le=100_000, description="Spans kept until the next sending; more are counted and dropped."
    )
    max_logs: int = Field(
        default=2000,
        ge=0,
        le=100_000,
        description="Log lines kept until then; more are counted and dropped.",
    )

    @field_validator("to")
    @classmethod
    def _is_somewhere(cls, to: str) -> str:
        if to in {"", ITSELF}:
            return to
        parts = urlsplit(to)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(
                f"{to!r} is neither `self` nor the base address of an OTLP/HTTP receiver, http://HOST:4318"
            )
        return to.rstrip("/")
