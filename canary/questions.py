"""The question that finds what a beat sent, over REST and as a tool of agents; and what an answer shows of it.

In: a window of time. Out: the question's parameters; from its rows `StoredRow`s, from any text and from such rows
`Seen`s. One question finds every kind, since a question costs the engine most of what it costs by being asked at all.
Refused, with `LookError`: a row that is none of that question.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

from canary.finding import LookError, StoredRow
from canary.items import checksum, read_lines
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


def seen_in(text: str, kinds: Collection[str], place: int = 0) -> list[Seen]:
    """What of some kinds a row or an answer shows: each item once, however often it is named there.

    Kubernetes events are log records as well, so a text may show other kinds than those that were asked for.
    """
    lines = [line for line in read_lines(text) if line.identity.kind in kinds]
    return list({line.identity: Seen(line.identity, line.checksum, place) for line in lines}.values())
