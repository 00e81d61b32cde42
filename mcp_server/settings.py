"""Settings of the window for agents: where it listens, which tools it shows, how large an answer may be.

In: plain values, read by the front desk. Out: one frozen `McpSettings`. Refuses unknown keys, values out of bounds, and
a password without the user that it is for.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from identity.token_record import RoleName

MEBIBYTE = 1024 * 1024

PATH = "/mcp"
"""Where the protocol is spoken at the window's port."""

Toolset = Literal["default", "pods", "telemetry", "changes", "sql", "agents", "catalogue", "house", "all"]
"""Groups of tools; `default` is the ones that most investigations need, `all` is every tool."""


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AgentSqlSettings(_Settings):
    """SQL that agents write themselves (`run_select_query`): by which user it runs, and what it may cost."""

    username: str = Field(
        default="",
        max_length=200,
        description="User at the ClickHouse server by whom agents' SQL runs; `otelhouse mcp-user` makes it. "
        "Empty refuses agents' SQL at a server. The embedded engine needs none: there such a statement "
        "runs in a session that may read telemetry and nothing else.",
    )
    password: SecretStr = Field(default=SecretStr(""), description="That user's password; never printed.")
    role: RoleName = Field(
        default=RoleName.VIEWER,
        description="What a reader must be to ask SQL of its own; a reader's scope holds for it as for any question.",
    )
    rows: int = Field(default=1000, ge=1, le=100_000, description="Rows that one statement may give.")
    seconds: float = Field(default=20.0, gt=0, le=600, description="Seconds that it may run in ClickHouse.")
    bytes_read: int = Field(
        default=10 * 1024**3, ge=MEBIBYTE, description="Bytes that ClickHouse may read for it, uncompressed."
    )
    memory_bytes: int = Field(
        default=512 * MEBIBYTE, ge=16 * MEBIBYTE, description="Memory in bytes that ClickHouse may use for it."
    )
    result_bytes: int = Field(
        default=16 * MEBIBYTE, ge=65_536, le=1024 * MEBIBYTE, description="Bytes that its rows may have."
    )
    at_once: int = Field(default=4, ge=1, le=64, description="Statements of agents that run at the same time.")

    @model_validator(mode="after")
    def _password_has_a_user(self) -> Self:
        if self.password.get_secret_value() and not self.username:
            raise ValueError("mcp.sql.password is set without mcp.sql.username: name the user that it is for")
        return self


class McpSettings(_Settings):
    """The window for agents (MCP) at `/mcp`."""

    host: str = Field(default="127.0.0.1", min_length=1, description="Address that MCP listens on.")
    port: int = Field(default=8000, ge=0, le=65535, description="TCP port of MCP; 0 takes a free one.")
    toolsets: Annotated[tuple[Toolset, ...], Field(min_length=1, max_length=9)] = Field(
        default=("default",),
        description="Groups of tools that are listed where a client names none with `?toolsets=` or the header "
        "`X-MCP-Toolsets`. `default` lists 20; a tool that is not listed can be called by its name all the same.",
    )
    answer_tokens: int = Field(
        default=4000,
        ge=1000,
        le=15_000,
        description="Tokens of an answer, text and structured content together, where the caller does not ask for more "
        "or fewer (`max_tokens`, at most 15,000). They are estimated, on the high side.",
    )
    stale_after_s: float = Field(
        default=300.0,
        ge=1,
        le=86_400,
        description="Seconds by which the newest telemetry may lie behind the end of a window. Beyond that an answer "
        "says that it is stale, and nothing in it passes for health.",
    )
    events_stale_after_s: float = Field(
        default=3600.0,
        ge=1,
        le=604_800,
        description="The same for Kubernetes events, of which a quiet cluster has few.",
    )
    mask_secrets: bool = Field(
        default=True,
        description="Blot out what looks like a credential (tokens, keys, passwords) before an agent sees it.",
    )
    max_body_bytes: int = Field(
        default=1024 * 1024, ge=4096, le=16 * MEBIBYTE, description="Bytes of a request, which is a tool's arguments."
    )
    sql: AgentSqlSettings = Field(default=AgentSqlSettings(), description="SQL that agents write themselves.")
