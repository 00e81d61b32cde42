"""What an agent and the window say to each other, over a real client of the protocol, with every token counted.

In: the address of a window, toolsets. Out: the instructions, the list of tools, and answers. Tokens are those of
`mcp_server.tokens`: of the text of an answer, which is what clients hand a model, and of the call that the model wrote
for it; the structured content that comes beside the text is counted apart, and so are instructions and list of tools,
which a model reads once.
"""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from mcp_server import tokens

SECONDS = 60.0
"""That an answer may take."""

Arguments = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool said."""

    tool: str
    text: str
    structured: Mapping[str, object]
    failed: bool


@dataclass(frozen=True, slots=True)
class Offered:
    """What a client learns when it connects."""

    instructions: str
    tools: Mapping[str, Mapping[str, object]]
    """The arguments of each tool, as JSON Schema, in the order in which tools are listed."""
    tokens: int
    """Of the instructions and of the list, as JSON."""


@dataclass(slots=True)
class Spent:
    """What one investigation cost."""

    calls: list[str] = field(default_factory=list)
    tokens: int = 0
    """Of the calls and of the texts of their answers."""
    structured: int = 0
    """Of the structured content of the answers, for clients that hand a model that as well."""


class Conversation:
    """One client that is connected."""

    def __init__(self, client: Client, offered: Offered) -> None:
        self._client = client
        self.offered = offered
        self.spent = Spent()

    async def call(self, tool: str, arguments: Arguments) -> Answer:
        """Call a tool."""
        result = await self._client.call_tool(tool, dict(arguments))
        text = "\n".join(one.text for one in result.content if one.type == "text")
        structured = result.structured_content or {}
        written = f"{tool} {json.dumps(arguments)}"
        self.spent.calls.append(written)
        self.spent.tokens += tokens.estimate(written) + tokens.estimate(text)
        self.spent.structured += tokens.estimate(json.dumps(structured, ensure_ascii=False, separators=(",", ":")))
        return Answer(tool, text, structured, bool(result.is_error))


@asynccontextmanager
async def begun(url: str, toolsets: str = "default") -> AsyncIterator[Conversation]:
    """Connect, and read what there is."""
    async with (
        httpx2.AsyncClient(timeout=SECONDS) as http,
        Client(streamable_http_client(f"{url}?toolsets={toolsets}", http_client=http)) as client,
    ):
        yield Conversation(client, await _read(client))


async def _read(client: Client) -> Offered:
    listed = (await client.list_tools()).tools
    instructions = client.instructions or ""
    as_json = json.dumps([_as_a_model_sees(one.model_dump(by_alias=True, exclude_none=True)) for one in listed])
    tools = {one.name: one.input_schema for one in listed}
    return Offered(instructions, tools, tokens.estimate(instructions) + tokens.estimate(as_json))


def _as_a_model_sees(tool: Mapping[str, object]) -> dict[str, object]:
    """Name, description and arguments; titles, annotations and output schemas are for programs."""
    return {name: tool[name] for name in ("name", "description", "inputSchema")}
