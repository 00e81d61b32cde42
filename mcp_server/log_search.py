"""The tool search_logs: how many records match, by severity and service, and then the newest of them.

In: the filters of question recent_logs. Out: a finding with two tables; later pages have the records alone.
"""

from dataclasses import replace

from mcp_server.finding import Finding, Table, together
from mcp_server.parts import ask_all
from mcp_server.question_tools import Shown, answer
from mcp_server.tool import Call

SAMPLES = 12
"""Records that are shown where the caller does not say: counts come before content."""

_COUNTS = 12
_SHOWN = Shown("search_logs", "recent_logs", "", frozenset())


async def run(call: Call) -> Finding:
    """Count, then show."""
    asked = replace(call, arguments={"limit": SAMPLES, **call.arguments})
    question = call.desk.question("recent_logs")
    if call.text("cursor"):
        return await answer(asked, question, _SHOWN)
    records = await answer(asked, question, _SHOWN)
    if records.empty or records.window is None:
        return records
    filters = {name: value for name, value in _SHOWN.written(call.arguments).items() if name != "limit"}
    window = {"since": records.window.since, "until": records.window.until}
    counted = await ask_all(call, log_counts=filters | window | {"limit": 1000})
    rows = counted.replies["log_counts"].rows
    total = sum(int(str(row[2])) for row in rows)
    counts = Table(
        "records by severity and service", ("severity", "service", "count"), [row[:3] for row in rows], least=_COUNTS
    )
    found = together(records, counted.circumstances(call))
    (sample,) = records.tables
    return replace(
        found,
        summary=f"{total} records match; the newest stand below their counts.",
        tables=(counts, replace(sample, title="newest records")),
    )
