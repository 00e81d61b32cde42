"""The audit trail: who did what, as lines that are only ever added, with a copy for ClickHouse.

In: `Deed`s, from any thread and from the event loop. Out: a line each in a `Journal` (a file, or our own log), and the
same as rows for a sink, which brings them to ClickHouse. Refuses nothing and raises nothing: a deed is written down
beside what is done, never in its way. What cannot be kept is counted, and the next line says how many were lost.

One thread does all the writing. Deeds that changed something (`ok`) are on the disk when `flush` says so. The same
refusal, over and over, is one line when it begins and one a minute with its count, so that somebody who knocks all day
does not push everybody else's deeds out of the files.
"""

import logging
import socket
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Protocol

from identity import audit_line
from identity.audit_line import Deed, Stamp
from identity.audit_log import LogJournal

__all__ = ["AuditTrail", "Deed", "Journal", "Sink"]

Row = Mapping[str, object]
"""A row of `otel_audit`, from column to value."""

Sink = Callable[[Sequence[Row]], None]
"""Takes rows for good when it returns; when it raises, the same rows (and more) come again later."""

MOST_WAITING = 10_000
"""Deeds in memory that are not yet written; some 10 MB at most."""
MOST_REPEATED = 1_000
"""Different refusals that are told apart within a minute; those of more strangers are counted together."""
BATCH = 500
"""Lines written, or handed over, at once."""
RETRY_SECONDS, LONGEST_PAUSE = 1.0, 30.0
"""Pause after the disk or the sink took nothing; each is twice the last."""
LOOK_SECONDS = 30.0
"""After so long the journal is looked at for lines that another process wrote, such as `otelhouse token create`."""

_WRITING = "writing the audit trail"
_HANDING = "bringing the audit trail to ClickHouse"

_log = logging.getLogger(__name__)


class Journal(Protocol):
    """Where the lines go. Called from one thread."""

    def append(self, stamped: Sequence[tuple[Deed, Stamp]], *, durable: bool) -> None:
        """Add a line for each, all or none. Raises `OSError`."""

    def unhanded(self, most: int) -> list[bytes]:
        """The oldest lines that the sink does not have yet. Raises `OSError`."""

    def handed_over(self, line: bytes) -> None:
        """The sink has all lines up to this one. Raises `OSError`."""


@dataclass(slots=True)
class _Repeated:
    """A refusal that was told, and how often it came since."""

    deed: Deed
    since: float
    times: int = 0


@dataclass(slots=True)
class _Waiting:
    """What was recorded and is not yet written. Guarded by the trail's condition."""

    deeds: deque[tuple[Deed, Stamp]] = field(default_factory=deque)
    """They stay here while they are being written, so that a journal that took none is asked again."""
    repeated: dict[tuple[str, ...], _Repeated] = field(default_factory=dict)
    lost: int = 0
    closing: bool = False
    ended: bool = False
    """Nobody writes any more."""


class AuditTrail:
    """One a process. `record` may be called from anywhere at any time."""

    def __init__(self, journal: Journal, *, version: str, repeat_seconds: float = 60.0) -> None:
        self.instance = f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"
        self._version = version
        self._journal = journal
        self._repeat_seconds = repeat_seconds
        self._sink: Sink | None = None
        self._connected = self._leaving = False
        self._waiting = _Waiting()
        self._changed = threading.Condition()
        self._troubles: set[str] = set()
        self._retry_pause = RETRY_SECONDS
        # A daemon: a disk that hangs must not hold up the end of the process.
        self._thread = threading.Thread(target=self._run, name="otelhouse-audit", daemon=True)
        self._thread.start()

    def record(self, deed: Deed) -> None:
        """Write a deed down, soon. Never raises, and never waits for disk or network."""
        with self._changed:
            if deed.outcome != "refused" or self._waiting.ended or self._first_of_its_kind(deed):
                self._put(deed)
            if self._waiting.ended:
                self._tell_log()

    def connect(self, sink: Sink) -> None:
        """Hand rows to `sink` from now on, beginning with those that no sink has had yet."""
        with self._changed:
            self._sink, self._connected = sink, True
            self._changed.notify_all()

    def disconnect(self, within: float = 5.0) -> None:
        """Hand over what was recorded so far, once, and nothing more; what is not taken stays for the next sink."""
        with self._changed:
            self._leaving = self._sink is not None
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._leaving or self._waiting.ended, within)
            self._sink, self._leaving = None, False

    def flush(self, within: float) -> bool:
        """Wait until what was recorded before is written. False when that took longer than `within` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting.deeds, within)

    def close(self, within: float = 5.0) -> None:
        """Write what is left, hand it over once more, and end the thread. Safe twice."""
        with self._changed:
            self._waiting.closing = True
            self._changed.notify_all()
        self._thread.join(within)

    def _first_of_its_kind(self, deed: Deed) -> bool:
        repeated = self._waiting.repeated
        key: tuple[str, ...] = (deed.action, deed.outcome, deed.actor, deed.peer, deed.target)
        if key not in repeated and len(repeated) >= MOST_REPEATED:
            key = (deed.action, deed.outcome)
            deed = Deed(deed.action, "(several)", "(several)", deed.outcome)
        if (known := repeated.get(key)) is None:
            repeated[key] = _Repeated(deed, time.monotonic())
            return True
        known.times += 1
        return False

    def _put(self, deed: Deed, times: int = 1) -> None:
        waiting = self._waiting
        if len(waiting.deeds) >= MOST_WAITING:
            waiting.lost += times
            return
        kept = replace(deed, details=dict(deed.details))
        stamp = Stamp(time.time_ns(), uuid.uuid4().hex, self.instance, self._version, times, waiting.lost)
        waiting.lost = 0
        waiting.deeds.append((kept, stamp))
        self._changed.notify_all()

    def _run(self) -> None:
        """The thread: write, hand over, wait."""
        closing = False
        while not closing:
            with self._changed:
                self._changed.wait_for(self._has_work, timeout=self._pause())
                closing, leaving = self._waiting.closing, self._leaving
                self._tell_repeated(all_of_them=closing or leaving)
            while self._write():
                pass
            while self._hand_over():
                pass
            if leaving:
                self._let_go()
        with self._changed:
            self._waiting.ended = True
            self._tell_log()
            self._changed.notify_all()

    def _let_go(self) -> None:
        with self._changed:
            self._leaving = False
            self._changed.notify_all()

    def _tell_log(self) -> None:
        """Write what is left into our own log: the journal did not take it, or is closed."""
        if self._waiting.deeds:
            LogJournal().append(list(self._waiting.deeds), durable=False)
            self._waiting.deeds.clear()

    def _has_work(self) -> bool:
        waiting = self._waiting
        new_deeds = bool(waiting.deeds) and _WRITING not in self._troubles
        return new_deeds or waiting.closing or self._connected or self._leaving

    def _pause(self) -> float | None:
        if self._troubles:
            return self._retry_pause
        now = time.monotonic()
        pauses = [known.since + self._repeat_seconds - now for known in self._waiting.repeated.values()]
        if self._sink is not None:
            pauses.append(LOOK_SECONDS)
        return max(0.0, min(pauses)) if pauses else None

    def _tell_repeated(self, *, all_of_them: bool) -> None:
        """Write down how often refusals came since they were told, once their minute is over."""
        over = time.monotonic() - self._repeat_seconds
        for key, known in list(self._waiting.repeated.items()):
            if all_of_them or known.since <= over:
                del self._waiting.repeated[key]
                if known.times:
                    self._put(known.deed, known.times)

    def _write(self) -> bool:
        """Write the oldest deeds; tells whether there may be more."""
        with self._changed:
            batch = list(islice(self._waiting.deeds, BATCH))
        if not batch:
            return False
        try:
            self._journal.append(batch, durable=any(deed.outcome == "ok" for deed, _ in batch))
        except OSError as error:
            self._in_trouble(_WRITING, error)
            return False
        self._well_again(_WRITING)
        with self._changed:
            for _ in batch:
                self._waiting.deeds.popleft()
            self._changed.notify_all()
        return True

    def _hand_over(self) -> bool:
        """Give the sink the oldest lines that it does not have; tells whether there may be more."""
        with self._changed:
            sink, self._connected = self._sink, False
        if sink is None:
            return False
        try:
            lines = self._journal.unhanded(BATCH)
            if not lines:
                return False
            sink([row for line in lines if (row := audit_line.row(line)) is not None])
            self._journal.handed_over(lines[-1])
        except Exception as error:  # noqa: BLE001  the sink is another room's: whatever it is, the lines stay and come again
            self._in_trouble(_HANDING, error)
            return False
        self._well_again(_HANDING)
        return True

    def _in_trouble(self, what: str, error: Exception) -> None:
        if what in self._troubles:
            self._retry_pause = min(2 * self._retry_pause, LONGEST_PAUSE)
        else:
            self._troubles.add(what)
            self._retry_pause = RETRY_SECONDS
            _log.error("audit: %s does not work, trying again every few seconds: %s", what, error)

    def _well_again(self, what: str) -> None:
        if what in self._troubles:
            self._troubles.discard(what)
            _log.info("audit: %s works again", what)
