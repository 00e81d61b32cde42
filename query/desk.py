"""The question desk: the one place where a named question becomes an answer.

In: a question's name, what was written for its parameters, and who asks. Out: a `Reply`, frozen, which says beside the
rows what was asked in fact, how much was read, whether rows were left out, and whether the reader's scope narrowed it.
Every failure is one of `query.errors`. REST, the command line and later windows ask here and nowhere else; none of them
sees SQL.

`ask` blocks; `ask_async` runs it in a bounded pool of threads, and stops the statement in ClickHouse when its
caller goes away. Waiting for a free thread and asking how fresh the data is do not count against a question's seconds:
who gets no thread in time is told that the house is busy, and rows that are there are given whatever comes after.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace

from identity.reader import Reader, Role
from query import errors, freshness, paging, parameters, reply, scopes, stopping
from query.fairness import Shares
from query.paging import Place
from query.parameters import Written
from query.reply import PLAINLY, Asked, Manner, Reply
from query.settings import QuerySettings
from sql import existing_tables
from sql import scopes as table_scopes
from sql.catalogue import Catalogue, Question
from store.errors import NotReachableError, StoreError
from store.port import Answer, Limits, Parameter, Select, Store
from store.reading import READ_ONLY

log = logging.getLogger(__name__)

GRACE = 2.0
"""Seconds that ClickHouse has, past a question's limit, to say itself that the limit was reached."""

ARROW = "ArrowStream"

UNKNOWN_COLUMN = frozenset({10, 16, 47})
"""ClickHouse's codes for a column that is not there (NOT_FOUND_COLUMN_IN_BLOCK, NO_SUCH_COLUMN, UNKNOWN_IDENTIFIER)."""

HOUSE = Reader("", Role.ADMIN)
"""The house itself, which may see everything; who asks from outside always says who."""


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
        at_once = min(settings.max_per_reader, max(1, settings.concurrency - 1))
        self._shares = Shares(at_once, settings.max_waiting_per_reader, settings.max_wait_seconds)
        self._asking = 0

    def question(self, name: str) -> Question:
        """The question of that name, or `UnknownQuestionError`."""
        if name not in self.questions:
            raise errors.unknown_question(name, self.questions)
        return self.questions[name]

    def ask(
        self,
        name: str,
        written: Mapping[str, Written],
        *,
        query_id: str = "",
        reader: Reader = HOUSE,
        manner: Manner = PLAINLY,
    ) -> Reply:
        """Answer one question; blocks until ClickHouse has answered.

        Raises a `QuestionError`. `query_id` is the caller's if it wants to cancel; else one is made.
        """
        asked = self._settle(name, written, reader, query_id, manner)
        # Before the rows: what is stored between the two must not count as looked at.
        through = self._freshness.of(asked.question.signals, reader.scope, asked.cluster)
        answer = self._select(asked)
        return reply.answered(asked, answer, self._limits(asked).rows, through)

    async def ask_async(
        self, name: str, written: Mapping[str, Written], *, reader: Reader = HOUSE, manner: Manner = PLAINLY
    ) -> Reply:
        """Answer one question beside the loop; cancelling this cancels the statement in ClickHouse."""
        asked = self._settle(name, written, reader, manner=manner)
        async with self._shares.turn(reader), self._place():
            # Before the rows, as in `ask`.
            through = await self._freshness.of_async(asked.question.signals, reader.scope, asked.cluster)
            answer = await self._in_turn(asked)
            most = self._limits(asked).rows
            if asked.arrow:
                return await asyncio.to_thread(reply.answered, asked, answer, most, through)
            return reply.answered(asked, answer, most, through)

    def _settle(
        self,
        name: str,
        written: Mapping[str, Written],
        reader: Reader,
        query_id: str = "",
        manner: Manner = PLAINLY,
    ) -> Asked:
        question = self.question(name)
        place = paging.read(manner.cursor) if manner.cursor else Place(self._now())
        given = parameters.settle(question, written, place.now)
        of = paging.digest(question, given.values)
        paging.check_belongs(place, of)
        narrowing = scopes.narrowing(question, given, reader)
        asked = Asked(question, given, narrowing, query_id or new_query_id(name), replace(place, of=of), manner.arrow)
        self._check_depth(asked)
        return asked

    def _check_depth(self, asked: Asked) -> None:
        """Passing over rows costs reading them, so there is an end to it."""
        if asked.place.offset + self._limits(asked).rows > self.settings.max_rows:
            raise errors.LimitExceededError(
                f"Further pages of `{asked.question.name}` lie beyond the {self.settings.max_rows} rows of an answer",
                field=paging.CURSOR,
                mend="Ask for a shorter time window, or narrow by another parameter.",
            )

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        """One of the places for those who are answered or wait for it. Raises `BusyError` if all are taken."""
        if self._asking >= self.settings.concurrency + self.settings.max_waiting:
            raise errors.BusyError("More questions are being asked than may wait", mend="Ask again in a few seconds.")
        self._asking += 1
        try:
            yield
        finally:
            self._asking -= 1

    async def _in_turn(self, asked: Asked) -> Answer:
        """Wait for a thread, then for the rows. Whoever goes away or is refused leaves no statement running."""
        begun: Future[None] = Future()
        answer = self._threads.submit(self._select, asked, begun)
        try:
            await self._begin(begun, answer)
            return await self._within_deadline(asked, answer)
        except asyncio.CancelledError:
            await self._give_up(answer, asked.query_id)
            raise

    async def _begin(self, begun: Future[None], answer: Future[Answer]) -> None:
        """Return once a thread asks the question. Raises `BusyError` if it waited too long for one."""
        seconds = self.settings.max_wait_seconds
        await asyncio.wait({asyncio.wrap_future(begun)}, timeout=seconds)
        if not begun.done() and answer.cancel():
            raise errors.BusyError(
                f"Other questions kept this one waiting for {seconds:g} seconds; it was never begun",
                mend="Ask again in a few seconds.",
            )

    async def _within_deadline(self, asked: Asked, answer: Future[Answer]) -> Answer:
        """The engine ends an overlong statement itself; this ends the wait should it not."""
        seconds = self._limits(asked).seconds + self._grace
        try:
            return await asyncio.wait_for(asyncio.wrap_future(answer), seconds)
        except TimeoutError as late:
            problem = await self._give_up(answer, asked.query_id)
            if isinstance(problem, NotReachableError):
                # That is why no rows came; a shorter time window would mend nothing.
                raise errors.from_store(problem) from problem
            raise _late(asked.question, seconds, stopped=problem is None) from late

    async def _give_up(self, answer: Future[Answer], query_id: str) -> StoreError | None:
        """Stop what nobody waits for; gives what was in the way. The answer is nobody's any more."""
        return await stopping.stop(answer, self._store.cancel, query_id)

    def _select(self, asked: Asked, begun: Future[None] | None = None) -> Answer:
        """Ask ClickHouse; `begun` is told as soon as a thread does."""
        if begun is not None:
            begun.set_result(None)
        offset = asked.place.offset
        limits = self._limits(asked)
        limits = replace(limits, rows=offset + limits.rows)
        bound: dict[str, Parameter] = dict(asked.given.bound)
        if parameters.LIMIT in bound:
            # One more than wanted, so that the port can tell an answer that ends here from one that was cut.
            bound[parameters.LIMIT] = limits.rows + 1
        if asked.question.goes_on:
            bound |= asked.place.bound
        try:
            settings = {"readonly": READ_ONLY, **asked.narrowing.settings}
            sql = asked.question.statement({**asked.given.values, **asked.place.bound})
            form = ARROW if asked.arrow else ""
            return self._store.select(Select(sql, bound, limits, settings, asked.query_id, form, partial=True))
        except StoreError as error:
            log.warning("question %s failed (query id %s): %s", asked.question.name, asked.query_id, error)
            raise self._not_adopted(asked.question, error) or _failure(asked, error) from error

    def _not_adopted(self, question: Question, error: StoreError) -> errors.FailedError | None:
        """Tables of an exporter or an older release may lack columns that a question reads: say which, and the mend."""
        if error.code not in UNKNOWN_COLUMN:
            return None
        try:
            lacking = existing_tables.lacking(existing_tables.read(self._store), question.sql)
        except StoreError:
            return None  # the first problem is told then
        if not lacking:
            return None
        told = "; ".join(f"{table} has no {', '.join(columns)}" for table, columns in lacking.items())
        return errors.FailedError(
            f"Question `{question.name}` reads columns that are not there: {told}",
            mend="Run `otelhouse migrate`, or for tables that a collector's exporter made `otelhouse migrate --adopt`: "
            "it adds them, and touches no row.",
        )

    def _limits(self, asked: Asked) -> Limits:
        question = asked.question
        wanted = int(asked.given.values.get(parameters.LIMIT, question.rows))
        rows = min(question.rows, self.settings.max_rows, wanted)
        return Limits(
            seconds=min(question.seconds, self.settings.max_seconds),
            rows=rows,
            bytes_read=self.settings.max_bytes_read,
            memory_bytes=self.settings.max_memory_bytes,
            result_bytes=self.settings.max_answer_bytes,
        )

    def close(self) -> None:
        """Let go of the threads; questions under way are waited for."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._freshness.close()


def new_query_id(name: str) -> str:
    """An id that tells in `system.query_log` which question it was."""
    return f"{name}-{uuid.uuid4().hex}"


def _failure(asked: Asked, error: StoreError) -> errors.QuestionError:
    """A reader who sees a part is not shown ClickHouse's words: they may quote cells of the other part."""
    if not asked.narrowing:
        return errors.from_store(error)
    if table_scopes.DENIED in str(error):
        return errors.DeniedError(
            f"Question `{asked.question.name}` reads what your scope leaves out",
            field="scope",
            mend="Use a token without scope, or ask another question.",
        )
    return errors.from_store(error, quote=False)


def _late(question: Question, seconds: float, *, stopped: bool) -> errors.LimitExceededError:
    end = "and was stopped" if stopped else "and could not be stopped"
    return errors.LimitExceededError(
        f"Question `{question.name}` was not answered within {seconds:g} seconds, {end}",
        mend="Ask for a shorter time window, or filter by service.",
    )
