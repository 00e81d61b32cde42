"""Reads a spool from end to end, some seconds at a time, and says what is damaged.

In: a spool, and how far it was read before. Out: `Checked`. Refuses nothing. A spool may hold more than can be read
while somebody waits for an answer, so whoever asks goes on behind where the last look ended.
"""

import time
from dataclasses import dataclass
from itertools import groupby

from ingest.spool.entry import Damage
from ingest.spool.folder import SpoolReader

MOST_DAMAGES = 1_000
"""In one look."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One look."""

    entries: int
    """Entries that were read."""
    damages: tuple[Damage, ...]
    go_on_after: int | None
    """Number of the last entry that was read, None if it was the last there is."""


def check(spool: SpoolReader, after: int, seconds: float) -> Checked:
    """Read the entries with numbers above `after`, oldest first, at least one and then for `seconds` at most.

    With `after` 0 the files that are not the spool's, as the spool found them when it opened, are told first.
    """
    until = time.monotonic() + seconds
    damages = [] if after else list(spool.found)
    entries = [entry for entry in spool.entries() if entry.number > after]
    read = 0
    # Files that came back after a power loss may share a number; who goes on behind it must not pass one over.
    for number, together in groupby(entries, key=lambda entry: entry.number):
        for entry in together:
            damage = spool.damage_of(entry)
            damages += [damage] if damage else []
            read += 1
        if read < len(entries) and (time.monotonic() >= until or len(damages) >= MOST_DAMAGES):
            return Checked(read, tuple(damages), number)
    return Checked(read, tuple(damages), None)
