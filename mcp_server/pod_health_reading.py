"""The tool check_pod_health: each check with its state, and what they say together.

In: namespace and pod. Out: a finding, with all checks: a page of them would say of a part what is not so of the whole.
Well is said only where every check is ok and telemetry reaches to the end of the window; an unknown check, a missing
one or stale telemetry make it unknown. Since a name stands for every pod that begins so, it says which were judged.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from mcp_server import plain_names, standing
from mcp_server.finding import Finding, Freshness, Table
from mcp_server.question_tools import Shown, answer
from mcp_server.tool import Call

SHOWN = Shown(
    "check_pod_health",
    "pod_health",
    "Whether a pod, or all pods whose name begins so, is well: phase, readiness, restarts, memory, warnings, error "
    "logs, each ok, bad or unknown with its evidence.",
    frozenset({"default", "pods"}),
    title="Health of a pod",
    renamed={"pod_name": "pod"},
    prefixes=frozenset({"pod_name"}),
    minutes=60,
    left_out=frozenset({"limit"}),
    pages=False,
)


def shown() -> Shown:
    """How agents know it."""
    return replace(SHOWN, run=run)


async def run(call: Call) -> Finding:
    """Check, and say what it means."""
    # The pods are in a wide column, which a model need not read in each row.
    whole = replace(call, arguments={**call.arguments, "detail": "full"})
    found = await answer(whole, call.desk.question(SHOWN.question), SHOWN)
    _, freshness, _ = standing.judge(found, call.now, call.stale_of)
    (table,) = found.tables
    names, states = table.columns.index("check"), table.columns.index("state")
    by_state: dict[str, list[str]] = {"bad": [], "unknown": [], "ok": []}
    for row in table.rows:
        by_state[str(row[states])].append(str(row[names]))
    health, summary = _together(by_state, freshness)
    shown = table if call.full else _without(table, "pods", "pods_total")
    return replace(found, tables=(shown,), summary=f"{summary}{_judged(table)}", facts={"health": health}, paging=None)


def _judged(table: Table) -> str:
    """Which pods that was about; nothing where none was seen."""
    pods, total = table.columns.index("pods"), table.columns.index("pods_total")
    first = next(iter(table.rows), None)
    if first is None or not first[pods]:
        return ""
    names, number = [str(name) for name in cast("Sequence[object]", first[pods])], int(str(first[total]))
    return f" {'1 pod' if number == 1 else f'{number} pods'} judged: {plain_names.listed(names, number)}."


def _without(table: Table, *names: str) -> Table:
    kept = [place for place, name in enumerate(table.columns) if name not in names]
    rows = [tuple(row[place] for place in kept) for row in table.rows]
    return replace(table, columns=tuple(table.columns[place] for place in kept), rows=rows)


def _together(by_state: dict[str, list[str]], freshness: Freshness) -> tuple[str, str]:
    bad, unknown, ok = (by_state[state] for state in ("bad", "unknown", "ok"))
    if bad:
        rest = f"; unknown: {', '.join(unknown)}" if unknown else ""
        return "bad", f"NOT WELL: {', '.join(bad)}{rest}."
    if unknown or not ok:
        return "unknown", f"UNKNOWN: nothing bad was seen, but of {', '.join(unknown) or 'it'} nothing is known."
    if freshness is not Freshness.FRESH:
        return "unknown", f"UNKNOWN: nothing bad was seen, but telemetry is {freshness}."
    return "ok", f"WELL: all {len(ok)} checks are ok."
