"""One migrator at a time, on any ClickHouse: no Keeper, no session, no second connection.

In: a store whose database has (or may have) the table otel_schema_lock. Out: a held `MigrationLock`, or
`LockHeldError`.

The lock is the name of that table's only column: `free`, or `held_TOKEN_SINCE_UNTIL` (Unix seconds by the engine's
own clock). It is taken, kept and given back by renaming the column, which ClickHouse refuses if the column has
another name by now; that makes the rename a compare-and-swap. The table is of the engine Memory, where a rename is a
change of metadata and nothing else, and metadata outlives a restart.

A migrator that dies leaves a lock behind. It is taken over when its lease ends (60 s), or at once if the engine was
started after the lock was taken: an embedded engine dies with its migrator. A migrator renews its lease before each
statement, and a statement may not run longer than the lease. One that slept past its lease finds its column gone and
stops with `LockLostError` before the next statement.
"""

import re
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import resources

from sql.rendering import fill, identifier
from store.errors import StoreError
from store.port import Select, Store

LEASE_SECONDS = 60
STATEMENT_SECONDS = 50.0
"""The longest that one statement under the lock may run."""

_FREE = "free"
_POLL_SECONDS = 0.5
_HELD = re.compile(r"held_(?P<token>[0-9a-f]+)_(?P<since>\d+)_(?P<until>\d+)")
_NO_SUCH_COLUMN = frozenset({10, 16, 47})
"""NOT_FOUND_COLUMN_IN_BLOCK, NO_SUCH_COLUMN_IN_TABLE, UNKNOWN_IDENTIFIER."""


class LockHeldError(Exception):
    """Another migrator works on this database, and did not end in time."""


class LockLostError(Exception):
    """This migrator was away for longer than its lease, and another one may be at work."""


@dataclass(frozen=True, slots=True)
class _State:
    column: str
    now: int
    started: int

    @property
    def free(self) -> bool:
        """True if the lock may be taken: free, run out, or left by a migrator that died with its engine."""
        held = _HELD.fullmatch(self.column)
        # uptime() counts whole seconds, so the engine may have been started up to one second later than it seems.
        return held is None or int(held["until"]) < self.now or int(held["since"]) < self.started - 1

    @property
    def holder(self) -> str:
        held = _HELD.fullmatch(self.column)
        return f"{held['token']}, for {int(held['until']) - self.now} s more" if held else "nobody"


class MigrationLock:
    """A lock that is held. Made by `hold` alone."""

    def __init__(self, store: Store, database: str) -> None:
        self._store = store
        self._database = database
        self._token = secrets.token_hex(4)
        self._column = ""

    def take(self) -> str:
        """Try once; give "" if it is ours now, else who holds it."""
        state = self._read()
        if not state.free:
            return state.holder
        wanted = f"held_{self._token}_{state.now}_{state.now + LEASE_SECONDS}"
        if not self._exchange(state.column, wanted):
            return "another migrator, since this moment"
        self._column = wanted
        return ""

    def renew(self) -> None:
        """Begin the lease anew; raises `LockLostError` if it ran out and was taken over."""
        state = self._read()
        wanted = f"held_{self._token}_{state.now}_{state.now + LEASE_SECONDS}"
        kept = state.column == self._column and (wanted == self._column or self._exchange(self._column, wanted))
        if not kept:
            raise LockLostError(
                f"the migration paused for more than {LEASE_SECONDS} s and its lock was taken over by "
                f"{state.holder}; run it again"
            )
        self._column = wanted

    def release(self) -> None:
        """Give the lock back; no error if it was taken over."""
        self._exchange(self._column, _FREE)

    def _read(self) -> _State:
        column, now, started = self._store.select(Select(_text("read"))).rows[0]
        return _State(str(column), int(str(now)), int(str(started)))

    def _exchange(self, expected: str, wanted: str) -> bool:
        names = {"database": self._database, "expected": identifier(expected), "wanted": identifier(wanted)}
        try:
            self._store.select(Select(fill(_text("exchange"), names)))
        except StoreError as error:
            if error.code in _NO_SUCH_COLUMN:
                return False
            raise
        return True


@contextmanager
def hold(
    store: Store, database: str, *, wait_seconds: float, pause: Callable[[float], object] | None = None
) -> Iterator[MigrationLock]:
    """Hold the lock of `database` (quoted), waiting for it at most `wait_seconds`; else raise `LockHeldError`.

    `pause` waits that many seconds between two tries; the tests give their own.
    """
    pause = pause or threading.Event().wait
    store.select(Select(fill(_text("create"), {"database": database})))
    lock = MigrationLock(store, database)
    waited = 0.0
    while holder := lock.take():
        if waited >= wait_seconds:
            raise LockHeldError(
                f"another migration of {database} is running (held by {holder}); waited {waited:g} s for it"
            )
        pause(_POLL_SECONDS)
        waited += _POLL_SECONDS
    try:
        yield lock
    finally:
        lock.release()


@cache
def _text(name: str) -> str:
    return (resources.files("sql") / "lock" / f"{name}.sql").read_text(encoding="utf-8")
