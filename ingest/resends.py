"""The resend window: the very same bytes from the same sender are stored once.

In: a request's key, and the work that stores it. Out: that work's answer, or the answer that the same request got
before. Refuses nothing of its own.

A sender whose answer was lost sends the same request again; OTLP has no request ids, so all that tells the two apart
from two requests is that every byte is the same. With the window on,
- a request equal to one that is still being worked on waits for that one's answer;
- one equal to one that got its OK within the window gets that OK, and is not stored;
- one whose first attempt failed leaves nothing behind, and is taken as if it came for the first time.

The work goes on when its sender hangs up, since a sender that gave up waiting is the one that sends again.

An OK is written to disk (`ingest.resend_file`) before the sender hears it, many in one commit, so that the window holds
through a kill. What lies in the spool is known as well, whoever was told: `Spool.keys`.
The window is measured with a clock that nobody can set; only the time between two runs is told by the wall clock, and
where that was set back, an answer is as old as this run and no younger.
"""

from __future__ import annotations

import asyncio
import copy
import hashlib
import logging
import sqlite3
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ingest.counters import Counters
from ingest.errors import BusyError, IngestError
from ingest.intake import Accepted
from ingest.resend_file import KEY_BYTES, Answered, ResendFile
from sql.signals import Signal

_log = logging.getLogger(__name__)

FOLDER = "resends"
"""Below the spool's folder, where the spool does not look."""
FILE = "resends.sqlite"
MOST_ROWS = 100_000
"""Requests remembered; some 250 bytes of memory and 50 of disk each."""
LOG_INTERVAL = 60.0
"""Seconds between two log lines about the same trouble."""

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Clocks:
    """What tells the time, in seconds."""

    steady: Clock
    """Runs on whatever anybody sets."""
    wall: Clock
    """Seconds since 1970."""


SYSTEM_CLOCKS = Clocks(time.monotonic, time.time)


def key_of(sender_key: str, signal: Signal, body: bytes) -> bytes:
    """Give the key of a request; `body` is decompressed, as the sender wrote it. Takes about 1 ms a mebibyte."""
    digest = hashlib.blake2b(digest_size=KEY_BYTES, person=signal.encode())
    sender = sender_key.encode(errors="backslashreplace")
    digest.update(len(sender).to_bytes(4, "little") + sender)
    digest.update(body)
    return digest.digest()


class Resends:
    """Remembers what was answered with OK. Used on one event loop; only the constructor blocks."""

    def __init__(
        self,
        folder: Path,
        window_s: float,
        counters: Counters,
        *,
        held: Iterable[bytes] = (),
        most_rows: int = MOST_ROWS,
        clocks: Clocks = SYSTEM_CLOCKS,
    ) -> None:
        """Read what the last run kept, in `folder`, and the keys that the spool still `held`."""
        self._window = window_s
        self._most_rows = most_rows
        self._counters = counters
        self._clock = clocks.steady
        self._wall = clocks.wall
        self._file = ResendFile(folder / FILE)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="otelhouse-resends")
        self._known: OrderedDict[bytes, tuple[int, float, Accepted]] = OrderedDict()
        self._next_number = 0
        self._running: dict[bytes, asyncio.Task[Accepted]] = {}
        self._uncommitted: list[tuple[Answered, asyncio.Future[None]]] = []
        self._commits: asyncio.Task[None] | None = None
        self._last_complaint = float("-inf")
        self._load(held)

    def __len__(self) -> int:
        """How many requests are remembered now."""
        self._forget()
        return len(self._known)

    async def once(self, key: bytes, work: Callable[[], Awaitable[Accepted]]) -> Accepted:
        """Answer a request: by `work`, or as the same one was answered. Raises what `work` raises.

        `work` is let go as soon as it is called, so a body that it carries may end before its answer is there.
        """
        self._forget()
        known = self._known.get(key)
        if known is not None:
            self._counters.resent()
            return known[2]
        task = self._running.get(key)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._carry_out(key, work))
            del work
            self._running[key] = task
            task.add_done_callback(partial(self._ended, key))
            return await _answer(task)
        del work  # and the body with it: it waits for an answer, not for its turn
        answer = await _answer(task)
        self._counters.resent()
        return answer

    async def close(self, within: float = 5.0) -> None:
        """Wait for what is being worked on, up to `within` seconds, and let go of the file. Safe twice."""
        if self._running:
            _, late = await asyncio.wait(self._running.values(), timeout=within)
            for task in late:
                task.cancel()
        if self._commits is not None:
            await self._commits
        await asyncio.to_thread(self._thread.shutdown)
        self._file.close()

    async def _carry_out(self, key: bytes, work: Callable[[], Awaitable[Accepted]]) -> Accepted:
        stored = work()
        del work
        answer = await stored
        written = asyncio.get_running_loop().create_future()
        self._uncommitted.append((self._number(key, answer), written))
        if self._commits is None or self._commits.done():
            self._commits = asyncio.get_running_loop().create_task(self._commit())
        await written
        return answer

    def _ended(self, key: bytes, task: asyncio.Task[Accepted]) -> None:
        del self._running[key]
        if not task.cancelled():
            task.exception()  # heard, also where nobody waits any more

    def _number(self, key: bytes, answer: Accepted) -> Answered:
        self._next_number += 1
        return Answered(self._next_number, key, self._wall(), answer)

    async def _commit(self) -> None:
        """Write what gathered while the last commit was under way, until there is nothing left."""
        while self._uncommitted:
            waiting, self._uncommitted = self._uncommitted, []
            rows = [row for row, _ in waiting]
            write = partial(self._file.write, rows, self._first_number(rows[0].number))
            try:
                await asyncio.get_running_loop().run_in_executor(self._thread, write)
            except (sqlite3.Error, OSError) as error:
                self._complain(len(rows), error)
            finally:  # what happened here is no fault of the senders, whose rows are stored
                for row, written in waiting:
                    self._remember(row, self._clock())
                    if not written.done():
                        written.set_result(None)

    def _remember(self, row: Answered, born: float) -> None:
        self._known.pop(row.key, None)
        self._known[row.key] = (row.number, born, row.answer)
        if len(self._known) > self._most_rows:
            self._known.popitem(last=False)
            self._counters.resend_forgotten_early()

    def _forget(self) -> None:
        """Drop what is older than the window; the oldest stand first."""
        over = self._clock() - self._window
        while self._known:
            key, (_, born, _) = next(iter(self._known.items()))
            if born > over:
                return
            del self._known[key]

    def _first_number(self, otherwise: int) -> int:
        """Give the number of the oldest request that is still remembered."""
        return next((number for number, _, _ in self._known.values()), otherwise)

    def _load(self, held: Iterable[bytes]) -> None:
        now, wall = self._clock(), self._wall()
        born = float("-inf")
        try:
            rows = self._file.load()
        except (sqlite3.Error, OSError) as error:
            rows = []
            self._complain(0, error)
        for row in rows:
            born = max(born, now - max(0.0, wall - row.at))
            self._remember(row, born)
            self._next_number = row.number
        self._forget()
        new = [self._number(key, Accepted()) for key in held if key not in self._known]
        for row in new:
            self._remember(row, now)
        try:
            self._file.write(new, self._first_number(self._next_number))
        except (sqlite3.Error, OSError) as error:
            self._complain(len(new), error)

    def _complain(self, rows: int, error: Exception) -> None:
        self._counters.resends_unwritten(rows)
        if time.monotonic() - self._last_complaint >= LOG_INTERVAL:
            self._last_complaint = time.monotonic()
            _log.error(
                "resend window: %s cannot be used (%s); after a kill of this process, requests that are sent again may "
                "be stored again",
                self._file.path, error,
            )  # fmt: skip


async def _answer(task: asyncio.Task[Accepted]) -> Accepted:
    """Wait for a task that others may wait for as well. Who waits may leave; the task goes on."""
    try:
        return await asyncio.shield(task)
    except IngestError as error:
        raise copy.copy(error) from None  # a shared one would share its traceback
    except asyncio.CancelledError:
        waiter = asyncio.current_task()
        if not task.cancelled() or (waiter is not None and waiter.cancelling()):
            raise
        raise BusyError("the house is shutting down: send the same again") from None
