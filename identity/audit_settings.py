"""Settings of the audit trail: where its lines go, and how much of it is kept.

In: plain values, read by the front desk. Out: one frozen `AuditSettings`. Refuses unknown keys and values out of
bounds. How long ClickHouse keeps its copy is a setting of the tables.
"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class AuditSettings(BaseModel):
    """Who did what, as JSON lines that are only ever added."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: Path | None = Field(
        default=None,
        description="File of the audit trail. Empty: `audit.jsonl` in the data folder on the embedded engine; with a "
        "ClickHouse server our own log, as messages of the logger `otelhouse.audit`, since a pod's files go with it.",
    )
    max_bytes: int = Field(
        default=16 << 20,
        ge=1 << 16,
        le=1 << 30,
        description="Bytes after which the file becomes `FILE.1` and a new one begins; some 40,000 deeds in 16 MiB.",
    )
    max_files: int = Field(
        default=20,
        ge=2,
        le=1000,
        description="Files that are kept, the newest included; the oldest goes when there are more. ClickHouse's copy "
        "stays as long as `sql.retention.audit_days` says.",
    )
