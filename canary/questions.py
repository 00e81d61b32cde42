"""The question that finds what a beat sent, over REST and as a tool of agents; and what an answer shows of it.

In: a window of time. Out: the question's parameters; from its rows, over REST or in a tool's tables, `StoredRow`s; from
any text and from such rows `Seen`s. One question finds every kind, since a question costs the engine most of what it
costs by being asked at all. Refused, with `LookError`: a row or a table that is none of that question.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from canary.finding import LookError, StoredRow
from canary.items import Line, checksum, read_lines
from canary.judging import Seen

QUESTION = "canary_records"
"""Over REST and as a tool it has the same name."""
PAGE = 1000
"""Rows of one answer; ten clusters have 160 a beat."""
MOST_PAGES = 10
_SECOND = 10**9


def window(since: int, until: int) -> dict[str, str | int]:
    """What to ask for all that was sent with times from `since` until `until` (nanoseconds since 1970), both included.

    Some times are kept in whole seconds.
    """
    return {"since": _time(since // _SECOND), "until": _time(until // _SECOND + 1), "limit": PAGE}


def _time(seconds: int) -> str:
    return f"{datetime.fromtimestamp(max(0, seconds), UTC):%Y-%m-%dT%H:%M:%SZ}"


def row_of(row: object) -> StoredRow:
    """Read a row of the answer as JSON. Raises `LookError`."""
    if not isinstance(row, Mapping) or not isinstance(row.get("fields"), list):
        raise LookError(f"question {QUESTION}: a row is none of its own: {str(row)[:200]}")
    try:
        ingested = nanoseconds(str(row["ingested_at"]))
        return StoredRow(str(row["kind"]), str(row["line"]), tuple(map(str, row["fields"])), ingested)
    except (KeyError, ValueError) as problem:
        raise LookError(f"question {QUESTION}: a row lacks or breaks {problem}") from problem


def table_rows(tables: object) -> list[StoredRow]:
    """Read the rows of a tool's tables, in which every cell is a text. Raises `LookError`."""
    try:
        return [row_of(row) for table in _listed(tables) for row in _of_table(table)]
    except (AttributeError, TypeError, ValueError) as problem:
        raise LookError(f"tool {QUESTION}: a table is none of its own: {problem}") from problem


def _listed(tables: object) -> Sequence[Mapping[str, object]]:
    if not isinstance(tables, list):
        raise LookError(f"tool {QUESTION}: its answer has no tables")
    return tables


def _of_table(table: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    """The rows of one table as REST has them: what is said once of all of them stands in each again."""
    columns, rows, same = table.get("columns"), table.get("rows"), table.get("in_all_rows", {})
    if not isinstance(columns, list) or not isinstance(rows, list) or not isinstance(same, Mapping):
        raise TypeError(str(table)[:200])
    for cells in rows:
        row = {**same, **dict(zip(columns, cells, strict=True))}
        if table.get("day") and "T" not in row.get("ingested_at", "T"):
            row["ingested_at"] = f"{table['day']}T{row['ingested_at']}Z"
        if "fields" in row:
            row["fields"] = json.loads(row["fields"] or "[]")
        yield row


def nanoseconds(time: str) -> int:
    """Read ``2026-01-31T10:00:00.123456789Z``. Raises `ValueError`."""
    whole, _, part = time.removesuffix("Z").partition(".")
    return int(datetime.fromisoformat(f"{whole}+00:00").timestamp()) * _SECOND + int(part.ljust(9, "0")[:9])


def seen_rows(rows: Sequence[StoredRow]) -> list[Seen]:
    """Rows as sightings, in the order in which ClickHouse got them."""
    return [
        Seen(line.identity, line.checksum, row.ingested, checksum(line.identity, row.fields) == line.checksum)
        for row in rows
        for line in list(read_lines(row.line))[:1]
        if line.identity.kind == row.kind
    ]


def seen_by_agents(rows: Sequence[StoredRow], text: str) -> list[Seen]:
    """Rows of a tool's tables as sightings, as far as the text of the same answer, which models read, has them too.

    A line that the text has in another wording is a sighting of its own, which is not as it was sent.
    """
    lines, seen = set(read_lines(text)), seen_rows(rows)
    told, shown = {line.identity for line in lines}, {one.identity for one in seen}
    others = lines - {Line(one.identity, one.checksum) for one in seen}
    return [
        *(one for one in seen if one.identity in told),
        *(Seen(line.identity, line.checksum, intact=False) for line in others if line.identity in shown),
    ]


def seen_in(text: str, kinds: Collection[str], place: int = 0) -> list[Seen]:
    """What of some kinds a row or an answer shows: each item once, however often it is named there.

    Kubernetes events are log records as well, so a text may show other kinds than those that were asked for.
    """
    lines = [line for line in read_lines(text) if line.identity.kind in kinds]
    return list({line.identity: Seen(line.identity, line.checksum, place) for line in lines}.values())
