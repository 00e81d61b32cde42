"""Durable files, and reading past bad sectors.

In: a folder, names, buffers. Out: files that survive a power loss once `write` returned, or nothing at all. Raises
`OSError`; what it means for a sender is `ingest.spool.folder`'s business.

A failed fsync is never tried again on the same file: Linux may have dropped the pages that it could not write and
call the next fsync a success (https://lwn.net/Articles/752063/). The file is thrown away and the sender sends again.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

_log = logging.getLogger(__name__)

_BUFFERS = 512
"""Buffers in one call of writev; Linux and macOS take 1024."""
_SECTOR = 4096
"""Bytes that are given up around a place that the disk cannot read."""


def make_folder(folder: Path) -> None:
    """Make the folder and what is above it, for its owner alone, so that all of it survives a power loss."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)
        sync_folder(one.parent)
    folder.mkdir(mode=0o700, exist_ok=True)  # says so where it is no folder


def lock(path: Path) -> int:
    """Take the lock or raise `BlockingIOError`; it is held until the descriptor is closed or the process ends."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def write(folder: Path, temporary: str, name: str, buffers: Iterable[bytes]) -> None:
    """Write a new file, all of it or none.

    The contents are on disk before the name is there, so a crash leaves a temporary file or a whole one. The folder is
    opened before, so that an error of its own, met meanwhile by anybody, is told to this descriptor as well.
    """
    scratch, final = folder / temporary, folder / name
    with _opened(folder, os.O_RDONLY | os.O_DIRECTORY) as directory:
        written = scratch
        try:
            with _opened(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as descriptor:
                _write_all(descriptor, buffers)
                os.fsync(descriptor)
            scratch.rename(final)
            written = final
            os.fsync(directory)
        except BaseException:
            _throw_away(written)
            raise


def sync_folder(folder: Path) -> None:
    """Make what was renamed and removed in the folder survive a power loss."""
    with _opened(folder, os.O_RDONLY | os.O_DIRECTORY) as descriptor:
        os.fsync(descriptor)


def free_bytes(folder: Path) -> int:
    """Bytes that a process without privileges may still write on the folder's file system."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


class Bytes:
    """The bytes of an open file; a place that the disk cannot read comes as zeros, which no checksum takes for data."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.size = os.fstat(descriptor).st_size
        self.unreadable = 0
        """Bytes that the disk could not read so far."""

    @staticmethod
    @contextlib.contextmanager
    def of(path: Path) -> Iterator[Bytes]:
        """Open a file for reading."""
        with _opened(path, os.O_RDONLY) as descriptor:
            yield Bytes(descriptor)

    def at(self, offset: int, length: int) -> bytes:
        """Read; fewer bytes come only at the end of the file."""
        try:
            return self._read(offset, length)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
        end = min(offset + length, self.size)
        places = [offset, *range(offset - offset % _SECTOR + _SECTOR, end, _SECTOR), end]
        return b"".join(self._read_sector(start, stop - start) for start, stop in itertools.pairwise(places))

    def _read(self, offset: int, length: int) -> bytes:
        """Linux reads up to 2 GiB at once, so a large length may take several calls."""
        first = os.pread(self._descriptor, length, offset)
        if len(first) == length or not first:
            return first
        return first + self._read(offset + len(first), length - len(first))

    def _read_sector(self, offset: int, length: int) -> bytes:
        try:
            return self._read(offset, length)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
        self.unreadable += length
        return bytes(length)


@contextlib.contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, buffers: Iterable[bytes]) -> None:
    """Write every buffer; the kernel may take only some of them at once."""
    source = iter(buffers)
    while waiting := [memoryview(buffer) for buffer in itertools.islice(source, _BUFFERS) if buffer]:
        while waiting:
            waiting = _behind(waiting, os.writev(descriptor, waiting))


def _behind(buffers: list[memoryview], written: int) -> list[memoryview]:
    for place, buffer in enumerate(buffers):
        if written < len(buffer):
            return [buffer[written:], *buffers[place + 1 :]]
        written -= len(buffer)
    return []


def _throw_away(path: Path) -> None:
    """Remove a file that was not acknowledged. What cannot be removed is harmless, but takes room."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        _log.error("spool: %s was not acknowledged and cannot be removed: %s", path, error)
