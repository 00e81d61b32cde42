"""The name of a file says which batch it holds, so damaged contents never hide what was lost.

In: an entry, or a name. Out: the other one. Refuses kinds and tokens that cannot stand in a name, with `ValueError`;
a name that is not one of the spool's gives None.

The suffix carries the version of the contents (`ingest.spool.frames`): an older house sets the files of a newer one
aside instead of taking them for damaged.
"""

import re
from pathlib import Path

from ingest.spool.entry import SpoolEntry

LOCK = "lock"
DAMAGED = "damaged"
TEMPORARY = re.compile(r"\d{16}\.tmp", re.ASCII)
_SUFFIX = "spool1"
_KIND = re.compile(r"[a-z][a-z_]{0,31}")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,120}")
_NAME = re.compile(
    rf"(\d{{16}})\.({_KIND.pattern})\.({_TOKEN.pattern})\.(\d{{1,12}})\.(\d{{1,9}})\.(\d{{1,15}})\.(\d{{1,15}})\.{_SUFFIX}",
    re.ASCII,
)


def name_of(entry: SpoolEntry) -> str:
    """Give the name of the entry's file."""
    numbers = f"{entry.items}.{entry.parts}.{entry.size}.{round(entry.created * 1000)}"
    return f"{entry.number:016d}.{entry.kind}.{entry.token}.{numbers}.{_SUFFIX}"


def temporary_name(number: int) -> str:
    """Give the name of a file that is being written."""
    return f"{number:016d}.tmp"


def entry_of(name: str) -> SpoolEntry | None:
    """Read a name that `name_of` wrote; None for any other."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    number, kind, token, items, parts, size, created = match.groups()
    return SpoolEntry(int(number), kind, token, int(items), int(size), int(created) / 1000, int(parts))


def stranger(path: Path) -> SpoolEntry:
    """Give an entry for a file that is not the spool's: only size and time are known, as far as they can be read."""
    try:
        found = path.lstat()
    except OSError:
        return SpoolEntry(0, "", "", 0, 0, 0.0, 0)
    return SpoolEntry(0, "", "", 0, found.st_size, found.st_mtime, 0)


def check(kind: str, token: str) -> None:
    """Refuse what cannot stand in a name."""
    if not _KIND.fullmatch(kind):
        raise ValueError(f"the kind {kind!r} must be up to 32 lower-case letters and underscores")
    if not _TOKEN.fullmatch(token):
        raise ValueError(f"the token {token!r} must be 1 to 120 letters, digits, - and _")
