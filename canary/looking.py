"""The places that are asked until they show what was sent: ClickHouse, REST, MCP.

In: a door or records, and a window of time. Out: what the place shows now, as `Seen`s; a `LookError` where it cannot be
asked, and where its answer is not whole: without some shards, or with more rows than it gives. Nothing here waits
longer than the seconds it is given.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from canary import doors, questions
from canary.doors import Door, Request, UnreachableError
from canary.finding import MCP, REST, STORED, LookError, NotKnownError, Records, StoredRow
from canary.judging import Seen
from canary.questions import MOST_PAGES, QUESTION

_JSON = {"content-type": "application/json", "accept": "application/json"}
_MOST_TOKENS = 15_000
"""What one answer of MCP may have."""
_Row = TypeVar("_Row")
_INVALID_PARAMS = -32602
"""An unknown tool, among others: https://modelcontextprotocol.io/specification/2025-06-18/server/tools#error-handling"""


class Place(Protocol):
    """Somewhere to look."""

    leg: str

    def look(self, seconds: float) -> list[Seen]:
        """What is there. Raises `LookError`."""


class Stored:
    """ClickHouse itself."""

    leg = STORED

    def __init__(self, records: Records, since: int, until: int) -> None:
        """`since`: some beats before, so that what comes behind them is seen."""
        self._records = records
        self._window = since, until
        self.rows: Sequence[StoredRow] | None = None
        """What the last look found, of earlier beats as well."""

    def look(self, seconds: float) -> list[Seen]:
        """What is there, of earlier beats as well."""
        self.rows = self._records.rows(*self._window)
        return questions.seen_rows(self.rows)


class Rest:
    """The question over REST."""

    leg = REST

    def __init__(self, door: Door, since: int, until: int) -> None:
        self._door = door
        self._window = questions.window(since, until)
        self.rows: Sequence[StoredRow] = ()

    def look(self, seconds: float) -> list[Seen]:
        """What is there, of earlier beats as well."""
        self.rows = ()
        rows = _pages(f"question {QUESTION}", self._page, seconds)
        self.rows = rows
        return questions.seen_rows(rows)

    def _page(self, cursor: str, seconds: float) -> tuple[list[StoredRow], str]:
        wanted = {**self._window, "cursor": cursor} if cursor else self._window
        path = f"/api/v1/questions/{QUESTION}?format=json"
        status, answer = _answer(self._door, path, wanted, seconds)
        if status == 404 and "unknown_question" in _told(answer):
            raise NotKnownError("REST does not know the canary's question; it is of an older release")
        rows = answer.get("rows")
        if status != 200 or not isinstance(rows, list):
            raise LookError(f"question {QUESTION}: it says {status}: {_told(answer)}")
        _check_whole(f"question {QUESTION}", answer)
        return [questions.row_of(row) for row in rows], str(answer.get("next_cursor") or "")


class Mcp:
    """The same as a tool of agents."""

    leg = MCP

    def __init__(self, door: Door, since: int, until: int) -> None:
        self._door = door
        self._window = questions.window(since, until)

    def look(self, seconds: float) -> list[Seen]:
        """What is there."""
        return _pages(f"tool {QUESTION}", self._page, seconds)

    def _page(self, cursor: str, seconds: float) -> tuple[list[Seen], str]:
        # All columns: what the checksum is over is too wide for models.
        arguments = {**self._window, "detail": "full", "max_tokens": _MOST_TOKENS}
        arguments |= {"cursor": cursor} if cursor else {}
        params = {"name": QUESTION, "arguments": arguments}
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        status, answer = _answer(self._door, "", call, seconds)
        result = answer.get("result")
        if _unknown_tool(answer):
            raise NotKnownError("MCP does not know the canary's question; it is of an older release")
        if status != 200 or not isinstance(result, dict) or result.get("isError"):
            raise LookError(f"tool {QUESTION}: it says {status}: {_told(result or answer)}")
        structured = result.get("structuredContent")
        said = structured if isinstance(structured, dict) else {}
        _check_whole(f"tool {QUESTION}", said)
        rows = questions.table_rows(said.get("tables"))
        return questions.seen_by_agents(rows, _text(result)), str(said.get("next_cursor") or "")


def _pages(what: str, page: Callable[[str, float], tuple[list[_Row], str]], seconds: float) -> list[_Row]:
    """Read all pages within so many seconds. Raises `LookError`, also where there are too many."""
    until = time.monotonic() + seconds
    found, cursor = page("", seconds)
    for _ in range(MOST_PAGES - 1):
        left = until - time.monotonic()
        if not cursor or left <= 0:
            break
        more, cursor = page(cursor, left)
        found += more
    if cursor:
        raise LookError(f"{what}: its answer has more than {len(found)} rows, or takes longer than {seconds:g} s")
    return found


def _text(result: Mapping[str, object]) -> str:
    """What a model reads of a tool's answer."""
    parts = result.get("content")
    texts = [part.get("text") for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    return "\n".join(str(text) for text in texts)


def _unknown_tool(answer: Mapping[str, object]) -> bool:
    error = answer.get("error")
    return isinstance(error, dict) and error.get("code") == _INVALID_PARAMS and "Unknown tool" in str(error)


def _check_whole(what: str, answer: Mapping[str, object]) -> None:
    if answer.get("partial"):
        raise LookError(f"{what}: shards do not answer: {_told(answer.get('missing_shards'))}")


def _answer(door: Door, path: str, body: object, seconds: float) -> tuple[int, dict[str, object]]:
    """Status and the JSON object that came; an empty one for other JSON. Raises `LookError`."""
    try:
        status, _, answer = doors.ask(door, Request("POST", path, json.dumps(body).encode(), _JSON), seconds)
        told = json.loads(answer or b"null")
    except UnreachableError as problem:
        raise LookError(str(problem)) from problem
    except (ValueError, RecursionError) as problem:
        raise LookError(f"{door.place}: the answer is no JSON") from problem
    return status, told if isinstance(told, dict) else {"answer": told}


def _told(answer: object) -> str:
    return json.dumps(answer)[:300]
