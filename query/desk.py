"""The question desk: the one place where a named question becomes an answer.

In: a question's name and what was written for its parameters. Out: a `Reply`, frozen, which says beside the
rows what was asked in fact, how much was read, and whether rows were left out. Every failure is one of
`query.errors`. REST, the command line and later windows ask here and nowhere else; none of them sees SQL.

`ask` blocks; `ask_async` runs it in a bounded pool of threads, and stops the statement in ClickHouse when its
caller goes away. Waiting for a free thread and asking how fresh the data is do not count against a question's seconds:
who gets no thread in time is told that the house is busy, and rows that are there are given whatever comes after.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import MappingProxyType

from query import errors, freshness, parameters
from query.parameters import Given, Written
from query.settings import QuerySettings
from sql.catalogue import Catalogue, Question, ResultColumn
from sql.parameter import Bindable
from store.errors import NotReachableError, StoreError
from store.port import Answer, Cell, Limits, Parameter, Select, Store

log = logging.getLogger(__name__)

GRACE = 2.0
"""Seconds that ClickHouse has, past a question's limit, to say itself that the limit was reached."""

TOTAL = "_total"
"""Beside a parameter `series`, which bounds how many are shown, a column `series_total` says how many there are."""


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
    left_out: Mapping[str, int]
    """By parameter that bounds something other than rows (`series`), how many it left out; those of 0 are not in it."""
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
        freshness_seconds: float = freshness.SECONDS,
    ) -> None:
        self.questions = questions
        self.settings = settings
        self._store = store
        self._now = now
        self._grace = grace
        self._threads = ThreadPoolExecutor(settings.concurrency, thread_name_prefix="question")
        self._freshness = freshness.Freshness(store, now, seconds=freshness_seconds)
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
        answer = self._select(question, given, query_id or new_query_id(name))
        return _reply(question, given, answer, self._freshness.of(question.signals))

    async def ask_async(self, name: str, written: Mapping[str, Written]) -> Reply:
        """Answer one question beside the loop; cancelling this cancels the statement in ClickHouse."""
        question = self.question(name)
        given = parameters.settle(question, written, self._now())
        if self._asking >= self.settings.concurrency + self.settings.max_waiting:
            raise errors.BusyError("More questions are being asked than may wait", mend="Ask again in a few seconds.")
        self._asking += 1
        try:
            answer = await self._in_turn(question, given)
            return _reply(question, given, answer, await self._freshness.of_async(question.signals))
        finally:
            self._asking -= 1

    async def _in_turn(self, question: Question, given: Given) -> Answer:
        """Wait for a thread, then for the rows. Whoever goes away or is refused leaves no statement running."""
        query_id = new_query_id(question.name)
        begun: Future[None] = Future()
        asked = self._threads.submit(self._select, question, given, query_id, begun)
        try:
            await self._begin(begun, asked)
            return await self._within_deadline(question, given, query_id, asked)
        except asyncio.CancelledError:
            await self._give_up(asked, query_id)
            raise

    async def _begin(self, begun: Future[None], asked: Future[Answer]) -> None:
        """Return once a thread asks the question. Raises `BusyError` if it waited too long for one."""
        seconds = self.settings.max_wait_seconds
        await asyncio.wait({asyncio.wrap_future(begun)}, timeout=seconds)
        if not begun.done() and asked.cancel():
            raise errors.BusyError(
                f"Other questions kept this one waiting for {seconds:g} seconds; it was never begun",
                mend="Ask again in a few seconds.",
            )

    async def _within_deadline(self, question: Question, given: Given, query_id: str, asked: Future[Answer]) -> Answer:
        """The engine ends an overlong statement itself; this ends the wait should it not."""
        seconds = self._limits(question, given).seconds + self._grace
        try:
            return await asyncio.wait_for(asyncio.wrap_future(asked), seconds)
        except TimeoutError as late:
            problem = await self._give_up(asked, query_id)
            if isinstance(problem, NotReachableError):
                # That is why no rows came; a shorter time window would mend nothing.
                raise errors.from_store(problem) from problem
            raise _late(question, seconds, stopped=problem is None) from late

    async def _give_up(self, asked: Future[Answer], query_id: str) -> StoreError | None:
        """Stop what nobody waits for: in the queue if it never began, else in ClickHouse; gives what was in the way."""
        if asked.cancel() or asked.done():
            return None
        # The answer's own thread ends by itself once ClickHouse has stopped; its outcome is nobody's any
        # more.
        try:
            await asyncio.to_thread(self._store.cancel, query_id)
        except StoreError as problem:
            log.warning("the question with query id %s could not be stopped: %s", query_id, problem)
            return problem
        return None

    def _select(self, question: Question, given: Given, query_id: str, begun: Future[None] | None = None) -> Answer:
        """Ask ClickHouse; `begun` is told as soon as a thread does."""
        if begun is not None:
            begun.set_result(None)
        limits = self._limits(question, given)
        bound: dict[str, Parameter] = dict(given.bound)
        if parameters.LIMIT in bound:
            # One more than wanted, so that the port can tell an answer that ends here from one that was cut.
            bound[parameters.LIMIT] = limits.rows + 1
        try:
            return self._store.select(Select(question.sql, bound, limits, query_id=query_id))
        except StoreError as error:
            log.warning("question %s failed (query id %s): %s", question.name, query_id, error)
            raise errors.from_store(error) from error

    def _limits(self, question: Question, given: Given) -> Limits:
        rows = min(question.rows, self.settings.max_rows, int(given.values.get(parameters.LIMIT, question.rows)))
        return Limits(
            seconds=min(question.seconds, self.settings.max_seconds),
            rows=rows,
            bytes_read=self.settings.max_bytes_read,
            memory_bytes=self.settings.max_memory_bytes,
        )

    def close(self) -> None:
        """Let go of the threads; questions under way are waited for."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._freshness.close()


def new_query_id(name: str) -> str:
    """An id that tells in `system.query_log` which question it was."""
    return f"{name}-{uuid.uuid4().hex}"


def _reply(question: Question, given: Given, answer: Answer, data_through: Mapping[str, str]) -> Reply:
    found = tuple(column.name for column in answer.columns)
    promised = tuple(column.name for column in question.columns)
    if answer.rows and found != promised:
        raise _broken_promise(question, found, promised)
    left_out = _left_out(question, given, answer)
    return Reply(
        question=question.name,
        parameters=MappingProxyType(dict(given.shown)),
        window=_window(given),
        columns=question.columns,
        rows=answer.rows,
        truncated=answer.truncated or bool(left_out),
        left_out=MappingProxyType(left_out),
        elapsed=answer.elapsed,
        rows_read=answer.rows_read,
        bytes_read=answer.bytes_read,
        query_id=answer.query_id,
        data_through=MappingProxyType(dict(data_through)),
    )


def _left_out(question: Question, given: Given, answer: Answer) -> dict[str, int]:
    """What the SELECT itself cut, which the number of rows does not show: read from the `_total` columns."""
    if not answer.rows:
        return {}
    first = {column.name: cell for column, cell in zip(question.columns, answer.rows[0], strict=True)}
    cut = {
        one.name: int(str(first[one.name + TOTAL])) - int(given.values[one.name])
        for one in question.parameters
        if one.name + TOTAL in first
    }
    return {name: number for name, number in cut.items() if number > 0}


def _window(given: Given) -> Window | None:
    if parameters.SINCE not in given.shown or parameters.UNTIL not in given.shown:
        return None
    return Window(str(given.shown[parameters.SINCE]), str(given.shown[parameters.UNTIL]))


def _late(question: Question, seconds: float, *, stopped: bool) -> errors.LimitExceededError:
    end = "and was stopped" if stopped else "and could not be stopped"
    return errors.LimitExceededError(
        f"Question `{question.name}` was not answered within {seconds:g} seconds, {end}",
        mend="Ask for a shorter time window, or filter by service.",
    )


def _broken_promise(question: Question, found: tuple[str, ...], promised: tuple[str, ...]) -> errors.FailedError:
    return errors.FailedError(
        f"Question `{question.name}` answers with the columns {found}, but its header promises {promised}",
        mend="Make the header and the SELECT of the handler file agree.",
    )
