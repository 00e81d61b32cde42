"""SQL that agents write themselves, run so that it can do no harm.

In: a statement, who asks, how many rows. Out: an `Answer`. Three locks, of which two are the engine's:

1. ClickHouse parses the statement, alone (`formatQuerySingleLine`: one statement, no comments) and says what it is made
   of (`EXPLAIN AST`); `mcp_server.statement_check` holds that against lists of what is harmless.
2. It runs by a user, or in the embedded engine by a role, that may read telemetry and nothing else: no other table, no
   write, no source outside.
3. Rows, bytes, memory and time are bounded by that user's profile, or by the session's settings, in read-only mode.

A reader's scope holds as for any question: `sql.scopes` narrows every table that is read. Refused as well, as
`UnavailableError`: everything, where that user is not there or may do more than it should.
"""

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import ClassVar

from identity.audit_line import Deed
from identity.reader import Reader
from mcp_server import statement_check
from mcp_server.settings import AgentSqlSettings
from query import errors, scopes, stopping
from query.desk import new_query_id
from query.fairness import Shares
from query.freshness import Freshness
from sql import agent_user
from sql import scopes as table_scopes
from sql.signals import Subject
from store import limits as store_limits
from store.errors import NotReachableError, PermanentError, StoreError
from store.port import Answer, Limits, Select, Setting, Store

log = logging.getLogger(__name__)

NAME = "run_select_query"
_LONGEST = 20_000
_PARSE = Limits(seconds=5.0, rows=agent_user.TREE_ROWS)
_GRACE = 12.0
"""Seconds past a statement's limit after which it is given up, should ClickHouse not end it itself."""

WAIT_S = 10.0
"""Seconds that a statement waits for others of agents to end."""

MOST_WAITING = 64
LOOK_AGAIN_S = 300.0
"""Seconds after which it is looked again what the user may do: somebody may have granted it more."""

_MEND = "Make the user with `otelhouse mcp-user`, name it in mcp.sql.username and mcp.sql.password, and start again."

Record = Callable[[Deed], None]


class UnavailableError(errors.QuestionError):
    """This house runs no SQL of agents."""

    code: ClassVar[str] = "sql_unavailable"
    status: ClassVar[int] = 501


@dataclass(frozen=True, slots=True)
class AgentAnswer:
    """Rows with their circumstances."""

    answer: Answer
    narrowing: scopes.Narrowing
    signals: tuple[str, ...]
    data_through: Mapping[str, str]


class AgentSql:
    """Runs statements of agents. Lives on one event loop."""

    def __init__(
        self,
        house: Store,
        reader: Store | None,
        database: str,
        settings: AgentSqlSettings,
        record: Record | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`house` stops statements; `reader` runs them (`store.opening.open_reader`), None where there is none."""
        self._house = house
        self._reader = reader
        self._database = database
        self._settings = settings
        self._record = record
        self._is_server = bool(settings.username)
        self._looked_at = asyncio.Lock()
        self._clock = clock
        self._fit_until = -math.inf
        self._threads = ThreadPoolExecutor(settings.at_once, thread_name_prefix="agent-sql")
        self._places = asyncio.Semaphore(settings.at_once)
        self._owed = 0
        """Places that are held by threads whose statements could not be stopped."""
        self._asking = 0
        self._shares = Shares(max(1, settings.at_once - 1), 16, WAIT_S)
        self._freshness = Freshness(house, time.time_ns)

    async def ask(self, text: str, reader: Reader, rows: int) -> AgentAnswer:
        """Check and run one statement. Raises a `QuestionError`; cancelling stops it in ClickHouse."""
        if reader.role < self._settings.role.role:
            raise errors.DeniedError(
                f"SQL of your own needs the role {self._settings.role}, and yours is {reader.role.name.lower()}",
                field="role",
                mend="Use the other tools, or a token with that role.",
            )
        if len(text) > _LONGEST:
            raise errors.BadParameterError("the statement is too long", field="query", mend="Write a shorter one.")
        async with self._shares.turn(reader), self._place():
            door = await self._door()
            statement, tables = await self._checked(door, text)
            scopes.check_signals("The statement", table_scopes.signals(tables), reader.scope)
            narrowing = scopes.of_statement(NAME, statement, reader.scope)
            query_id = new_query_id(NAME)
            self._tell(reader, query_id, statement)
            answer = await self._run(door, statement, narrowing, query_id, rows)
            signals = _signals(tables)
            through = await self._freshness.of_async(map(Subject, signals), reader.scope)
            return AgentAnswer(answer, narrowing, signals, through)

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        """One of the places of those who ask or wait. Raises `BusyError`."""
        if self._asking >= self._settings.at_once + MOST_WAITING:
            raise errors.BusyError("more statements of agents wait than may", mend="Ask again in a few seconds.")
        self._asking += 1
        try:
            try:
                async with asyncio.timeout(WAIT_S):  # `wait_for` may lose a cancelling that comes with the place
                    await self._places.acquire()
            except TimeoutError as late:
                said = f"other statements of agents kept this one waiting for {WAIT_S:g} s; it was never begun"
                raise errors.BusyError(said, mend="Ask again in a few seconds.") from late
            try:
                yield
            finally:
                self._give_back_place()
        finally:
            self._asking -= 1

    def _give_back_place(self) -> None:
        if self._owed:
            self._owed -= 1  # the end of that thread gives it back
        else:
            self._places.release()

    def _keep_place(self, answer: Future[Answer]) -> None:
        """Of a statement that goes on: nobody else gets its place while its thread runs."""
        loop = asyncio.get_running_loop()
        self._owed += 1

        def ended(_: Future[Answer]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and with it who waited for a place
                loop.call_soon_threadsafe(self._places.release)

        answer.add_done_callback(ended)

    async def _door(self) -> Store:
        """The store that runs statements, once its user was looked at. Raises `UnavailableError`."""
        if self._reader is None:
            raise UnavailableError("this house runs no SQL of agents: it names no user for it", mend=_MEND)
        async with self._looked_at:
            if self._clock() >= self._fit_until:
                await self._look_at_user(self._reader)
                self._fit_until = self._clock() + LOOK_AGAIN_S
        return self._reader

    async def _look_at_user(self, door: Store) -> None:
        """Refuse a user that may do more than read telemetry; an embedded engine's role is ours to make."""
        if not self._is_server:
            return
        grants = [str(row[0]) for row in (await self._select(door, agent_user.statement("rights"))).rows]
        if more := agent_user.excess(grants, self._database):
            raise UnavailableError(
                f"the user for SQL of agents may do more than read telemetry: {more[0][:200]}", mend=_MEND
            )
        ((readonly, seconds, memory),) = (await self._select(door, agent_user.statement("profile"))).rows
        if str(readonly) not in {"1", "2"} or not int(str(seconds)) or not int(str(memory)):
            raise UnavailableError("the profile of the user for SQL of agents has no bounds", mend=_MEND)

    async def _checked(self, door: Store, text: str) -> tuple[str, frozenset[str]]:
        """The statement as ClickHouse writes it, and the tables that it reads."""
        single = Select(agent_user.statement("single_statement"), {"statement": text}, _PARSE)
        ((written,),) = (await self._select(door, single, parsing=True)).rows
        statement = statement_check.without_format(str(written))
        tree = await self._select(door, f"EXPLAIN AST {statement}", parsing=True)
        # A row a line at a server, all lines in one row embedded; no name in it has a line end (`statement_check`).
        lines = "\n".join(str(row[0]) for row in tree.rows).rstrip("\n").split("\n")
        return statement, statement_check.check(statement, lines, agent_user.readable_tables(), self._database)

    async def _run(self, door: Store, statement: str, narrowing: scopes.Narrowing, query_id: str, rows: int) -> Answer:
        settings: dict[str, Setting] = {
            "max_result_bytes": self._settings.result_bytes,
            "result_overflow_mode": "throw",
        }
        # The reader's session is read-only by itself, and at a server its profile lets nobody say so again.
        settings |= {name: value for name, value in narrowing.settings.items() if name != "readonly"}
        rows = min(rows, self._settings.rows)
        # Of a UNION with many members as many as the profile lets through, which refuses to be asked for more.
        through = agent_user.rows_of_answers(self._settings.rows)
        settings["max_result_rows"] = min(store_limits.most_rows(statement, rows), through)
        limits = Limits(
            seconds=self._settings.seconds,
            rows=rows,
            bytes_read=self._settings.bytes_read,
            memory_bytes=self._settings.memory_bytes,
        )
        try:
            asked = Select(statement, {}, limits, settings, query_id, partial=True)
            return await self._select(door, asked, narrowed=bool(narrowing))
        except errors.FailedError as failed:
            if narrowing:
                raise
            raise errors.BadParameterError(
                failed.own, field="query", quoted=failed.quoted,
                mend="Mend the statement; list_tables and describe_table tell names and types.",
            ) from failed  # fmt: skip

    async def _select(
        self, door: Store, select: Select | str, *, parsing: bool = False, narrowed: bool = False
    ) -> Answer:
        """Run a statement in a thread; whoever goes away leaves none running."""
        asked = Select(select, limits=_PARSE) if isinstance(select, str) else select
        asked = asked if asked.query_id else replace(asked, query_id=new_query_id(NAME))
        answer = self._threads.submit(door.select, asked)
        try:
            async with asyncio.timeout(asked.limits.seconds + _GRACE):
                return await asyncio.wrap_future(answer)
        except TimeoutError as late:
            raise _late(await self._stop(door, answer, asked.query_id)) from late
        except asyncio.CancelledError:
            await self._stop(door, answer, asked.query_id)
            raise
        except StoreError as problem:
            log.warning("SQL of an agent failed (query id %s): %s", asked.query_id, problem)
            raise _as_question_error(problem, parsing=parsing, narrowed=narrowed) from problem

    async def _stop(self, door: Store, answer: Future[Answer], query_id: str) -> StoreError | None:
        """Stop a statement; gives what was in the way. One that goes on keeps its place."""
        try:
            problem = await stopping.stop(answer, lambda running: self._cancel(door, running), query_id)
        finally:
            if not answer.done():
                self._keep_place(answer)
        return problem

    def _cancel(self, door: Store, query_id: str) -> None:
        """By the house, which may with the right KILL QUERY; else by the user who runs it, which some servers let."""
        try:
            self._house.cancel(query_id)
        except PermanentError as refused:
            try:
                door.cancel(query_id)
            except StoreError:
                log.warning("the house cannot stop statements of agents: GRANT KILL QUERY ON *.* to its user")
                raise refused from None

    def _tell(self, reader: Reader, query_id: str, statement: str) -> None:
        if self._record is not None:
            details = {"statement": statement, "query_id": query_id}
            self._record(Deed("agent_sql.asked", reader.name, reader.peer, "ok", "", details))

    def close(self) -> None:
        """Let go of the threads and of the reader's door; statements under way are waited for."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._freshness.close()
        if self._reader is not None:
            self._reader.close()


def _signals(tables: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({table_scopes.tables()[table].signal for table in tables} & {str(one) for one in Subject}))


def _late(problem: StoreError | None) -> errors.QuestionError:
    if isinstance(problem, NotReachableError):
        return errors.from_store(problem)
    end = "was stopped" if problem is None else "could not be stopped: it goes on until ClickHouse ends it"
    return errors.LimitExceededError(f"the statement took too long, and {end}", mend="Ask for less.")


def _as_question_error(problem: StoreError, *, parsing: bool, narrowed: bool) -> errors.QuestionError:
    """A reader who sees a part is not shown ClickHouse's words: they may quote cells of the other part."""
    if isinstance(problem, NotReachableError):
        return errors.from_store(problem, quote=not narrowed)
    if narrowed and table_scopes.DENIED in str(problem):
        return errors.DeniedError(
            "the statement reads what your scope leaves out", field="scope",
            mend="Read the tables of list_tables alone, or use a token without scope.",
        )  # fmt: skip
    if parsing:
        said = str(problem).partition(" In scope SELECT formatQuery")[0]
        mend = "Leave out SETTINGS: limits are set for you." if "readonly mode" in said else "Write one SELECT."
        return errors.BadParameterError(
            "ClickHouse cannot read the statement", field="query", mend=mend, quoted=said[:300]
        )
    return errors.from_store(problem, quote=not narrowed)
