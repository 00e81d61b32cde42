"""The embedded door: ClickHouse's engine in this process (chdb), on a folder of its own.

In: the port's inserts and selects, from any thread. Out: receipts and answers, as from a server.

Every statement runs on a connection of its own, opened for it (0.2 ms) and closed after it: no setting leaks into the
next statement, and none waits for another. How many run at once is bounded by the settings. `store.engine` says
which folders are refused.

chdb takes no query id from outside, so a caller's `query_id` travels as the setting `log_comment`, and `cancel` kills
by that. An insert cannot be cancelled here. Importing this module loads the engine's library (about 200 MiB of memory).
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any, ClassVar

import chdb
from chdb.state.sqlitelike import Connection
from clickhouse_driver import errors as driver_errors

from store import access, blocks, bodies, codes, engine, errors, limits, memory_file, statements
from store.access import Readable
from store.port import Answer, Cell, Column, Insert, InsertReceipt, Select, Setting
from store.settings import StoreSettings
from store.turnstile import Turnstile

CLOSE_SECONDS = 30.0


class EmbeddedStore:
    """A `store.port.Store` on the engine in this process."""

    def __init__(self, settings: StoreSettings, readable: Sequence[str] = ()) -> None:
        """`readable`: tables that an `EmbeddedReader` may read; counts for who opens the engine."""
        self._engine = engine.acquire(settings.path, settings.engine, Readable(settings.database, tuple(readable)))
        self._database = settings.database
        self._selects = Turnstile(settings.select_connections, "questions")
        self._inserts = Turnstile(settings.insert_connections, "inserts")
        self._cancels = Turnstile(settings.select_connections, "cancellations")
        self._insert_wait_s = settings.insert_timeout_s
        # One question may take half of the engine's memory, so that it fails alone and takes no insert with it.
        self._engine_settings: dict[str, Setting] = {"max_memory_usage": settings.engine.memory_bytes // 2}
        if settings.engine.threads:
            self._engine_settings["max_threads"] = settings.engine.threads
        self._closed = False

    def insert(self, insert: Insert) -> InsertReceipt:
        """Write; returns when the engine holds every row. Raises a `StoreError`."""
        begin = time.monotonic()
        with (
            self._inserts.turn(self._insert_wait_s),
            self._connection(codes.Verb.INSERT) as connection,
            memory_file.holding(bodies.coalesced(insert.chunks)) as path,
        ):
            try:
                connection.query(statements.insert(insert, infile=path), "Null")
            except chdb.ChdbError as error:
                if codes.code_in(str(error)) != codes.INSERT_WAS_DEDUPLICATED:
                    raise
        return InsertReceipt(elapsed=time.monotonic() - begin)

    def select(self, select: Select) -> Answer:
        """Ask, or run a statement without an answer. Raises a `StoreError`."""
        begin = time.monotonic()
        parameters = statements.parameters(select.parameters)
        settings = self._engine_settings | limits.settings(select)
        if select.query_id:
            settings["log_comment"] = select.query_id
        with self._selects.turn(select.limits.seconds):
            with self._session(select.query_id) as connection:
                connection.query(f"SET {statements.settings_list(settings)}", "Null")
                result = connection.query(select.sql, select.format or "Native", parameters)
                body = result.bytes()
                if select.format:
                    return _as_bytes(select, body, result, time.monotonic() - begin)
                columns, rows = _read(body)
            if not columns and statements.is_question(select.sql):
                columns = self._columns_of_nothing(select, parameters)
        rows, truncated = limits.cut(rows, select.limits)
        return Answer(
            columns=columns,
            rows=rows,
            elapsed=time.monotonic() - begin,
            rows_read=result.storage_rows_read(),
            bytes_read=result.storage_bytes_read(),
            query_id=select.query_id,
            truncated=truncated,
        )

    def cancel(self, query_id: str) -> None:
        """Stop the statements that run with this id."""
        if not query_id or self._closed:
            return
        with self._cancels.turn(CLOSE_SECONDS), self._connection(codes.Verb.SELECT) as connection:
            connection.query(statements.CANCEL_BY_COMMENT, "Null", statements.parameters({"query_id": query_id}))

    def close(self) -> None:
        """Let nobody in, wait for who is inside, and give the engine back. Safe twice.

        Raises `RetryableError` if a statement runs on for longer than `CLOSE_SECONDS`; the folder then stays held.
        """
        if self._closed:
            return
        deadline = time.monotonic() + CLOSE_SECONDS
        self._selects.close()
        self._inserts.close()
        for turnstile in (self._selects, self._inserts, self._cancels):  # cancelling may be what ends the others
            turnstile.close()
            if not turnstile.wait_until_empty(max(0.0, deadline - time.monotonic())):
                message = f"a statement still runs after {CLOSE_SECONDS:g} s: cancel it and close again"
                raise errors.RetryableError(message)
        self._closed = True
        engine.release(self._engine)

    def _columns_of_nothing(self, select: Select, parameters: dict[str, str]) -> tuple[Column, ...]:
        """Find the columns of an answer without rows, which `FORMAT Native` leaves out."""
        with self._session(select.query_id) as connection:
            connection.query(f"SET {statements.settings_list(limits.settings_beside_rows(select))}", "Null")
            _, described = _read(connection.query(statements.describe(select.sql), "Native", parameters).bytes())
        return blocks.columns((str(name), str(type_name)) for name, type_name, *_ in described)

    def _session(self, query_id: str) -> AbstractContextManager[Connection]:
        """A connection for one question."""
        return self._connection(codes.Verb.SELECT, query_id)

    @contextmanager
    def _connection(self, verb: codes.Verb, query_id: str = "") -> Iterator[Connection]:
        try:
            connection = self._engine.connect()
            try:
                connection.query(f"USE {statements.identifier(self._database)}", "Null")
                yield connection
            finally:
                connection.close()
        except driver_errors.UnknownTypeError as error:
            raise blocks.unreadable(error) from error
        except UnicodeDecodeError as error:
            # The engine quotes the rows that it refuses, whatever their bytes, and chdb reads its message as UTF-8.
            raise _as_store_error(RuntimeError(error.object.decode("utf-8", "replace")), verb, query_id) from error
        except OSError as error:  # no memory or no file for an insert's body
            raise errors.OverloadedError(f"no room for the body of an insert: {error.strerror}") from error
        except (chdb.ChdbError, RuntimeError) as error:
            raise _as_store_error(error, verb, query_id) from error


class _InRole(EmbeddedStore):
    """The same engine, each statement in a session that takes on a role before the statement comes."""

    role: ClassVar[str]
    readonly: ClassVar[Setting]

    def insert(self, insert: Insert) -> InsertReceipt:
        """Refuse: a reader writes nothing."""
        raise errors.MisconfiguredError(f"this store reads only, and {insert.table} is to be written")

    def select(self, select: Select) -> Answer:
        """Ask. Raises a `StoreError`."""
        return super().select(replace(select, settings={"readonly": self.readonly, **select.settings}))

    @contextmanager
    def _session(self, query_id: str) -> Iterator[Connection]:
        with super()._session(query_id) as connection:
            connection.query(f"SET ROLE {self.role}", "Null")
            yield connection


class EmbeddedQuestions(_InRole):
    """The same engine for questions: each in a session that may read every table, and do nothing else."""

    role = access.QUESTIONS_ROLE
    readonly = 2


class EmbeddedReader(_InRole):
    """The same engine for statements that are not ours: each in a session that may read a few tables and no more.

    The session takes on `access.READER_ROLE` before the statement comes, and a read-only mode that no SETTINGS of the
    statement ends. Who gives it more than one statement at once gives away the first: the engine runs them all.
    """

    role = access.READER_ROLE
    readonly = 1

    def __init__(self, settings: StoreSettings) -> None:
        super().__init__(settings)
        readable = self._engine.readable
        if readable is None or not readable.tables or readable.database != settings.database:
            self.close()
            raise errors.MisconfiguredError(
                f"the engine on {settings.path} was opened without tables of database {settings.database} that "
                "statements of others may read"
            )

    def select(self, select: Select) -> Answer:
        """Ask. Raises a `StoreError`."""
        return super().select(replace(select, settings={**select.settings, "readonly": self.readonly}))


def _as_bytes(select: Select, body: bytes, result: Any, elapsed: float) -> Answer:  # noqa: ANN401  chdb's, without types
    read = {"rows_read": result.storage_rows_read(), "bytes_read": result.storage_bytes_read()}
    return Answer((), [], elapsed, query_id=select.query_id, body=body, **read)


def _as_store_error(error: Exception, verb: codes.Verb, query_id: str) -> errors.StoreError:
    message = str(error)
    code = codes.code_in(message)
    if code is None:
        return errors.RetryableError(f"the engine failed: {codes.shorten(message)}", query_id=query_id)
    return codes.error(code, message, verb, query_id)


def _read(body: bytes) -> tuple[tuple[Column, ...], list[tuple[Cell, ...]]]:
    columns: tuple[Column, ...] = ()
    rows: list[tuple[Cell, ...]] = []
    for block in blocks.read_format(body):
        header = block.columns_with_types
        columns = columns or blocks.columns(header)
        rows += blocks.rows(header, block.get_columns())
    return columns, rows
