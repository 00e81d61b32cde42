"""The places that are asked again and again until they show what was sent: ClickHouse, REST, MCP.

In: items, and the kinds still missing. Out: what the place shows of them now, as `Seen`s; a `LookError` where it cannot
be asked. Nothing here waits longer than the seconds it is given.
"""

import json
from collections.abc import Collection, Sequence
from typing import Protocol

from canary import doors, questions
from canary.doors import Door, Request, UnreachableError
from canary.finding import MCP, REST, STORED, LookError, Records, StoredRow
from canary.items import Item, checksum, read_lines
from canary.judging import Seen
from canary.questions import Asked

_JSON = {"content-type": "application/json", "accept": "application/json"}
_MOST_TOKENS = 15_000
"""What one answer of MCP may have."""


class Place(Protocol):
    """Somewhere to look."""

    leg: str

    def look(self, items: Sequence[Item], kinds: Collection[str], seconds: float) -> list[Seen]:
        """What is there of these kinds. Raises `LookError`."""


class Stored:
    """ClickHouse itself."""

    leg = STORED

    def __init__(self, records: Records, since: int) -> None:
        """`since`: the beat before, so that what comes behind it is seen."""
        self._records = records
        self._since = since
        self.rows: Sequence[StoredRow] = ()
        """What the last look found."""

    def look(self, items: Sequence[Item], kinds: Collection[str], seconds: float) -> list[Seen]:
        """What is there, of earlier beats as well."""
        until = max(item.sent for item in items)
        self.rows = self._records.rows(self._since, until)
        return seen_rows(self.rows)


def seen_rows(rows: Sequence[StoredRow]) -> list[Seen]:
    """Rows as sightings, in the order in which ClickHouse got them."""
    return [
        Seen(line.identity, line.checksum, row.ingested, checksum(line.identity, row.fields) == line.checksum)
        for row in rows
        for line in list(read_lines(row.line))[:1]
    ]


class Rest:
    """Questions over REST."""

    leg = REST

    def __init__(self, door: Door) -> None:
        self._door = door

    def look(self, items: Sequence[Item], kinds: Collection[str], seconds: float) -> list[Seen]:
        """Ask until all kinds were asked for. The first question that is not answered ends it."""
        return [seen for one in questions.questions(kinds, items[0].sent) for seen in self._ask(one, seconds)]

    def _ask(self, asked: Asked, seconds: float) -> list[Seen]:
        body = json.dumps(asked.parameters).encode()
        status, answer = _answer(self._door, f"/api/v1/questions/{asked.question}?format=json", body, seconds)
        if status != 200:
            raise LookError(f"question {asked.question}: it says {status}: {_told(answer)}")
        rows = answer.get("rows") if isinstance(answer, dict) else None
        if not isinstance(rows, list):
            raise LookError(f"question {asked.question}: the answer has no rows")
        return [seen for row in rows for seen in questions.seen_in(json.dumps(row), asked.kinds)]


class Mcp:
    """Tools of agents."""

    leg = MCP

    def __init__(self, door: Door) -> None:
        self._door = door

    def look(self, items: Sequence[Item], kinds: Collection[str], seconds: float) -> list[Seen]:
        """Call tools until all kinds were asked for. The first that is not answered ends it."""
        return [seen for one in questions.questions(kinds, items[0].sent) for seen in self._call(one, seconds)]

    def _call(self, asked: Asked, seconds: float) -> list[Seen]:
        arguments = {**asked.parameters, "max_tokens": _MOST_TOKENS, "detail": "full"}
        params = {"name": asked.question, "arguments": arguments}
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        status, answer = _answer(self._door, "", json.dumps(call).encode(), seconds)
        result = answer.get("result") if isinstance(answer, dict) else None
        if status != 200 or not isinstance(result, dict) or result.get("isError"):
            raise LookError(f"tool {asked.question}: it says {status}: {_told(result or answer)}")
        return questions.seen_in(json.dumps(result), asked.kinds)


def _answer(door: Door, path: str, body: bytes, seconds: float) -> tuple[int, object]:
    try:
        status, _, answer = doors.ask(door, Request("POST", path, body, _JSON), seconds)
        return status, json.loads(answer or b"null")
    except UnreachableError as problem:
        raise LookError(str(problem)) from problem
    except ValueError as problem:
        raise LookError(f"{door.place}: the answer is no JSON") from problem


def _told(answer: object) -> str:
    return json.dumps(answer)[:300]
