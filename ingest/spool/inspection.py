"""What became of a file, said in numbers and in a sentence.

In: an entry and the frames of its file that are whole. Out: `Contents` or `Damage`. Refuses nothing.
"""

from collections.abc import Sequence
from pathlib import Path

from ingest.spool import names
from ingest.spool.entry import Contents, Damage, SpoolEntry
from ingest.spool.frames import Frame

_NAMED = 10
"""Requests that are named one by one in a message."""


def describe(entry: SpoolEntry, found: Sequence[Frame], *, size: int, unreadable: int) -> Contents:
    """Sort what was found; `size` and `unreadable` are bytes of the file as it is now."""
    frames = {frame.index: frame for frame in found if frame.index < entry.parts}
    parts = tuple(frames[index].part for index in sorted(frames))
    if len(parts) == entry.parts:
        return Contents(parts)
    damage = Damage(
        entry=entry,
        parts_lost=entry.parts - len(parts),
        items_lost=max(0, entry.items - sum(part.items for part in parts)),
        bytes_lost=max(0, entry.size - sum(frame.size for frame in frames.values())),
        what=_sentence(entry, [index for index in range(entry.parts) if index not in frames], size, unreadable),
    )
    return Contents(parts, damage)


def gone(entry: SpoolEntry) -> Damage:
    """Describe an entry whose file is not there any more."""
    what = f"{names.name_of(entry)}: the file is gone; somebody else deleted it"
    return Damage(entry, entry.parts, entry.items, entry.size, what)


def misnamed(entry: SpoolEntry, path: Path, done: str) -> Damage:
    """Describe a file that is not the spool's, and what was done with it."""
    what = f"the name of {path.name!a} is not one that this spool writes: {done}"
    return Damage(entry, 0, 0, 0, what)


def _sentence(entry: SpoolEntry, lost: Sequence[int], size: int, unreadable: int) -> str:
    named = ", ".join(str(index + 1) for index in lost[:_NAMED]) + (", ..." if len(lost) > _NAMED else "")
    reasons = []
    if size < entry.size:
        reasons.append(f"the file ends after {size} of its {entry.size} bytes")
    if unreadable:
        reasons.append(f"the disk cannot read {unreadable} bytes of it")
    why = " and ".join(reasons) or "the bytes do not match their checksums"
    return f"{names.name_of(entry)}: {why}; lost are {len(lost)} of {entry.parts} requests (number {named})"
