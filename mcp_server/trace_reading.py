"""The tool get_trace: why a trace took so long, what failed in it, and then the whole of it.

In: a trace id. Out: a finding with three tables (critical path, failed spans, waterfall); later pages have the
waterfall alone. Times are in milliseconds after the start of the trace.
"""

from dataclasses import replace

from mcp_server import cursor, emptiness
from mcp_server.finding import Finding, Paging, Table
from mcp_server.parts import Parts, ask_all
from mcp_server.question_tools import PAGE
from mcp_server.tool import Call

MOST_SPANS = 10_000
_PATH = 12
_FAILED = 8
_PATH_COLUMNS = ("service", "span", "offset_ms", "own_ms", "share", "error", "span_id")
_FAILED_COLUMNS = ("service", "span", "offset_ms", "duration_ms", "status_message", "span_id", "attributes")
_WATERFALL = ("depth", "service", "span", "offset_ms", "duration_ms", "self_ms", "error")
_WATERFALL_FULL = (*_WATERFALL, "kind", "span_id", "parent_span_id", "attributes")

Row = dict[str, object]


async def run(call: Call) -> Finding:
    """Read the trace."""
    trace_id = call.text("trace_id").strip()
    of = cursor.digest("get_trace", trace_id, call.full)
    offset = cursor.read(call.text("cursor"), of)[0] if call.text("cursor") else 0
    page = int(call.arguments.get("limit", 0)) or (4 * PAGE)
    asked: dict[str, dict[str, object]] = {"trace": {"trace_id": trace_id, "limit": MOST_SPANS}}
    if not offset:
        asked["trace_critical_path"] = {"trace_id": trace_id, "limit": 200}
    parts = await ask_all(call, **asked)  # type: ignore[arg-type]  # ids and limits are texts and numbers
    spans = [_in_ms(row) for row in parts.rows("trace")]
    shown = spans[offset : offset + page]
    columns = _WATERFALL_FULL if call.full else _WATERFALL
    more = len(spans) > offset + page or ("trace" in parts.replies and parts.replies["trace"].truncated)
    waterfall = Table("all spans, waterfall order", columns, [_cells(row, columns) for row in shown], more, least=10)
    found = replace(
        parts.circumstances(call),
        tables=(*([] if offset else _first_tables(parts, spans)), waterfall),
        summary=_summary(spans) if spans else "",
        notes=parts.notes,
        paging=Paging(offset, None, of),
        signals=(),
    )
    if not spans and "trace" in parts.replies:
        return await emptiness.explained(call, call.desk.question("trace"), found, {})
    return found


def _first_tables(parts: Parts, spans: list[Row]) -> list[Table]:
    path = sorted((_in_ms(row) for row in parts.rows("trace_critical_path")), key=lambda row: -_number(row["path_ns"]))
    slow = [row | {"own_ms": _number(row["path_ns"]) / 1e6} for row in path if _number(row["path_ns"]) > 0]
    failed = [row for row in spans if row["error"]]
    tables = [Table("critical path, longest first", _PATH_COLUMNS, [_cells(r, _PATH_COLUMNS) for r in slow[:_PATH]])]
    if failed:
        rows = [_cells(row, _FAILED_COLUMNS) for row in failed[:_FAILED]]
        tables.append(Table(f"failed spans ({len(failed)} in all)", _FAILED_COLUMNS, rows, least=3))
    return tables


def _summary(spans: list[Row]) -> str:
    """Of the whole trace; `spans` are all of it."""
    end = max(_number(row["offset_ms"]) + _number(row["duration_ms"]) for row in spans)
    failed = sum(bool(row["error"]) for row in spans)
    services = len({row["service"] for row in spans})
    orphans = sum(row["placement"] == "orphan" for row in spans)
    told = f"{len(spans)} spans of {services} services in {end:.1f} ms, {failed} failed."
    return f"{told} {orphans} spans have a parent that never arrived." if orphans else told


def _in_ms(row: Row) -> Row:
    """The row with its nanoseconds in milliseconds beside."""
    times = {
        name.removesuffix("_ns") + "_ms": round(_number(value) / 1e6, 3)
        for name, value in row.items()
        if name.endswith("_ns")
    }
    return row | times | {"error": bool(row["error"]) or None}


def _cells(row: Row, columns: tuple[str, ...]) -> tuple[object, ...]:
    return tuple(row.get(name) for name in columns)


def _number(value: object) -> float:
    return float(str(value))
