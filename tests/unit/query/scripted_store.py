"""A store whose answers are written beforehand, and a catalogue of two questions to ask it."""

import threading
from collections.abc import Callable, Sequence

from sql.catalogue import Catalogue, read_question
from store.errors import StoreError
from store.port import Answer, Column, Insert, InsertReceipt, Select

NOW = 1_767_268_800 * 10**9
"""2026-01-01T12:00:00Z"""

PATIENCE = 10.0

LISTING = """\
-- name: listing
-- summary: Lists things.
-- description: All of them.
-- doors: rest, cli, docs
-- signals: logs
-- limit rows: 50
-- limit seconds: 5
--
-- param since: DateTime64(9, 'UTC')
--   default: 1h
--   example: 2h
--   help: Start of the window.
-- param until: DateTime64(9, 'UTC')
--   default: now
--   example: 15m
--   help: End of the window.
-- param word: String
--   default:
--   example: abc
--   help: Only things with this word.
-- param limit: UInt32
--   default: 10
--   bounds: 1 .. 50
--   example: 5
--   help: The most things.
--
-- column thing: String
--   help: The thing.
-- column n: UInt64
--   help: Its number.
-- column extra: Map(String, Float64)
--   wide: yes
--   help: More about it.
SELECT thing, n, extra FROM things WHERE thing = {word:String} AND at >= {since:DateTime64(9, 'UTC')}
AND at < {until:DateTime64(9, 'UTC')} LIMIT {limit:UInt32}
"""

HIDDEN = """\
-- name: hidden
-- summary: Is for another door.
-- description: Not for REST.
-- doors: mcp
-- signals: logs
-- limit rows: 50
-- limit seconds: 5
-- column n: UInt64
--   help: A number.
SELECT 1 AS n
"""

CATALOGUE = Catalogue([read_question("listing.sql", LISTING), read_question("hidden.sql", HIDDEN)])

Things = Sequence[tuple[object, ...]]


class ScriptedStore:
    """Gives `things` for the question and `newest` for freshness; remembers what was asked and cancelled."""

    def __init__(self, things: Things = (), *, newest: int = NOW) -> None:
        self.things = list(things)
        self.newest: int | Exception = newest
        self.error: Exception | None = None
        self.uncancellable: StoreError | None = None
        self.names: tuple[str, ...] = ("thing", "n", "extra")
        self.deaf_to = 0
        """KILLs that find no statement, since it has not come to ClickHouse yet."""
        self.asked: list[Select] = []
        self.cancelled: list[str] = []
        self.begun = threading.Event()
        self.may_end = threading.Event()
        self.may_end.set()
        self.probe: Callable[[Select], Answer] | None = None
        self.while_answering: Callable[[], object] = lambda: None

    def select(self, select: Select) -> Answer:
        if "FROM things" not in select.sql:
            return self._probed(select)
        self.asked.append(select)
        self.begun.set()
        assert self.may_end.wait(PATIENCE)
        self.while_answering()
        if self.error:
            raise self.error
        rows = self.things[: select.limits.rows]
        columns = tuple(Column(name, "String") for name in self.names)
        return Answer(columns, rows, 0.25, 1000, 2000, select.query_id, truncated=len(self.things) > len(rows))

    def _probed(self, select: Select) -> Answer:
        if self.probe:
            return self.probe(select)
        if isinstance(self.newest, Exception):
            raise self.newest
        return Answer((Column("newest", "Int64"),), [(self.newest,)], 0.0, 0, 0, "")

    def cancel(self, query_id: str) -> None:
        if self.uncancellable:
            raise self.uncancellable
        self.cancelled.append(query_id)
        if len(self.cancelled) > self.deaf_to:
            self.may_end.set()

    def insert(self, insert: Insert) -> InsertReceipt:
        raise NotImplementedError("questions insert nothing")

    def close(self) -> None:
        pass
