"""The tool service_overview: every service, or one with its operations and its neighbours.

In: the filters of question service_overview. Out: a finding; with `service`, three tables: the service, its operations,
and who calls it and whom it calls.
"""

from dataclasses import replace

from mcp_server.finding import Finding, Table, of_reply
from mcp_server.parts import ask_all
from mcp_server.question_tools import Shown, answer
from mcp_server.tool import Call

_SHOWN = Shown("service_overview", "service_overview", "", frozenset())
_OPERATIONS = 15
_NEIGHBOURS = 20


async def run(call: Call) -> Finding:
    """Look at the services, or at one."""
    found = await answer(call, call.desk.question("service_overview"), _SHOWN)
    service = call.text("service")
    if not service or call.text("cursor") or found.empty or found.window is None:
        return found
    window = {"since": found.window.since, "until": found.window.until}
    filters = {**call.given("namespace", "cluster", "composition"), **window, "service": service}
    parts = await ask_all(
        call,
        service_overview=filters | {"by": "span", "limit": _OPERATIONS},
        service_map=filters | {"limit": _NEIGHBOURS},
    )
    tables = [replace(found.tables[0], title="service")]
    for name, title in (("service_overview", "operations, busiest first"), ("service_map", "callers and callees")):
        if name in parts.replies:
            tables.append(_titled(of_reply(parts.replies[name], full=call.full).tables[0], title))
    ids = tuple(query for one in parts.replies.values() for query in (one.query_id,))
    return replace(
        found,
        tables=tuple(tables),
        notes=(*found.notes, *parts.notes),
        query_ids=(*found.query_ids, *ids),
        paging=None,
    )


def _titled(table: Table, title: str) -> Table:
    return replace(table, title=title)
