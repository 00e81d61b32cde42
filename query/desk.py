"""The question desk: the one place where a named question becomes an answer.

In: a question's name and what was written for its parameters. Out: a `Reply`, frozen, which says beside the
rows what was asked in fact, how much was read, and whether rows were left out. Every failure is one of
`query.errors`. REST, the command line and later windows ask here and nowhere else; none of them sees SQL.

`ask` blocks; `ask_async` runs it in a bounded pool of threads, and stops the statement in ClickHouse when its
caller goes away.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import MappingProxyType

from query import errors, parameters
from query.parameters import Given, Written
from query.settings import QuerySettings
from sql import catalogue
from sql.catalogue import Catalogue, Question, ResultColumn
from sql.parameter import Bindable, iso_time
from sql.signals import Signal
from store.errors import StoreError
from store.port import Answer, Cell, Limits, Parameter, Select, Store

log = logging.getLogger(__name__)

FRESHNESS_LIMITS = Limits(seconds=2.0, rows=1)
"""The newest time of a table comes from its parts' own minimum and maximum, so this is plenty."""

GRACE = 2.0
"""Seconds that ClickHouse has, past a question's limit, to say itself that the limit was reached."""


@dataclass(frozen=True, slots=True)
class Window:
    """From when (included) to when (left out) an answer looks; RFC 3339 in UTC."""

    since: str
    until: str


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with its circumstances."""

    question: str
    parameters: Mapping[str, Bindable]
    """As they were in force, defaults included; times in RFC 3339."""
    window: Window | None
    columns: tuple[ResultColumn, ...]
    rows: list[tuple[Cell, ...]]
    truncated: bool
    """True exactly when there were more rows than the answer holds."""
    elapsed: float
    """Seconds, from asking ClickHouse to holding the rows."""
    rows_read: int
    bytes_read: int
    query_id: str
    data_through: Mapping[str, str]
    """By signal, the newest time that ClickHouse holds; one that is empty or cannot say is left out."""


class Desk:
    """Answers named questions from one store. Safe to use from several threads."""

    def __init__(
        self,
        store: Store,
        questions: Catalogue,
        settings: QuerySettings,
        *,
        now: Callable[[], int] = time.time_ns,
        grace: float = GRACE,
    ) -> None:
        self.questions = questions
        self.settings = settings
        self._store = store
        self._now = now
        self._grace = grace
        self._threads = ThreadPoolExecutor(settings.concurrency, thread_name_prefix="question")
        self._asking = 0

    def question(self, name: str) -> Question:
        """The question of that name, or `UnknownQuestionError`."""
        if name not in self.questions:
            raise errors.unknown_question(name, self.questions)
        return self.questions[name]

    def ask(self, name: str, written: Mapping[str, Written], *, query_id: str = "") -> Reply:
        """Answer one question; blocks until ClickHouse has answered.

        Raises a `QuestionError`. `query_id` is the caller's if it wants to cancel; else one is made.
        """
        question = self.question(name)
        given = parameters.settle(question, written, self._now())
        return self._answer(question, given, query_id or new_query_id(name))

    async def ask_async(self, name: str, written: Mapping[str, Written]) -> Reply:
        """Answer one question beside the loop; cancelling this cancels the statement in ClickHouse."""
        question = self.question(name)
        given = parameters.settle(question, written, self._now())
        if self._asking >= self.settings.concurrency + self.settings.max_waiting:
            raise errors.BusyError("More questions are being asked than may wait", mend="Ask again in a few seconds.")
        self._asking += 1
        try:
            return await self._within_deadline(question, given)
        finally:
            self._asking -= 1

    async def _within_deadline(self, question: Question, given: Given) -> Reply:
        """The engine ends an overlong statement itself; this ends the wait should it, or the queue, not."""
        query_id = new_query_id(question.name)
        asked = self._threads.submit(self._answer, question, given, query_id)
        seconds = self._limits(question, given).seconds + self._grace
        try:
            return await asyncio.wait_for(asyncio.wrap_future(asked), seconds)
        except TimeoutError as late:
            await self._give_up(asked, query_id)
            raise _late(question, seconds) from late
        except asyncio.CancelledError:
            await self._give_up(asked, query_id)
            raise

    async def _give_up(self, asked: Future[Reply], query_id: str) -> None:
        """Stop what nobody waits for: in the queue if it never began, else in ClickHouse."""
        if asked.cancel() or asked.done():
            return
        # The answer's own thread ends by itself once ClickHouse has stopped; its outcome is nobody's any
        # more.
        await asyncio.to_thread(self._store.cancel, query_id)

    def _answer(self, question: Question, given: Given, query_id: str) -> Reply:
        limits = self._limits(question, given)
        bound: dict[str, Parameter] = dict(given.bound)
        if parameters.LIMIT in bound:
            # One more than wanted, so that the port can tell an answer that ends here from one that was cut.
            bound[parameters.LIMIT] = limits.rows + 1
        try:
            answer = self._store.select(Select(question.sql, bound, limits, query_id=query_id))
        except StoreError as error:
            log.warning("question %s failed (query id %s): %s", question.name, query_id, error)
            raise errors.from_store(error) from error
        return self._reply(question, given, answer)

    def _limits(self, question: Question, given: Given) -> Limits:
        rows = min(question.rows, self.settings.max_rows, int(given.values.get(parameters.LIMIT, question.rows)))
        return Limits(
            seconds=min(question.seconds, self.settings.max_seconds),
            rows=rows,
            bytes_read=self.settings.max_bytes_read,
            memory_bytes=self.settings.max_memory_bytes,
        )

    def _reply(self, question: Question, given: Given, answer: Answer) -> Reply:
        found = tuple(column.name for column in answer.columns)
        promised = tuple(column.name for column in question.columns)
        if answer.rows and found != promised:
            raise _broken_promise(question, found, promised)
        return Reply(
            question=question.name,
            parameters=MappingProxyType(dict(given.shown)),
            window=_window(given),
            columns=question.columns,
            rows=answer.rows,
            truncated=answer.truncated,
            elapsed=answer.elapsed,
            rows_read=answer.rows_read,
            bytes_read=answer.bytes_read,
            query_id=answer.query_id,
            data_through=MappingProxyType({s.value: t for s in question.signals if (t := self._through(s))}),
        )

    def _through(self, signal: Signal) -> str | None:
        """The newest time stored of a signal, or None where that would mislead."""
        try:
            answer = self._store.select(Select(catalogue.probe(f"newest_{signal}"), limits=FRESHNESS_LIMITS))
        except StoreError as error:
            # The rows are right without it, and leaving it out says that it is not known.
            log.warning("how fresh %s are is not known: %s", signal, error)
            return None
        newest = int(str(answer.rows[0][0])) if answer.rows else 0
        # A sender whose clock runs ahead must not make the house look fresher than now.
        return iso_time(newest) if 0 < newest <= self._now() else None

    def close(self) -> None:
        """Let go of the threads; questions under way are waited for."""
        self._threads.shutdown(wait=True, cancel_futures=True)


def new_query_id(name: str) -> str:
    """An id that tells in `system.query_log` which question it was."""
    return f"{name}-{uuid.uuid4().hex}"


def _window(given: Given) -> Window | None:
    if parameters.SINCE not in given.shown or parameters.UNTIL not in given.shown:
        return None
    return Window(str(given.shown[parameters.SINCE]), str(given.shown[parameters.UNTIL]))


def _late(question: Question, seconds: float) -> errors.LimitExceededError:
    return errors.LimitExceededError(
        f"Question `{question.name}` was not answered within {seconds:g} seconds, and was stopped",
        mend="Ask for a shorter time window, or filter by service.",
    )


def _broken_promise(question: Question, found: tuple[str, ...], promised: tuple[str, ...]) -> errors.FailedError:
    return errors.FailedError(
        f"Question `{question.name}` answers with the columns {found}, but its header promises {promised}",
        mend="Make the header and the SELECT of the handler file agree.",
    )
