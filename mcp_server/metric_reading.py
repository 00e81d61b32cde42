"""The tool query_metric: one metric over time, or the names of metrics.

In: the filters of question metric_series. Out: a finding; without a metric, or for one that is not there, the metrics
that are (question metric_names), so that a name written wrongly mends itself in one more call.
"""

from dataclasses import replace

from mcp_server.finding import Finding, Table
from mcp_server.question_tools import Shown, answer
from mcp_server.tool import Call

_SHOWN = Shown("query_metric", "metric_series", "", frozenset(), left_out=frozenset({"text"}))
_NAMES = Shown("query_metric", "metric_names", "", frozenset())
_OF_NAMES = ("since", "until", "service", "namespace", "cluster", "composition", "text", "cursor", "detail", "limit")
_NEAR = 15


async def run(call: Call) -> Finding:
    """Ask for the series, or for names."""
    if not call.text("metric"):
        found = await answer(
            replace(call, arguments=_only(call, _OF_NAMES)), call.desk.question("metric_names"), _NAMES
        )
        return replace(found, summary="These are metrics; give one as `metric` for its values.")
    arguments = {name: value for name, value in call.arguments.items() if name != "text"}
    found = await answer(replace(call, arguments=arguments), call.desk.question("metric_series"), _SHOWN)
    if not found.empty or call.text("cursor"):
        return found
    return await _with_names(call, found)


async def _with_names(call: Call, found: Finding) -> Finding:
    """Beside an empty answer, metrics whose names are like the one that was asked for."""
    part = call.text("metric").rsplit(".", 1)[-1].rsplit("_", 1)[0][:100]
    written = {**call.given("since", "until", "cluster"), "limit": _NEAR}
    reply = await call.ask("metric_names", written | {"text": part})
    if not reply.rows:
        reply = await call.ask("metric_names", written)
    names = Table("metrics that are there", ("metric",), [row[:1] for row in reply.rows])
    return replace(
        found,
        tables=(names,),
        notes=(*found.notes, *(() if reply.rows else ("No metric at all came in this window.",))),
        query_ids=(*found.query_ids, reply.query_id),
        paging=None,
        unanswered=True,
    )


def _only(call: Call, names: tuple[str, ...]) -> dict[str, str | int | float | bool]:
    return {name: value for name, value in call.arguments.items() if name in names}
