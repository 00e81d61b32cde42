"""What a follower of a stream missed, fetched from the house, so that a gap is filled where it stands.

In: the data of a `gap`, as docs/streams.md has it, and the house. Out: rows, oldest first, JSON each, and remarks on
what could not be fetched. It fetches what the house no longer kept in memory when the follower came (`late`); the rows
of other gaps may be too many for who follows, or partly known: of those it says where they are.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit

from otelhouse import house_client
from otelhouse.house_access import Access

MOST = 10_000
"""Rows of one gap; who wants more asks a question."""

Remark = Callable[[str], None]


def fill(url: str, access: Access, told: Mapping[str, str | int | None], remark: Remark) -> Iterator[str]:
    """The rows of this gap. A refusal or a house that is gone is a remark, since the stream itself goes on."""
    fetch = told["fetch"]
    if told["reason"] != "late" or not isinstance(fetch, str):
        remark(missing(told))
        return
    given = 0
    path: str | None = fetch
    try:
        while path is not None:
            page = house_client.call(url, "GET", path, access=access)
            rows = [json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in page["rows"]]
            yield from rows
            given += len(rows)
            path = _next(path, page["through"]) if page["more"] else None
            if path is not None and given >= MOST:
                remark(f"{given} rows were fetched and there are more; the house has them at {path}")
                return
    except (house_client.Refusal, house_client.Unreachable) as problem:
        remark(f"{missing({**told, 'fetch': path})}: {problem}")


def missing(told: Mapping[str, str | int | None]) -> str:
    """Say that rows are missing here, and where the house has them."""
    number = f"{told['rows']} rows" if told["rows"] is not None else "rows"
    where = f"; the house has them at {told['fetch']}" if told["fetch"] else ""
    return f"{number} are missing here, from {told['from'] or '?'} to {told['to']} ({told['reason']}){where}"


def _next(path: str, through: str) -> str:
    parts = urlsplit(path)
    query = [(name, through if name == "after" else value) for name, value in parse_qsl(parts.query)]
    return parts._replace(query=urlencode(query)).geturl()
