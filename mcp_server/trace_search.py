"""The tool find_traces: traces as described, and which of them to read.

In: the filters of question find_traces. Out: a finding whose `next` names the trace to read: where slow ones were asked
for the longest of the page, else the one with most failed spans, of these the newest.
"""

import re
from dataclasses import replace

from mcp_server.finding import Finding
from mcp_server.problem import number
from mcp_server.question_tools import Shown, answer
from mcp_server.tool import Call

SHOWN = Shown(
    "find_traces",
    "find_traces",
    "Traces with a span that is as described (failed, slow, of a service), newest first; then get_trace.",
    frozenset({"default", "telemetry"}),
    title="Find traces",
)
_ID = re.compile(r"[0-9a-f]{32}")


def shown() -> Shown:
    """How agents know it."""
    return replace(SHOWN, run=run)


async def run(call: Call) -> Finding:
    """Find, and say what to read."""
    found = await answer(call, call.desk.question(SHOWN.question), SHOWN)
    (table,) = found.tables
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    told = [row for row in rows if _ID.fullmatch(str(row["trace_id"]))]
    if not told:
        return found
    by = "total_ms" if call.text("min_duration_ms") else "errors"
    best = max(told, key=lambda row: number(row[by]))
    return replace(found, next=(f"get_trace trace_id={best['trace_id']}",))
