"""Tools that ask several questions, so that an agent needs one call where it would need three.

In: the catalogue. Out: `Tool`s in a fixed order. Each asks at the desk, the questions of one call beside each other.
Where one part of an answer fails or is denied, the rest is given and says so; where all fail, the call fails.
"""

from collections.abc import Iterable, Mapping

from mcp_server import (
    change_reading,
    log_search,
    metric_reading,
    problem_search,
    resolution_check,
    service_reading,
    trace_reading,
)
from mcp_server.question_tools import schema
from mcp_server.tool import Run, Schema, Tool
from sql.catalogue import Catalogue

PIECES = frozenset({
    "recent_logs", "log_counts", "trace", "trace_critical_path", "what_changed", "resolution", "service_overview",
    "metric_series",
})  # fmt: skip
"""Questions that are offered as a part of a tool of another name, and not by their own."""


def tools(questions: Catalogue) -> list[Tool]:
    """The composed tools."""
    make = _Maker(questions)
    return [
        make.tool(
            "find_problems",
            "Find problems",
            "Start here. What is wrong now, ranked: warning events, restarts, memory, rising errors, slow services, "
            "silent telemetry, each with what explains it and the next call. Effects of these, the usual and what is "
            "over are set aside, with the reason.",
            problem_search.run,
            {"default", "pods"},
            make.of("warning_summary", "since", "until", "namespace", "cluster"),
            pages=False,
        ),
        make.tool(
            "search_logs",
            "Search logs",
            "Log records by text, service, severity, attribute or trace: counts by severity first, then the newest "
            "records. For what logs say in general use log_patterns.",
            log_search.run,
            {"default", "telemetry"},
            make.of("recent_logs"),
        ),
        make.tool(
            "get_trace",
            "Read a trace",
            "One trace: what made it take so long (critical path), its failed spans, then all in waterfall order. "
            "Find its id with find_traces or in logs.",
            trace_reading.run,
            {"default", "telemetry"},
            make.of("trace", "trace_id", "limit"),
            required=("trace_id",),
        ),
        make.tool(
            "service_overview",
            "Overview of services",
            "Rate, errors and latency of every service, busiest first; with `service`, its operations, callers and "
            "callees.",
            service_reading.run,
            {"default", "telemetry"},
            make.of("service_overview", "since", "until", "service", "namespace", "cluster", "composition", "limit"),
        ),
        make.tool(
            "query_metric",
            "Query a metric",
            "One metric over time, a row for each series and step. Without `metric`: the names of metrics; `text` "
            "narrows them.",
            metric_reading.run,
            {"default", "telemetry"},
            make.of("metric_series") | {"text": {"type": "string", "description": "Part of a metric's name."}},
        ),
        make.tool(
            "what_changed",
            "What changed",
            "What is different from the window before: images, rollouts, new warnings and errors, latency, new and "
            "gone log messages. Ask it once you know when things went wrong.",
            change_reading.run,
            {"default", "changes"},
            make.of("what_changed", "since", "until", "namespace", "cluster", "composition")
            | make.of("compare_windows", "service"),
            pages=False,
        ),
        make.tool(
            "verify_resolved",
            "Verify a fix",
            "After a fix: whether the same condition is resolved, persists, or cannot be told yet, and why. Quiet "
            "counts as resolved only where signs were due and other telemetry came.",
            resolution_check.run,
            {"default", "changes"},
            make.of(
                "resolution", "changed_at", "until", "namespace", "service", "cluster", "composition", "reason", "text"
            )
            | resolution_check.PROPERTIES,
            required=("changed_at",),
            pages=False,
        ),
    ]


class _Maker:
    """Makes tools of pieces of questions."""

    def __init__(self, questions: Catalogue) -> None:
        self._questions = questions

    def of(self, question: str, *names: str) -> dict[str, Schema]:
        """The schemas of a question's parameters, of all of them without names."""
        declared = {one.name: one for one in self._questions[question].parameters}
        return {name: schema(declared[name]) for name in names or declared}

    def tool(  # noqa: PLR0913 - what a tool is, said once for each
        self,
        name: str,
        title: str,
        about: str,
        run: Run,
        toolsets: Iterable[str],
        properties: Mapping[str, Schema],
        *,
        required: tuple[str, ...] = (),
        pages: bool = True,
    ) -> Tool:
        """A tool that every reader may see."""
        return Tool(name, title, about, properties, required, frozenset(toolsets) | {"all"}, run, pages=pages)
