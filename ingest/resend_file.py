"""The requests of the resend window on disk, so that they outlive a kill of the process.

In: rows, in the order in which the requests were answered. Out: the rows of the last run. Raises `sqlite3.Error` or
`OSError` where the disk does not take them; a damaged file is set aside and a new one begun, since all it costs is
protection against what was sent before.

A commit survives the end of the process at any moment, and not always a power loss (WAL, ``synchronous=NORMAL``: no
fsync a commit). After a power loss some requests may be stored twice that the window should have caught; none is lost.
Blocks on the disk, and is used by one thread at a time.
"""

import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.intake import Accepted
from ingest.spool import files

_log = logging.getLogger(__name__)

KEY_BYTES = 16
LONGEST_MESSAGE = 1_000
"""Characters of an answer's message that are kept."""
_LARGEST = 2**62
"""No number of ours comes near it; SQLite takes up to 2**63."""
_WAIT = 2.0
"""Seconds that SQLite waits for somebody who looks into the file."""

_TABLE = """
CREATE TABLE IF NOT EXISTS answered (
    number INTEGER PRIMARY KEY, key BLOB NOT NULL, at REAL NOT NULL, rejected INTEGER NOT NULL, message TEXT NOT NULL
)
"""
_SETUP = ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL", _TABLE)
_LOAD = "SELECT number, key, at, rejected, message FROM answered ORDER BY number"
_KEEP = "INSERT OR REPLACE INTO answered (number, key, at, rejected, message) VALUES (?, ?, ?, ?, ?)"
_FORGET = "DELETE FROM answered WHERE number < ?"

_NOT_NOW = frozenset(
    {
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
    }
)
"""Primary result codes that say nothing about the contents: https://www.sqlite.org/rescode.html"""


@dataclass(frozen=True, slots=True)
class Answered:
    """One request that was answered with OK."""

    number: int
    """Rises with each answer."""
    key: bytes
    at: float
    """Unix seconds."""
    answer: Accepted


class ResendFile:
    """A SQLite file with one table, opened when it is first needed and again after every failure."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None

    def load(self) -> list[Answered]:
        """Give what the last run kept, oldest first."""
        try:
            return self._load()
        except sqlite3.Error as error:
            self._recover(error)
        return self._load()

    def write(self, rows: Sequence[Answered], first_number: int) -> None:
        """Keep `rows`, all or none, and forget what is numbered below `first_number`."""
        try:
            self._write(rows, first_number)
        except sqlite3.Error as error:
            self._recover(error)
            self._write(rows, first_number)

    def close(self) -> None:
        """Let go of the file. Safe twice."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _load(self) -> list[Answered]:
        connection = self._open()
        verdict = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != ("ok",):
            raise sqlite3.DatabaseError(f"quick_check says {verdict}")
        return [row for row in map(_row, connection.execute(_LOAD)) if row is not None]

    def _write(self, rows: Sequence[Answered], first_number: int) -> None:
        with self._open() as connection:  # commits, or rolls back
            connection.executemany(_KEEP, map(_values, rows))
            connection.execute(_FORGET, (first_number,))

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            files.make_folder(self.path.parent)
            self._connection = sqlite3.connect(self.path, timeout=_WAIT, check_same_thread=False)
            for statement in _SETUP:
                self._connection.execute(statement)
        return self._connection

    def _recover(self, error: sqlite3.Error) -> None:
        """Let go of the file; if it is damaged, put it aside so that a new one can be begun, otherwise raise."""
        try:
            self.close()
        except sqlite3.Error as second:
            _log.debug("resend window: %s cannot be closed: %s", self.path, second)
            self._connection = None
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
        if code & 0xFF in _NOT_NOW:
            raise error
        for ending in ("", "-wal", "-shm"):
            file = self.path.with_name(self.path.name + ending)
            if file.exists():
                file.replace(self.path.with_name(f"{self.path.name}.damaged{ending}"))
        _log.warning(
            "resend window: %s is damaged (%s) and was renamed to %s.damaged; a request that was answered before now "
            "may be stored again if it is sent again",
            self.path, error, self.path.name,
        )  # fmt: skip


def _row(values: tuple[object, ...]) -> Answered | None:
    """Read a row; None where a flipped bit made something else of it."""
    match values:
        case (int(number), bytes(key), float(at), int(rejected), str(message)):
            plausible = len(key) == KEY_BYTES and 0 <= rejected < _LARGEST and 0 <= number < _LARGEST
            return Answered(number, key, at, Accepted(rejected, message)) if plausible else None
        case _:
            return None


def _values(row: Answered) -> tuple[int, bytes, float, int, str]:
    message = row.answer.message[:LONGEST_MESSAGE].encode(errors="replace").decode()
    return row.number, row.key, row.at, row.answer.rejected, message
