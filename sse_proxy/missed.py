"""What a client missed in a stream, over REST: the rows that arrived between two moments, in the same form.

In: a watch and two moments. Out: rows, and from where to go on if there are more. ClickHouse keeps the reader's scope
here, as for any question (`sql.scopes`). Refused, with a `query.errors.QuestionError`: too many who ask at once. Who
goes away before the answer is there leaves no statement running.
"""

import asyncio
import logging
import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from query import errors, scopes
from sql.scopes import OF_THE_HOUSE
from sse_proxy import rows, statements
from sse_proxy.asking import JSON_AS_IT_IS, STOPPED
from sse_proxy.rows import Read
from sse_proxy.watching import Watch
from store.errors import LimitError, StoreError
from store.port import Answer, Limits, Select, Store

_log = logging.getLogger(__name__)

MOST_READ = 20_000
"""Rows that one request looks at."""
_FEWER = 20
"""Times fewer, where so many are too large for one answer."""
_RESULT_BYTES = 64 * 1024**2
_WHOLE = 2**31
"""Bytes of a row: here it comes however large it is."""
_SECONDS = 30.0
_AT_ONCE, _WAITING = 2, 32


@dataclass(frozen=True, slots=True)
class Found:
    """Rows, oldest first."""

    data: Sequence[str]
    """JSON each."""
    through: int
    """All rows until this moment are here."""
    more: bool
    """There may be rows behind `through`."""


class Missed:
    """Belongs to one event loop."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._asking = 0

    async def between(self, watch: Watch, after: int, until: int, most: int) -> Found:
        """The rows that are seen, of those that arrived after `after` and until `until`; about `most` at most."""
        if self._asking >= _AT_ONCE + _WAITING:
            raise errors.BusyError("Too many ask for what they missed", mend="Ask again in a few seconds.")
        self._asking += 1
        try:
            await self._turns.acquire()
        except asyncio.CancelledError:
            self._asking -= 1
            raise
        asking = _Asking(f"{watch.feed.name}_missed-{uuid.uuid4().hex}")
        answer = asyncio.create_task(asyncio.to_thread(self._ask, asking, watch, after, until))
        answer.add_done_callback(self._ended)
        try:
            return _seen(watch, await asyncio.shield(answer), until, most)
        except asyncio.CancelledError:
            await self._stop(asking)
            raise

    def _ended(self, answer: asyncio.Task[Answer]) -> None:
        """Its thread has ended, so that there is a place again."""
        self._turns.release()
        self._asking -= 1
        if not answer.cancelled():
            answer.exception()  # told to who waits; where nobody does, to nobody

    async def _stop(self, asking: "_Asking") -> None:
        asking.stopped.set()
        try:
            await asyncio.to_thread(self._store.cancel, asking.query_id)
        except StoreError as problem:
            _log.warning("the question with query id %s could not be stopped: %s", asking.query_id, problem)

    def _ask(self, asking: "_Asking", watch: Watch, after: int, until: int) -> Answer:
        """Ask for many rows, and for fewer where those are too large for one answer."""
        most = MOST_READ
        while True:
            try:
                answer = self._select(asking, watch, after, until, most)
            except LimitError as error:
                if asking.stopped.is_set() or error.code in STOPPED or most == 1:
                    raise errors.from_store(error, quote=watch.scope.everything) from error
                most = max(1, most // _FEWER)
                continue
            except StoreError as error:
                raise errors.from_store(error, quote=watch.scope.everything) from error
            if most < MOST_READ and answer.truncated and len({row[0] for row in answer.rows}) < 2:
                raise errors.LimitExceededError(
                    "The rows of one moment are too large for one answer", mend="Ask a question with a narrower filter."
                )
            return answer

    def _select(self, asking: "_Asking", watch: Watch, after: int, until: int, most: int) -> Answer:
        if asking.stopped.is_set():
            raise LimitError("nobody waits for it any more")
        name = f"{watch.feed.name}_missed"
        sql = statements.statement(name)
        narrowing = scopes.of_statement(name, sql, watch.scope, asked=OF_THE_HOUSE)  # `Watch.match` leaves it out
        bound = {"after": after, "until": until, "limit": most + 1, "row_bytes": _WHOLE}
        limits = Limits(_SECONDS, most, result_bytes=_RESULT_BYTES)
        settings = {**JSON_AS_IT_IS, **narrowing.settings}
        return self._store.select(Select(sql, bound, limits, settings, asking.query_id))


class _Asking:
    """One request, as its thread knows it."""

    def __init__(self, query_id: str) -> None:
        self.query_id = query_id
        self.stopped = threading.Event()
        """Nobody waits for it."""


def _seen(watch: Watch, answer: Answer, until: int, most: int) -> Found:
    """Look at the rows moment by moment, so that what is given is whole until `through`."""
    match = watch.match()
    found: list[str] = []
    through = 0
    known: set[int] = set()
    for moment, group in _moments(list(rows.read(watch.feed, answer.rows)), cut=answer.truncated):
        fresh = [row for row in group if match(row.values) and row.id not in known]
        if found and len(found) + len(fresh) > most:
            return Found(found, through, more=True)
        known.update(row.id for row in fresh)
        found += [row.data for row in fresh]
        through = moment
    return Found(found, through if answer.truncated else until, more=answer.truncated)


def _moments(read: Sequence[Read], *, cut: bool) -> list[tuple[int, list[Read]]]:
    """By moment; the last is left out where the answer was cut in it, unless it is the only one."""
    groups: dict[int, list[Read]] = {}
    for row in read:
        groups.setdefault(row.ingested, []).append(row)
    if cut and len(groups) > 1:
        groups.popitem()
    return list(groups.items())
