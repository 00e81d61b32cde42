"""A tool as the window offers it, and one call of it.

In: what a tool is called, takes and does. Out: immutable `Tool`s; `Call`, by which a tool asks its questions. A tool
asks at `query.desk` and nowhere else, so scopes, shares and limits hold for it as for REST. Each question that a tool
asks is told to the caller as progress.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from identity.reader import Reader, Role
from mcp_server.finding import Finding
from query import desk
from query.parameters import Written
from query.reply import Reply

Schema: TypeAlias = Mapping[str, object]
Progress = Callable[[str], Awaitable[None]]
Ask = Callable[[str, Mapping[str, Written], Reader], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Call:
    """One call, with its arguments checked: names are known, values are of the right kind and within bounds."""

    arguments: Mapping[str, Written]
    reader: Reader
    desk: "desk.Desk"
    now: int
    """Unix nanoseconds."""
    progress: Progress
    stale_after: float = 300.0
    """Seconds by which telemetry may lie behind."""
    events_stale_after: float = 3600.0
    """The same for Kubernetes events, which are rare."""

    missing_shards: set[str] = field(default_factory=set)
    """Shards that did not answer a question of this call."""

    def stale_of(self, signal: str) -> float:
        """Seconds by which this signal may lie behind."""
        return self.events_stale_after if signal == "events" else self.stale_after

    async def ask(self, question: str, written: Mapping[str, Written | None]) -> Reply:
        """Ask a question. What is None or empty is not given. Raises a `query.errors.QuestionError`."""
        await self.progress(f"asking {question}")
        given = {name: value for name, value in written.items() if value is not None and value != ""}
        reply = await self.desk.ask_async(question, given, reader=self.reader)
        self.missing_shards.update(reply.missing_shards)
        return reply

    def text(self, name: str) -> str:
        """An argument, or an empty text."""
        return str(self.arguments.get(name, ""))

    def given(self, *names: str) -> dict[str, Written | None]:
        """These arguments, as far as they are given."""
        return {name: self.arguments[name] for name in names if name in self.arguments}

    @property
    def full(self) -> bool:
        """Whether everything is wanted, wide columns and longer cells too."""
        return self.arguments.get("detail") == "full"


Run = Callable[[Call], Awaitable[Finding]]


@dataclass(frozen=True, slots=True)
class Tool:
    """What a client may call."""

    name: str
    title: str
    description: str
    properties: Mapping[str, Schema]
    required: tuple[str, ...]
    toolsets: frozenset[str]
    run: Run
    role: Role = Role.VIEWER
    """What a reader must be to see it listed; the question itself refuses others."""
    pages: bool = True
    """Whether its rows have pages, and so a cursor."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """From a question's parameter to the argument that stands for it, for errors."""

    @property
    def input_schema(self) -> dict[str, object]:
        """JSON Schema of the arguments."""
        schema: dict[str, object] = {"type": "object", "properties": {**self.properties, **self.common}}
        if self.required:
            schema["required"] = list(self.required)
        return schema | {"additionalProperties": False}

    @property
    def common(self) -> dict[str, Schema]:
        """The arguments that all tools share."""
        return COMMON if self.pages else {name: one for name, one in COMMON.items() if name != "cursor"}


COMMON: dict[str, Schema] = {
    "detail": {"type": "string", "enum": ["summary", "full"], "description": "full: all columns."},
    "cursor": {"type": "string", "description": "From the answer before: its next rows."},
    "max_tokens": {"type": "integer", "minimum": 1000, "maximum": 15000},
}
