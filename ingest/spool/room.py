"""Whether there is room for one more batch.

In: sizes, and what the spool holds. Out: why there is none, or the room, held until the batch is written. Refuses by
bytes of the spool, by the age of its oldest batch, and by what must stay free on the disk. Nothing is remembered that
time or a free disk would not mend.

Its owner locks around `take` and `still_full`; the rest may be called by any thread.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

from ingest.spool import files
from ingest.spool.entry import SpoolLimits
from ingest.spool.index import Index


class Room:
    """Counts what is being written, and knows the bounds."""

    def __init__(self, folder: Path, limits: SpoolLimits) -> None:
        self._folder = folder
        self._limits = limits
        self._guard = threading.Lock()
        self._writing = 0
        self._refused = 1
        """Bytes of the batch that was refused last, if none was taken since."""

    def take(self, size: int, index: Index) -> str:
        """Hold room for `size` bytes and give an empty text, or say why there is none. Raises `OSError`."""
        refusal = self._refusal(size, index)
        with self._guard:
            if not refusal:
                self._writing += size
            elif size <= self._limits.max_bytes:
                self._refused = size
        return refusal

    def keep(self, size: int) -> None:
        """The batch is written: the index counts it now."""
        with self._guard:
            self._writing -= size
            self._refused = 1

    def give_back(self, size: int, *, disk_full: bool = False) -> None:
        """The batch was not written."""
        with self._guard:
            self._writing -= size
            if disk_full:
                self._refused = size

    def still_full(self, index: Index) -> str:
        """Say why what was refused last would be refused now, or why even one byte would be; empty if not."""
        with self._guard:
            size = self._refused
        try:
            return self._refusal(size, index)
        except OSError as error:
            return f"the free space of {self._folder} cannot be told: {error.strerror}"

    def _refusal(self, size: int, index: Index) -> str:
        limits = self._limits
        with self._guard:
            writing = self._writing
        if index.size + writing + size > limits.max_bytes:
            never = "; it can never take a batch as large as this" if size > limits.max_bytes else ""
            return (
                f"the spool holds {_mebibytes(index.size + writing)} of its {_mebibytes(limits.max_bytes)} and has no "
                f"room for {_mebibytes(size)} more{never}: wait until ClickHouse takes what is in it, or raise "
                "ingest.spool.max_bytes"
            )
        oldest = index.oldest()
        if oldest and time.monotonic() - oldest[1] > limits.max_age_s:
            return (
                f"the oldest batch in the spool has waited for more than {limits.max_age_s:.0f} s: see why ClickHouse "
                "does not take it, or raise ingest.spool.max_age_s"
            )
        free = files.free_bytes(self._folder) - writing - size
        if free < limits.keep_free_bytes:
            return (
                f"the disk under {self._folder} would have {_mebibytes(max(0, free))} left, less than the "
                f"{_mebibytes(limits.keep_free_bytes)} that the spool leaves to others: free some space, or lower "
                "ingest.spool.keep_free_bytes"
            )
        return ""


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"
