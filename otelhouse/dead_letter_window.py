"""Dead letters over REST, for operators: send them again.

    POST /api/v1/ingest/dead_letters/retry   a JSON object: ids, signal, service, text (of the reason) or all; limit;
                                             after, where the answer before ended
    POST /api/v1/ingest/dead_letters/count   the same object; how many open letters it means

To list and to show them are questions like any other (`dead_letters`, `dead_letter`). A letter that is refused once
more stays open, so who sends many in several calls goes on with `after`: each letter then gets one turn.
In: a store, the bounds of times, and the audit trail. Out: a router. Refused: readers who are no operators, or see a
part of the data only (403); a body that is not what is asked for (400); more, while letters are being sent (503).
"""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from identity.asgi_guard import require
from identity.audit_line import Deed, Outcome
from identity.reader import Reader, Role
from ingest import resending
from ingest.dead_letters import DeadLetter, State
from ingest.resending import Wanted
from query import errors, rendering
from sql.time_bounds import Bounds
from store.errors import StoreError
from store.port import Store

ROOT = "/api/v1/ingest/dead_letters"
MOST_AT_ONCE = 1_000
"""Letters sent again in one call: each is an INSERT."""
_MAX_BODY = 65_536
_TOLD_REASONS = 20
_CURSOR = re.compile(r"(\d{1,19})\.(\d{1,19})\.([0-9a-f]{32})", re.ASCII)
_Id = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]


class Body(BaseModel):
    """What is sent again; what is empty does not narrow, but something must be said."""

    model_config = ConfigDict(extra="forbid", strict=True)

    ids: Annotated[list[_Id], Field(max_length=1_000)] = Field(default_factory=list)
    signal: Literal["", "logs", "traces", "metrics"] = ""
    service: Annotated[str, Field(max_length=1_000)] = ""
    text: Annotated[str, Field(max_length=1_000)] = ""
    all: bool = False
    """Every open letter."""
    limit: Annotated[int, Field(ge=1, le=MOST_AT_ONCE)] = MOST_AT_ONCE
    after: Annotated[str, Field(pattern=f"^({_CURSOR.pattern})?$")] = ""

    def wanted(self) -> tuple[Wanted, int]:
        """Which letters, and when the first call of this run was: what arrived later is left to another run."""
        found = _CURSOR.fullmatch(self.after)
        until, after = (int(found[1]), (int(found[2]), found[3])) if found else (time.time_ns(), (0, ""))
        return Wanted(self.ids, self.signal, self.service, self.text, self.limit, after), until

    def told(self) -> dict[str, str]:
        """The same for the audit trail."""
        return {key: str(value) for key, value in self.model_dump(exclude_defaults=True).items()}


def router(store: Store, bounds: Bounds, record: Callable[[Deed], None]) -> APIRouter:
    """The routes; `record` writes to the audit trail."""
    window = _Window(store, bounds, record)
    routes = APIRouter()
    for path, endpoint, summary in (
        ("/retry", window.retry, "Send dead letters again."),
        ("/count", window.count, "How many open dead letters would be sent again."),
    ):
        routes.add_api_route(
            f"{ROOT}{path}", endpoint, methods=["POST"], summary=summary, response_class=Response, tags=["operators"]
        )
    return routes


class _Window:
    def __init__(self, store: Store, bounds: Bounds, record: Callable[[Deed], None]) -> None:
        self._store = store
        self._bounds = bounds
        self._record = record
        self._sending = asyncio.Lock()

    async def count(self, request: Request) -> Response:
        """How many."""
        require(request.scope, Role.OPERATOR)
        wanted, until = (await _body(request)).wanted()
        try:
            letters = await asyncio.to_thread(resending.count, self._store, wanted, until)
        except StoreError as error:
            raise errors.from_store(error) from error
        return _json({"letters": letters})

    async def retry(self, request: Request) -> Response:
        """Send again."""
        reader = require(request.scope, Role.OPERATOR)
        body = await _body(request)
        if self._sending.locked():
            raise errors.BusyError("Dead letters are being sent again already", mend="Wait until that is done.")
        async with self._sending:
            return await self._send(reader, body)

    async def _send(self, reader: Reader, body: Body) -> Response:
        wanted, until = body.wanted()
        try:
            letters = await asyncio.to_thread(_resend, self._store, wanted, self._bounds, until)
        except StoreError as error:
            self._deed(reader, "failed", body.told() | {"why": str(error)})
            mend = "Try again; what was stored is not stored twice."
            raise errors.NotReachableError(f"Letters cannot be sent again now: {error}", mend=mend) from error
        stored = sum(letter.state is State.STORED for letter in letters)
        refused = len(letters) - stored
        self._deed(reader, "ok", body.told() | {"stored": str(stored), "refused": str(refused)})
        more = len(letters) >= body.limit
        return _json(
            {
                "stored": stored,
                "refused": refused,
                "reasons": _reasons(letters),
                "more": more,
                "after": _cursor(until, letters[-1]) if more else "",
            }
        )

    def _deed(self, reader: Reader, outcome: Outcome, details: Mapping[str, str]) -> None:
        self._record(Deed("dead_letter.retried", reader.name, reader.peer, outcome, details=details))


async def _body(request: Request) -> Body:
    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > _MAX_BODY:
            raise errors.TooLargeError(f"The body has more than {_MAX_BODY} bytes", mend="Name fewer letters.")
    try:
        body = Body.model_validate_json(raw or b"{}")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"])) or "body"
        mend = "Send a JSON object with ids, signal, service, text or all, and limit and after where they are needed."
        raise errors.BadParameterError(f"`{field}`: {first['msg']}", field=field, mend=mend) from error
    if not (body.ids or body.signal or body.service or body.text or body.all):
        mend = 'Name letters (`ids`), narrow by `signal`, `service` or `text`, or say {"all": true}.'
        raise errors.BadParameterError("Nothing says which letters", field="ids", mend=mend)
    return body


def _resend(store: Store, wanted: Wanted, bounds: Bounds, until: int) -> list[DeadLetter]:
    """The letters as they stand now, without their bytes: a thousand of them may be a gigabyte."""
    return [replace(letter, parts=()) for letter in resending.resend(store, wanted, bounds, until)]


def _reasons(letters: Sequence[DeadLetter]) -> dict[str, int]:
    found = Counter(letter.reason for letter in letters if letter.state is State.OPEN)
    return dict(found.most_common(_TOLD_REASONS))


def _cursor(until: int, last: DeadLetter) -> str:
    return f"{until}.{last.origin.received_unix_nano}.{last.id}"


def _json(body: object) -> Response:
    return Response(rendering.dump(body) + "\n", media_type="application/json", headers={"cache-control": "no-store"})
