"""What goes into the spool and what comes out, as plain values.

In: nothing. Out: frozen dataclasses. Refuses nothing: `ingest.spool.folder` checks what it is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """One request inside a batch."""

    chunks: tuple[bytes, ...]
    """What the INSERT gets, in order. The spool gives back the very same chunks, not only the same bytes."""
    items: int
    """Log records, spans, data points or rows in the chunks."""
    sender: str = ""
    """`Sender.key`, for messages; the spool keeps the first 1,000 bytes."""
    key: bytes = b""
    """The request's key in the resend window (`ingest.resends.key_of`), up to 64 bytes, or empty."""

    @property
    def size(self) -> int:
        """Bytes of all chunks."""
        return sum(map(len, self.chunks))


@dataclass(frozen=True, slots=True)
class SpoolEntry:
    """One batch in the spool, known from its file's name alone."""

    number: int
    """Rises from batch to batch, over restarts as well, as long as anything is in the spool."""
    kind: str
    """A signal, ``dead_letters`` or ``audit``; empty for a file that is not the spool's."""
    token: str
    """The deduplication token of its INSERT, the same at every attempt."""
    items: int
    size: int
    """Bytes of the file as it was written; a damaged file may be shorter."""
    created: float
    """Unix seconds, to the millisecond."""
    parts: int = 1
    """Requests in the batch."""


@dataclass(frozen=True, slots=True)
class Damage:
    """What is gone of one entry. Nobody can bring it back, so it is said exactly."""

    entry: SpoolEntry
    parts_lost: int
    items_lost: int
    """`entry.items` without the items of the requests that are whole."""
    bytes_lost: int
    """Bytes of the file as it was written that belong to no whole request."""
    what: str
    """What was found, in a sentence for people."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What is left of an entry: all of it, if `damage` is None."""

    parts: tuple[Part, ...]
    damage: Damage | None = None


@dataclass(frozen=True, slots=True)
class SpoolLimits:
    """When the spool is full. What was acknowledged is never dropped, so a full spool takes nothing new."""

    max_bytes: int
    """Bytes of all files. A batch that is larger than this can never be taken."""
    max_age_s: float
    """Seconds that the oldest batch may have waited, by a clock that nobody can set."""
    keep_free_bytes: int
    """Bytes of the file system that are left to everybody else."""


@dataclass(frozen=True, slots=True)
class SpoolStatus:
    """The spool at a glance."""

    entries: int
    items: int
    bytes: int
    oldest: float | None
    """When the oldest batch was written, in Unix seconds; None if there is none."""
    limit_bytes: int
    damaged: int
    """Files in ``damaged/``, for people to look at and to delete."""
    by_kind: Mapping[str, tuple[int, int, int]]
    """Entries, items and bytes of each kind that has any."""
    full: str
    """Why nothing, or nothing as large as what was refused last, is taken now; empty if the spool takes more."""
