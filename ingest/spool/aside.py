"""The folder ``damaged/``: what people should look at, out of the spool's way.

In: damaged files of the spool, and files that are not the spool's. Out: nothing. Copies of damaged files are bounded in
number and bytes, the oldest go first; what is not the spool's is moved here and never deleted. Nothing here raises:
a copy for people to look at must not stop a drain.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
from pathlib import Path

from ingest.spool import files, names
from ingest.spool.entry import Damage

_log = logging.getLogger(__name__)

MOST_COPIES = 100
SHARE = 10
"""The copies may take this part of the spool's bytes."""


class Aside:
    """Keeps copies of damaged files."""

    def __init__(self, folder: Path, spool_bytes: int) -> None:
        self._folder = folder
        self._most_bytes = spool_bytes // SHARE
        self._guard = threading.Lock()
        self.count = 0
        """Files in the folder."""
        try:
            self.count = sum(1 for _ in folder.iterdir())
        except FileNotFoundError:
            pass  # made when it is needed
        except OSError as error:
            _log.warning("spool: %s cannot be read: %s", folder, error)

    def keep(self, file: Path, damage: Damage) -> None:
        """Keep a copy of a damaged file: a second name for it where the file system can, which takes no room."""
        with self._guard:
            copy = self._folder / file.name
            try:
                files.make_folder(self._folder)
                if not copy.exists():
                    _copy(file, copy)
                    _log.warning("spool: a copy of the damaged %s is in %s: %s", file.name, self._folder, damage.what)
                self._prune()
            except OSError as error:
                _log.warning("spool: no copy of the damaged %s can be kept: %s", file, error)

    def take_in(self, file: Path) -> str:
        """Move a file that is not the spool's here, and say what was done."""
        with self._guard:
            place = self._folder / file.name
            try:
                files.make_folder(self._folder)
                if place.exists():
                    place = self._folder / f"{file.name}.{time.time_ns()}"
                file.rename(place)
            except OSError as error:
                return f"left where it is, since it cannot be moved to {self._folder}: {error.strerror}"
            self.count += 1
            return f"moved to {self._folder}"

    def _prune(self) -> None:
        """Delete the oldest copies of entries until those that stay are within the bounds."""
        copies = sorted(path for path in self._folder.iterdir() if names.entry_of(path.name))
        sizes = {path: path.stat().st_size for path in copies}
        kept, size = len(copies), sum(sizes.values())
        for path in copies[:-1]:
            if kept <= MOST_COPIES and size <= self._most_bytes:
                break
            path.unlink()
            kept, size = kept - 1, size - sizes[path]
        self.count = sum(1 for _ in self._folder.iterdir())


def _copy(file: Path, copy: Path) -> None:
    try:
        os.link(file, copy)
    except FileNotFoundError:
        raise
    except OSError:  # a file system without second names, or too many of them
        shutil.copyfile(file, copy)
