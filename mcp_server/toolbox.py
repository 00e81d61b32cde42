"""All tools in their fixed order, and which of them a request sees listed.

In: the catalogue and the tools for SQL. Out: a `Toolbox`. The order never changes between two lists, so that a client's
prompt cache holds. What is listed depends on the toolsets that the request names and on the reader's role, never on
what was called before: the window keeps no state. A tool that is not listed can be called all the same, by a reader who
may.

Refused, with a `QuestionError`: a toolset that does not exist.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import get_args

from identity.reader import Reader
from mcp_server import composed_tools, pod_health_reading, question_tools, shown_tools, sql_tools
from mcp_server.settings import Toolset
from mcp_server.tool import Tool
from query import errors
from sql.catalogue import Catalogue

TOOLSETS: tuple[str, ...] = get_args(Toolset)

_FIRST = (
    "find_problems", "check_pod_health", "get_pod_errors", "get_pod_timeline", "get_warning_summary",
    "get_composition_events", "service_overview", "log_patterns", "search_logs", "find_traces", "get_trace",
    "query_metric", "what_changed", "verify_resolved", "freshness", "get_agent_traces", "list_databases", "list_tables",
    "describe_table", "run_select_query",
)  # fmt: skip
"""What most investigations need, in the order in which it is needed."""


class Toolbox:
    """Every tool by name."""

    def __init__(self, questions: Catalogue, sql: Iterable[Tool]) -> None:
        pieces = composed_tools.PIECES | sql_tools.PIECES
        shown = (pod_health_reading.shown(), *shown_tools.SHOWN)
        made = [*composed_tools.tools(questions), *question_tools.tools(questions, shown, pieces), *sql]
        by_name = {tool.name: tool for tool in made}
        first = [by_name[name] for name in _FIRST]
        rest = sorted((tool for tool in made if tool.name not in _FIRST), key=lambda tool: tool.name)
        self._tools: Mapping[str, Tool] = {tool.name: tool for tool in (*first, *rest)}

    def __getitem__(self, name: str) -> Tool:
        return self._tools[name]

    def __contains__(self, name: object) -> bool:
        return name in self._tools

    def __iter__(self) -> Iterator[str]:
        return iter(self._tools)

    def listed(self, toolsets: Iterable[str], reader: Reader) -> list[Tool]:
        """The tools of these toolsets that this reader may call."""
        wanted = frozenset(toolsets)
        return [tool for tool in self._tools.values() if wanted & tool.toolsets and reader.role >= tool.role]


def read_toolsets(text: str) -> tuple[str, ...]:
    """The toolsets of a request: names between commas. Raises `BadParameterError`."""
    names = tuple(dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip()))
    for name in names:
        if name not in TOOLSETS:
            raise errors.BadParameterError(
                f"there is no toolset {name[:40]!r}", field="toolsets", mend=errors.suggest(name, TOOLSETS)
            )
    return names
