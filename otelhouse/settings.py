"""The tree of all settings: one branch a room, one for the front desk itself.

Each room says in its own `settings.py` what can be set and within which bounds; here they are only put side
by side. `otelhouse.configuration` fills the tree.
"""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from canary.settings import CanarySettings
from enrich.settings import EnrichSettings
from identity.settings import IdentitySettings
from ingest.settings import IngestSettings
from mcp_server.settings import McpSettings
from otelhouse.client_settings import ClientSettings
from otelhouse.own_settings import OwnTelemetrySettings
from query.settings import QuerySettings
from sql.settings import SchemaSettings
from sse_proxy.settings import StreamSettings
from store.settings import StoreSettings


class LogLevel(StrEnum):
    """How much is told on standard error."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """How a line of our own log is written."""

    TEXT = "text"
    JSON = "json"


class LogSettings(BaseModel):
    """Our own log, on standard error: one line an event, never the contents of telemetry, never a secret."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    level: LogLevel = Field(default=LogLevel.INFO, description="The least severe line that is written.")
    format: LogFormat = Field(
        default=LogFormat.TEXT,
        description="`text`: time, level, logger and message, for people; `json`: an object a line.",
    )


class ProcessSettings(BaseModel):
    """How the process starts and ends."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    store_wait_s: float = Field(
        default=300.0,
        ge=0,
        le=86_400,
        description="Seconds that a start waits for a ClickHouse server that does not answer. Nothing listens "
        "meanwhile, so senders keep what they have. Then the process ends with an error, for a supervisor to see. A "
        "process that receives and has a spool does not wait: it opens its doors, and goes on trying behind them.",
    )
    shutdown_s: float = Field(
        default=45.0,
        ge=1,
        le=3600,
        description="Seconds that a shutdown may take in all, the last inserts included; longer ends it "
        "with an error. Kubernetes' grace period should be a little more.",
    )


class Settings(BaseModel):
    """Everything that can be set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    store: StoreSettings = Field(default=StoreSettings(), description="Which ClickHouse.")
    sql: SchemaSettings = Field(default=SchemaSettings(), description="What the tables keep.")
    ingest: IngestSettings = Field(default=IngestSettings(), description="OTLP coming in.")
    enrich: EnrichSettings = Field(default=EnrichSettings(), description="Who telemetry is from.")
    query: QuerySettings = Field(default=QuerySettings(), description="Questions and their REST window.")
    streams: StreamSettings = Field(default=StreamSettings(), description="Live streams over SSE and WebSocket.")
    mcp: McpSettings = Field(default=McpSettings(), description="The window for agents, over MCP.")
    identity: IdentitySettings = Field(default=IdentitySettings(), description="Who may do what.")
    canary: CanarySettings = Field(default=CanarySettings(), description="What proves the whole way, every minute.")
    own_telemetry: OwnTelemetrySettings = Field(
        default=OwnTelemetrySettings(), description="What the house tells of itself, as OTLP."
    )
    process: ProcessSettings = Field(default=ProcessSettings(), description="Start and end.")
    log: LogSettings = Field(default=LogSettings(), description="The house's own log.")
    client: ClientSettings = Field(default=ClientSettings(), description="Commands that speak to a running house.")
