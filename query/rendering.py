"""A reply as bytes: one JSON document, JSON lines, CSV, or Arrow.

In: a `Reply`. Out: bytes in UTF-8. Refused: an answer of more bytes than the settings allow.

What a reader can rely on, in every format:
- Times are texts, RFC 3339 in UTC with nanoseconds; ids are texts.
- Whole numbers are JSON numbers, 64-bit ones too (RFC 8259 lets them be; a reader whose numbers are doubles, such as
  JavaScript, sees those above 2^53 rounded).
- NaN and the infinities, which JSON cannot say, are null; in CSV null is an empty cell.
- A map is a JSON object, an array a JSON array; in a CSV cell, their JSON text.
JSON lines and CSV hold the rows alone; the circumstances of the answer travel in `headers`. Arrow is an IPC stream as
ClickHouse writes it (its types, nulls and NaNs are ClickHouse's), with the circumstances in its schema's metadata too.
"""

import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from urllib.parse import quote, urlencode

from query import errors, pages
from query.reply import Reply
from sql.catalogue import ResultColumn
from store.port import Cell


class Format(StrEnum):
    """How an answer is written. The value is the word in `?format=` and `--format`."""

    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"
    ARROW = "arrow"


MEDIA_TYPES = {
    Format.JSON: "application/json",
    Format.NDJSON: "application/x-ndjson",
    Format.CSV: "text/csv; charset=utf-8; header=present",
    Format.ARROW: "application/vnd.apache.arrow.stream",
}


LONGEST_ASKED = 2000
"""Characters of a question with its parameters, and of a scope, that go into a header: the asker knows longer ones,
and JSON and Arrow have them in full."""


def render(reply: Reply, form: Format, most_bytes: int) -> bytes:
    """Write an answer. Raises `LimitExceededError` if that takes more than `most_bytes`."""
    body = _WRITERS[form](reply)
    if len(body) > most_bytes:
        raise errors.LimitExceededError(
            f"The answer has {len(body)} bytes, more than the {most_bytes} that may be sent",
            field="limit",
            mend="Ask for fewer rows with `limit`, or for a shorter time window.",
        )
    return body


def headers(reply: Reply) -> dict[str, str]:
    """The circumstances of an answer, for formats that hold rows alone."""
    found = {
        "x-otelhouse-rows": str(reply.row_count),
        "x-otelhouse-truncated": "true" if reply.truncated else "false",
        "x-otelhouse-query-id": reply.query_id,
        "x-otelhouse-elapsed-seconds": f"{reply.elapsed:.6f}",
    }
    if reply.partial:
        found["x-otelhouse-partial"] = "true"
        found["x-otelhouse-missing-shards"] = ", ".join(reply.missing_shards)
    asked = f"{reply.question}?{urlencode(reply.parameters)}"
    if len(asked) <= LONGEST_ASKED:
        found["x-otelhouse-asked"] = asked
    if reply.rows_read is not None:
        found["x-otelhouse-rows-read"] = str(reply.rows_read)
        found["x-otelhouse-bytes-read"] = str(reply.bytes_read)
    if reply.next_cursor:
        found["x-otelhouse-next-cursor"] = reply.next_cursor
    if reply.window:
        found["x-otelhouse-window"] = f"{reply.window.since}/{reply.window.until}"
    if reply.left_out:
        found["x-otelhouse-left-out"] = ", ".join(f"{name}={number}" for name, number in reply.left_out.items())
    if reply.scope:
        found["x-otelhouse-scope"] = _scope(reply.scope)
    if reply.data_through:
        found["x-otelhouse-data-through"] = ", ".join(f"{name}={at}" for name, at in reply.data_through.items())
    return found


def _scope(scope: Mapping[str, Sequence[str]]) -> str:
    """The parts that narrow, with their values; with their numbers where the values are more than fits in a header."""
    whole = "; ".join(f"{name}={','.join(quote(value, safe='') for value in values)}" for name, values in scope.items())
    if len(whole) <= LONGEST_ASKED:
        return whole
    return "; ".join(f"{name}=({len(values)} names)" for name, values in scope.items())


def document(reply: Reply) -> dict[str, object]:
    """An answer as plain dictionaries and lists, as JSON has it."""
    names = [column.name for column in reply.columns]
    rows = [dict(zip(names, map(plain, row), strict=True)) for row in reply.rows]
    told = circumstances(reply)
    asked = {name: told.pop(name) for name in ("question", "parameters", "window", "columns")}
    return {**asked, "rows": rows, **told}


def circumstances(reply: Reply) -> dict[str, object]:
    """All of an answer but its rows."""
    return {
        "question": reply.question,
        "parameters": dict(reply.parameters),
        "window": {"since": reply.window.since, "until": reply.window.until} if reply.window else None,
        "columns": [_column(column) for column in reply.columns],
        "row_count": reply.row_count,
        "truncated": reply.truncated,
        "partial": reply.partial,
        "missing_shards": list(reply.missing_shards),
        "next_cursor": reply.next_cursor or None,
        "scope": {name: list(values) for name, values in reply.scope.items()} if reply.scope else None,
        "left_out": dict(reply.left_out),
        "elapsed_seconds": round(reply.elapsed, 6),
        "rows_read": reply.rows_read,
        "bytes_read": reply.bytes_read,
        "query_id": reply.query_id,
        "data_through": dict(reply.data_through),
    }


def _column(column: ResultColumn) -> dict[str, object]:
    told: dict[str, object] = {"name": column.name, "type": column.type, "wide": column.wide}
    if column.machines:
        # Wide as well, for a command line that is older than this mark.
        told |= {"wide": True, "machines": True}
    return told


def plain(cell: Cell) -> object:
    """A cell in terms of JSON."""
    if cell is None or isinstance(cell, str | bool | int):
        return cell
    if isinstance(cell, float):
        return cell if math.isfinite(cell) else None
    if isinstance(cell, datetime):
        return cell.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(cell, Mapping):
        return {str(key): plain(value) for key, value in cell.items()}
    if isinstance(cell, Iterable):
        return [plain(value) for value in cell]
    return str(cell)


def dump(value: object) -> str:
    """Compact JSON; `plain` has seen to it that there is no NaN in it."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _json(reply: Reply) -> bytes:
    return _utf8(dump(document(reply)) + "\n")


def _ndjson(reply: Reply) -> bytes:
    names = [column.name for column in reply.columns]
    lines = (dump(dict(zip(names, map(plain, row), strict=True))) for row in reply.rows)
    return _utf8("".join(f"{line}\n" for line in lines))


def _csv(reply: Reply) -> bytes:
    """RFC 4180, but lines end in a bare newline, as the tools on the other side of a pipe expect."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(column.name for column in reply.columns)
    writer.writerows([_csv_cell(plain(cell)) for cell in row] for row in reply.rows)
    return _utf8(text.getvalue())


def _csv_cell(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return dump(value) if isinstance(value, dict | list) else value


def _arrow(reply: Reply) -> bytes:
    if reply.arrow is None:
        raise TypeError("an answer is written as Arrow only if it was asked for as Arrow")
    return pages.arrow_stream(reply.arrow, circumstances(reply))


def _utf8(text: str) -> bytes:
    """A stored text may hold what is no UTF-8; the doors hand such bytes on as lone surrogates."""
    return text.encode("utf-8", "replace")


_WRITERS: Mapping[Format, Callable[[Reply], bytes]] = {
    Format.JSON: _json,
    Format.NDJSON: _ndjson,
    Format.CSV: _csv,
    Format.ARROW: _arrow,
}
