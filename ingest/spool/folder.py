"""The spool's folder: batches are appended, read, and removed once ClickHouse holds them.

In: parts of a batch under its token. Out: `SpoolEntry`s, and later the parts again. Refuses what there is no room for
(`SpoolFullError`), a folder that another process holds (`SpoolLockedError`), and what the disk refuses
(`SpoolBrokenError`); damaged files are described, never raised.

All methods block on the disk and may be called from any thread, several at once: appends overlap their fsyncs.
So an entry may be seen while one with a lower number is still being written.

An entry that was removed may come back after a power loss, since removing waits for the disk only once a second while
the spool drains. That is harmless: its INSERT carries the same token, and ClickHouse holds it already.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from ingest.spool import files, frames, names
from ingest.spool.aside import Aside
from ingest.spool.entry import Contents, Damage, Part, SpoolEntry, SpoolLimits, SpoolStatus
from ingest.spool.errors import SpoolBrokenError, SpoolFullError, SpoolLockedError
from ingest.spool.index import Index
from ingest.spool.inspection import describe, gone, misnamed
from ingest.spool.room import Room

_log = logging.getLogger(__name__)

FULL_PAUSE = 5.0
"""Seconds a sender is asked to wait when the spool is full: SDK exporters give up after about ten."""
SYNC_INTERVAL = 1.0
"""Seconds between two waits for the disk while entries are removed."""
_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class SpoolReader:
    """Looks into a spool without holding it: it may belong to a running process, or to none.

    Made from one look at the folder. What is appended later is not seen, what is drained meanwhile is passed over.
    """

    def __init__(self, folder: Path, limits: SpoolLimits) -> None:
        self.folder = folder
        self._limits = limits
        self._lock = threading.Lock()
        self._index = Index()
        self._room = Room(folder, limits)
        self._aside = Aside(folder / names.DAMAGED, limits.max_bytes)
        self.found: tuple[Damage, ...] = ()
        """Files that are not the spool's, as the first look found them."""
        self._last_number = 0
        try:
            self._scan()
        except OSError as error:
            raise _broken(f"the spool's folder {folder} cannot be read", error) from error

    def entries(self, kind: str = "", limit: int = 0) -> list[SpoolEntry]:
        """Give the entries of one kind, or of all, oldest first; with a `limit` only so many."""
        with self._lock:
            return self._index.entries(kind, limit)

    def read(self, entry: SpoolEntry) -> Contents:
        """Give what is left of an entry. Of one that was removed meanwhile nothing is left, and nothing is damaged.

        Raises `SpoolBrokenError` where the file cannot be opened for now, which says nothing about its contents.
        """
        try:
            with files.Bytes.of(self.folder / names.name_of(entry)) as data:
                found = list(frames.walk(data.at, data.size, entry.token))
                return describe(entry, found, size=data.size, unreadable=data.unreadable)
        except FileNotFoundError:
            return Contents((), gone(entry)) if self._expects(entry) else Contents(())
        except OSError as error:
            raise _broken(f"the spool cannot read {names.name_of(entry)}", error) from error

    def keys(self) -> Iterator[bytes]:
        """Give the keys of all requests in the spool that are whole; a file that cannot be read is passed over.

        Reads everything: a request whose payload is damaged must be taken when its sender offers it again.
        """
        for entry in self.entries():
            try:
                with files.Bytes.of(self.folder / names.name_of(entry)) as data:
                    found = [frame.part.key for frame in frames.walk(data.at, data.size, entry.token)]
            except OSError as error:
                _log.warning("spool: the keys of %s cannot be read: %s", names.name_of(entry), error)
                continue
            yield from filter(None, found)

    def status(self) -> SpoolStatus:
        """Count, without reading any file."""
        with self._lock:
            by_kind = self._index.by_kind()
            oldest = self._index.oldest()
            full = self._room.still_full(self._index)
        return SpoolStatus(
            entries=sum(entries for entries, _, _ in by_kind.values()),
            items=sum(items for _, items, _ in by_kind.values()),
            bytes=sum(size for _, _, size in by_kind.values()),
            oldest=oldest[0].created if oldest else None,
            limit_bytes=self._limits.max_bytes,
            damaged=self._aside.count,
            by_kind=by_kind,
            full=full,
        )

    def verify(self) -> Iterator[Damage]:
        """Read every file and give what is damaged: first the files that are not the spool's, then by age."""
        yield from self.found
        yield from filter(None, map(self.damage_of, self.entries()))

    def damage_of(self, entry: SpoolEntry) -> Damage | None:
        """Read an entry and give what is damaged; where it cannot be read for now, that is all of it."""
        try:
            return self.read(entry).damage
        except SpoolBrokenError as error:
            return Damage(entry, entry.parts, entry.items, entry.size, str(error))

    def _expects(self, entry: SpoolEntry) -> bool:
        """Whether a file that is not there ought to be: who does not hold the folder cannot tell."""
        return False

    def _scan(self) -> None:
        now, clock = time.time(), time.monotonic()
        entries, strangers = [], []
        with os.scandir(self.folder) as found:
            for file in found:
                if file.is_dir(follow_symlinks=False) or file.name == names.LOCK:
                    continue
                entry = names.entry_of(file.name)
                if entry is not None:
                    entries.append(entry)
                elif names.TEMPORARY.fullmatch(file.name):
                    self._drop_leftover(Path(file.path))
                else:
                    strangers.append(Path(file.path))
        for entry in sorted(entries, key=lambda entry: entry.number):
            self._index.add(entry, clock - max(0.0, now - entry.created))
            self._last_number = max(self._last_number, entry.number)
        self.found = tuple(self._meet_stranger(path) for path in sorted(strangers))

    def _drop_leftover(self, path: Path) -> None:
        """The holder of the folder may be writing it."""

    def _meet_stranger(self, path: Path) -> Damage:
        return misnamed(names.stranger(path), path, "left where it is")


class Spool(SpoolReader):
    """Holds a spool: only one process may, at a time."""

    def __init__(self, folder: Path, limits: SpoolLimits) -> None:
        """Make the folder if it is missing, lock it, look at its names. Damaged contents never stop it.

        Raises `SpoolLockedError`, or `SpoolBrokenError` where the folder cannot be used at all.
        """
        self._lock_file = _hold(folder)
        self._closed = False
        self._synced = time.monotonic()
        try:
            super().__init__(folder, limits)
        except BaseException:
            os.close(self._lock_file)
            raise

    def append(self, kind: str, token: str, parts: Sequence[Part]) -> SpoolEntry:
        """Write one batch. It survives a power loss once this returns, and is not there at all if this raises.

        Raises `SpoolFullError`, `SpoolBrokenError`, or `ValueError` for what can never be written: no parts, or a kind
        or token that cannot stand in a file's name.
        """
        names.check(kind, token)
        if not parts:
            raise ValueError(f"the batch {token} has no parts: there is nothing to keep")
        entry = self._admit(kind, token, parts)
        name, temporary = names.name_of(entry), names.temporary_name(entry.number)
        try:
            files.write(self.folder, temporary, name, frames.encode(parts, token))
        except OSError as error:
            raise self._not_written(entry, error) from error
        except BaseException:
            self._room.give_back(entry.size)
            raise
        with self._lock:
            self._room.keep(entry.size)
            self._index.add(entry, time.monotonic())
        return entry

    def remove(self, entry: SpoolEntry) -> None:
        """Forget an entry that ClickHouse holds. Safe twice; `SpoolBrokenError` if its file cannot be removed."""
        with self._lock:
            born = self._index.remove(entry)
            now = time.monotonic()
            due = now - self._synced >= SYNC_INTERVAL
            if due:
                self._synced = now
        try:
            (self.folder / names.name_of(entry)).unlink(missing_ok=True)
        except OSError as error:
            if born is not None:
                with self._lock:
                    self._index.add(entry, born)
            raise _broken(f"the spool cannot remove {names.name_of(entry)}", error) from error
        if due:
            self._sync()

    def set_aside(self, entry: SpoolEntry, damage: Damage) -> None:
        """Keep a copy of a damaged file in ``damaged/`` for people to look at; the entry itself stays. Safe twice.

        The oldest copies go where there are too many. A copy that cannot be made is told in the log and not missed.
        """
        self._aside.keep(self.folder / names.name_of(entry), damage)

    def close(self) -> None:
        """Let go of the folder once no append is under way. Safe twice; what is in the spool stays there."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._sync()
        os.close(self._lock_file)

    def _admit(self, kind: str, token: str, parts: Sequence[Part]) -> SpoolEntry:
        """Check the bounds, take a number, hold the room."""
        size = frames.size_of(parts)
        items = sum(part.items for part in parts)
        with self._lock:
            if self._closed:
                raise SpoolBrokenError(f"the spool in {self.folder} is closed: send the same again to whoever opens it")
            try:
                refusal = self._room.take(size, self._index)
            except OSError as error:
                raise _broken(f"the spool cannot tell the free space of {self.folder}", error) from error
            if refusal:
                raise SpoolFullError(refusal, retry_after=FULL_PAUSE)
            self._last_number += 1
            return SpoolEntry(self._last_number, kind, token, items, size, _milliseconds(), len(parts))

    def _not_written(self, entry: SpoolEntry, error: OSError) -> SpoolFullError | SpoolBrokenError:
        full = error.errno in _DISK_FULL
        self._room.give_back(entry.size, disk_full=full)
        if not full:
            return _broken(f"the spool cannot write to {self.folder}", error)
        message = f"the disk under the spool {self.folder} is full ({error.strerror}): free some space, or send later"
        return SpoolFullError(message, retry_after=FULL_PAUSE)

    def _sync(self) -> None:
        try:
            files.sync_folder(self.folder)
        except OSError as error:
            _log.warning("spool: removed entries of %s may come back after a power loss: %s", self.folder, error)

    def _expects(self, entry: SpoolEntry) -> bool:
        with self._lock:
            return entry in self._index

    def _drop_leftover(self, path: Path) -> None:
        """A crash left it; nobody was told that it is kept."""
        self._last_number = max(self._last_number, int(path.stem))
        try:
            path.unlink()
        except OSError as error:
            _log.warning("spool: the leftover %s cannot be deleted: %s", path, error)

    def _meet_stranger(self, path: Path) -> Damage:
        entry = names.stranger(path)
        damage = misnamed(entry, path, self._aside.take_in(path))
        _log.warning("spool: %s", damage.what)
        return damage


def _hold(folder: Path) -> int:
    try:
        files.make_folder(folder)
        return files.lock(folder / names.LOCK)
    except BlockingIOError as error:
        raise SpoolLockedError(
            f"the spool {folder} is held by another process: stop that one, or give this one a folder of its own "
            "(ingest.spool.path)"
        ) from error
    except OSError as error:
        raise _broken(f"the spool's folder {folder} cannot be used", error) from error


def _broken(what: str, error: OSError) -> SpoolBrokenError:
    return SpoolBrokenError(f"{what}: {error.strerror or error}; check the disk, and the rights and path of the folder")


def _milliseconds() -> float:
    return time.time_ns() // 1_000_000 / 1000
