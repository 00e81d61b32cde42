"""The Model Context Protocol's side of the window: tools, resources and prompts, over any transport.

In: a toolbox, a caller, a way to say who asks. Out: a server of the official SDK, which speaks both eras of the
protocol (handshake up to 2025-11-25, and 2026-07-28, where each request stands for itself). It keeps no state between
requests. Refused, with the protocol's own errors: tools, resources and prompts that do not exist.
"""

import difflib
from collections.abc import Callable
from typing import Any

import mcp_types as types
from mcp.server.caching import CacheHint
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.shared.exceptions import MCPError
from starlette.requests import Request

from identity.reader import Reader
from mcp_server import prompts, resources, toolbox
from mcp_server.calling import Caller
from mcp_server.tool import Tool
from mcp_server.toolbox import Toolbox
from query import errors
from sql.catalogue import Catalogue

NAME = "otelhouse"
TITLE = "otelhouse: observability for agents"
HEADER = "x-mcp-toolsets"
PARAMETER = "toolsets"

_MINUTE_MS = 60_000
Context = ServerRequestContext[Any, Any]
ReaderOf = Callable[[Context], Reader]

OUTPUT_SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {
        "outcome": {"enum": ["answered", "no_data", "denied", "failed"]},
        "summary": {"type": "string"},
        "freshness": {"enum": ["fresh", "stale", "unknown"]},
        "tables": {"type": "array", "items": {"type": "object"}},
        "next_cursor": {"type": "string"},
        "error": {"type": "object"},
    },
    "required": ["outcome"],
}
"""One for all tools, of what programs look at first; docs/mcp.md has all of it."""


class Protocol:
    """The handlers of the SDK's server."""

    def __init__(
        self,
        box: Toolbox,
        caller: Caller,
        questions: Catalogue,
        describe: resources.Describe,
        default_toolsets: tuple[str, ...],
        reader_of: ReaderOf,
    ) -> None:
        """`describe` tells of tables, `reader_of` who asks."""
        self._box = box
        self._caller = caller
        self._questions = questions.behind("mcp")
        self._describe = describe
        self._default = default_toolsets
        self._reader_of = reader_of

    def server(self, version: str) -> Server[Any]:
        """The SDK's server with these handlers."""
        # What is listed depends on who asks, so no cache between us may give one reader's list to another.
        listed, said = CacheHint(5 * _MINUTE_MS, "private"), CacheHint(60 * _MINUTE_MS, "public")
        return Server(
            NAME,
            version=version,
            title=TITLE,
            instructions=resources.guide("instructions"),
            cache_hints={
                "tools/list": listed,
                "resources/list": said,
                "resources/templates/list": said,
                "resources/read": listed,
                "prompts/list": said,
                "server/discover": said,
            },
            get_tool_input_schema=self._input_schema,
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
            on_list_resources=self._list_resources,
            on_list_resource_templates=self._list_templates,
            on_read_resource=self._read_resource,
            on_list_prompts=self._list_prompts,
            on_get_prompt=self._get_prompt,
        )

    def _input_schema(self, name: str) -> dict[str, object] | None:
        return self._box[name].input_schema if name in self._box else None

    async def _list_tools(self, context: Context, _: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        try:
            toolsets = _toolsets(context) or self._default
        except errors.QuestionError as problem:
            raise MCPError(code=types.INVALID_PARAMS, message=f"{problem.own}. {problem.mend}") from problem
        return types.ListToolsResult(
            tools=[_shown(tool) for tool in self._box.listed(toolsets, self._reader_of(context))]
        )

    async def _call_tool(self, context: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        if params.name not in self._box:
            near = difflib.get_close_matches(params.name[:80].lower(), list(self._box), n=1)
            mend = f" Did you mean `{near[0]}`?" if near else " tools/list tells their names."
            raise MCPError(code=types.INVALID_PARAMS, message=f"Unknown tool: {params.name[:80]!r}.{mend}")
        told = 0

        async def progress(message: str) -> None:
            nonlocal told
            told += 1
            await context.session.report_progress(told, None, message)

        tool = self._box[params.name]
        answer = await self._caller.call(tool, params.arguments, self._reader_of(context), progress)
        return types.CallToolResult(
            content=[types.TextContent(type="text", text=answer.rendered.text)],
            structured_content=answer.rendered.structured,
            is_error=answer.failed,
        )

    async def _list_resources(self, _: Context, __: types.PaginatedRequestParams | None) -> types.ListResourcesResult:
        return types.ListResourcesResult(
            resources=[
                types.Resource(uri=one.uri, name=one.name, description=one.about, mime_type=resources.MARKDOWN)
                for one in resources.listed()
            ]
        )

    async def _list_templates(
        self, _: Context, __: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        return types.ListResourceTemplatesResult(
            resource_templates=[
                types.ResourceTemplate(
                    uri_template=one.uri, name=one.name, description=one.about, mime_type=resources.MARKDOWN
                )
                for one in resources.templates()
            ]
        )

    async def _read_resource(
        self, context: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        uri = str(params.uri)
        reader = self._reader_of(context)

        async def describe(table: str) -> str:
            return await self._describe(table, reader)

        try:
            text = await resources.read(uri, self._questions, describe)
        except resources.UnknownResourceError as problem:
            message = f"Resource not found: {problem}"
            raise MCPError(code=types.INVALID_PARAMS, message=message, data={"uri": uri[:500]}) from problem
        except errors.QuestionError as problem:
            message = f"{problem.own}. {problem.mend}"
            raise MCPError(code=types.INVALID_PARAMS, message=message, data={"uri": uri[:500]}) from problem
        contents = types.TextResourceContents(uri=params.uri, text=text, mime_type=resources.MARKDOWN)
        return types.ReadResourceResult(contents=[contents])

    async def _list_prompts(self, _: Context, __: types.PaginatedRequestParams | None) -> types.ListPromptsResult:
        return types.ListPromptsResult(
            prompts=[
                types.Prompt(
                    name=one.name,
                    description=one.about,
                    arguments=[
                        types.PromptArgument(name=name, description=about, required=False)
                        for name, about in one.arguments
                    ],
                )
                for one in prompts.listed()
            ]
        )

    async def _get_prompt(self, _: Context, params: types.GetPromptRequestParams) -> types.GetPromptResult:
        try:
            text = prompts.text(params.name, params.arguments or {})
        except prompts.UnknownPromptError as problem:
            raise MCPError(code=types.INVALID_PARAMS, message=f"Unknown prompt: {problem}") from problem
        message = types.PromptMessage(role="user", content=types.TextContent(type="text", text=text))
        return types.GetPromptResult(messages=[message])


def _toolsets(context: Context) -> tuple[str, ...]:
    """The toolsets that the request itself names, in its URL or else in its header."""
    request = context.request
    if not isinstance(request, Request):
        return ()
    return toolbox.read_toolsets(request.query_params.get(PARAMETER, "") or request.headers.get(HEADER, ""))


def _shown(tool: Tool) -> types.Tool:
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=tool.input_schema,
        output_schema=OUTPUT_SCHEMA,
        annotations=types.ToolAnnotations(
            title=tool.title, read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
        ),
    )
