"""The tool what_changed: everything that is different from the window before, in one call.

In: a window and filters. Out: a finding with two tables: images, rollouts, warnings and error logs (question
what_changed), and errors, latency, requests and log messages (question compare_windows). A filter that one of the two
does not know leaves that one out, and the answer says so.
"""

from dataclasses import replace

from mcp_server.finding import Finding, Table, of_reply
from mcp_server.parts import ask_all
from mcp_server.tool import Call

_ROWS = 60
_TITLES = {
    "what_changed": "images, rollouts, warnings, error logs",
    "compare_windows": "errors, latency, requests, log messages",
}
_FILTERS = ("since", "until", "namespace", "cluster", "composition")


async def run(call: Call) -> Finding:
    """Compare the window with the one before."""
    filters = {**call.given(*_FILTERS), "limit": _ROWS}
    asked = {"what_changed": filters, "compare_windows": {**filters, **call.given("service")}}
    parts = await ask_all(call, **asked)
    tables = [
        _looked_at_last(of_reply(one, _TITLES[name], full=call.full).tables[0]) for name, one in parts.replies.items()
    ]
    notes = list(parts.notes)
    if call.text("service"):
        notes.append("`service` narrows the second table only: events know no services.")
    unknown = [row for row in parts.rows("what_changed") if row["change"] == "looked_at" and row["state"] == "unknown"]
    notes += [
        f"Of {row['name']} one of the two windows has none: what seems new may only be newly told." for row in unknown
    ]
    changes = sum(len(table.rows) for table in tables) - sum(_looked_at(table) for table in tables)
    summary = f"{changes} differences." if changes else "No difference was found in what was looked at."
    return replace(parts.circumstances(call), tables=tuple(tables), notes=tuple(notes), summary=summary)


def _looked_at(table: Table) -> int:
    return sum(row[0] == "looked_at" for row in table.rows)


def _looked_at_last(table: Table) -> Table:
    """Differences first; what was looked at stands below them."""
    return replace(table, rows=sorted(table.rows, key=lambda row: row[0] == "looked_at"), least=12)
