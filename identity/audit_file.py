"""The audit trail as a file that is only ever added to, and its older pieces.

In: stamped deeds. Out: their lines at the end of the file, on the disk where that was asked for. Several processes may
add to one file (a house, and the command that makes a token): each takes the lock beside the file for the moment, and
goes on from the line that is last then. When the file is full it becomes `NAME.1`, what was `NAME.1` becomes `NAME.2`,
and so on, up to a bounded count; the chain goes on from one to the next. A torn last line, from a crash, is closed and
left as it is.

What the sink (ClickHouse's copy) has is known by number: `NAME.handed` holds that of the last line. So lines that were
written while no house ran, or while the sink took none, are handed over later.

One caller at a time in a process; `identity.audit` sees to it.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from identity import audit_line
from identity.audit_line import Deed, Entry, Fault, Stamp

_NEAR = 1 << 16
"""Bytes in which the last lines lie, nearly always; and which are rather read through than halved once more."""
_TAIL = 2 * audit_line.LONGEST_LINE
_FIRST = 64
"""Bytes of a line in which its number stands."""


@dataclass(frozen=True, slots=True)
class _End:
    """Where a file ends."""

    size: int
    number: int = 0
    """Of the last line that is one of ours; 0 where there is none."""
    last: bytes = b""
    """The last line, whatever it is, with its line end if it has one."""


class AuditFile:
    """Implements `identity.audit.Journal` on a file. Nothing is held open between two calls."""

    def __init__(self, path: Path, *, max_bytes: int, max_files: int) -> None:
        self.path = path.expanduser().absolute()
        self._max_bytes = max_bytes
        self._max_files = max_files

    def append(self, stamped: Sequence[tuple[Deed, Stamp]], *, durable: bool) -> None:
        """Add a line for each. `durable`: return only when the disk has them. Raises `OSError`; then none was added."""
        with self._locked(), _appending(self.path) as file:
            end = self._end(file)
            _add(file, b"".join(_lines(stamped, end)))
            full = file.tell() >= self._max_bytes
            if durable or full:
                os.fsync(file.fileno())
            if full:
                self._rotate()
            if full or end.size == 0:
                _sync_folder(self.path.parent)

    def unhanded(self, most: int) -> list[bytes]:
        """Give the oldest lines that the sink does not have yet, at most `most`. Raises `OSError`."""
        handed = self._handed()
        found: list[bytes] = []
        for path in self._from(handed + 1):
            with path.open("rb") as file:
                _seek_behind(file, handed)
                new = (line for line in file if line.endswith(b"\n") and audit_line.number_of(line) > handed)
                found += islice(new, most - len(found))
        return found

    def handed_over(self, line: bytes) -> None:
        """Remember that the sink has all lines up to this one. Raises `OSError`."""
        new = self._beside("handed.new")
        new.write_text(f"{audit_line.number_of(line)}\n", encoding="ascii")
        new.replace(self._beside("handed"))

    def files(self) -> list[Path]:
        """The pieces that are there, oldest first."""
        older = (self._beside(str(age)) for age in range(self._max_files - 1, 0, -1))
        return [path for path in (*older, self.path) if path.exists()]

    def _from(self, number: int) -> list[Path]:
        """The pieces in which lines from this number on may be, oldest first."""
        pieces: list[Path] = []
        for path in reversed(self.files()):
            pieces.insert(0, path)
            with path.open("rb") as file:
                if 0 < audit_line.number_of(file.readline(_FIRST)) <= number:
                    break
        return pieces

    def _handed(self) -> int:
        try:
            text = self._beside("handed").read_text(encoding="ascii")
        except FileNotFoundError:
            return 0
        return int(text) if text.strip().isdigit() else 0

    def _end(self, file: BinaryIO) -> _End:
        """Where the trail ends: in this file, or, as long as it is empty, in the piece before."""
        end = _end_of(file)
        before = self._beside("1")
        if end.last or not before.exists():
            return end
        with before.open("rb") as older:
            return replace(_end_of(older), size=0)

    def _rotate(self) -> None:
        """Give each piece the name of the next older one; the oldest goes."""
        for age in range(self._max_files - 1, 1, -1):
            younger = self._beside(str(age - 1))
            if younger.exists():
                younger.replace(self._beside(str(age)))
        self.path.replace(self._beside("1"))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the trail for this process. Whoever else holds it does so for one append."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # it may be the data folder
        with self._beside("lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _beside(self, suffix: str) -> Path:
        return self.path.with_name(f"{self.path.name}.{suffix}")


def verify(files: Iterable[Path]) -> Iterator[Fault]:
    """Say which lines of the files, oldest first, do not fit the one before. Raises `OSError`."""
    with ExitStack() as opened:
        yield from audit_line.verify((str(path), opened.enter_context(path.open("rb"))) for path in files)


def _lines(stamped: Iterable[tuple[Deed, Stamp]], end: _End) -> Iterator[bytes]:
    """The lines that follow on `end`."""
    number, last = end.number, end.last
    if end.size and not last.endswith(b"\n"):
        yield b"\n"
    for deed, stamp in stamped:
        number += 1
        last = Entry(deed, stamp, number, audit_line.digest(last) if last else "").line()
        yield last


def _appending(path: Path) -> BinaryIO:
    """Open a file to read it and to add to it; it is made, if need be, for its owner and group alone."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640), "a+b")


def _sync_folder(folder: Path) -> None:
    """Make new names last."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _add(file: BinaryIO, data: bytes) -> None:
    """Write all of it or none."""
    size = file.tell()
    try:
        file.write(data)
        file.flush()
    except OSError:
        # What was written in part would stand in the way of the next try.
        os.truncate(file.fileno(), size)
        raise


def _end_of(file: BinaryIO) -> _End:
    """Look at the last lines of a file."""
    size = file.seek(0, os.SEEK_END)
    for tail in (_NEAR, _TAIL):
        file.seek(max(0, size - tail))
        lines = file.read().splitlines(keepends=True)
        whole = lines if tail >= size else lines[1:]
        numbers = (number for line in reversed(whole) if (number := audit_line.number_of(line)))
        if number := next(numbers, 0):
            return _End(size, number, whole[-1])
    return _End(size, 0, lines[-1] if lines else b"")


def _seek_behind(file: BinaryIO, number: int) -> None:
    """Go near the first line with a higher number, and not behind it. Numbers grow along the file."""
    low, high = 0, file.seek(0, os.SEEK_END)
    while high - low > _NEAR:
        middle = (low + high) // 2
        file.seek(middle)
        file.readline()
        begin = file.tell()
        if 0 < audit_line.number_of(file.readline()) <= number:
            low = begin
        else:
            high = middle
    file.seek(low)
