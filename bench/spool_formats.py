"""What one flipped bit costs a spool, and how quickly one takes batches: a folder of files beside SQLite in WAL mode.

In: nothing. Out: two tables on standard output, for docs/decisions/0008. Run as ``python -m bench.spool_formats``; it
takes about a minute and 1 GiB below the system's temporary folder.

Both hold the same 200 batches as a kill left them, and one random bit of all their files is flipped, 100 times over.
The SQLite spool is given what it can be: a checksum of its own on each batch, ``synchronous=FULL``, a commit a batch,
and where a scan of the table fails, each batch is asked for by its number.
"""

import os
import random
import secrets
import shutil
import sqlite3
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path

from ingest.spool.entry import Part, SpoolLimits
from ingest.spool.folder import Spool, SpoolReader

ENTRIES = 200
ROUNDS = 100
BATCHES = (4 * 1024, 64 * 1024)
"""Bytes of one batch: a trickle, and a small house."""
SEED = 8
LIMITS = SpoolLimits(max_bytes=2**40, max_age_s=1e9, keep_free_bytes=0)
_TABLE = (
    "CREATE TABLE spool (number INTEGER PRIMARY KEY, kind TEXT, token TEXT, items INTEGER, crc INTEGER, batch BLOB)"
)
_INSERT = "INSERT INTO spool (kind, token, items, crc, batch) VALUES ('logs', ?, 100, ?, ?)"
_ONE = "SELECT crc, batch FROM spool WHERE number = ?"

Batches = Mapping[str, bytes]
"""By token."""


class SqliteSpool:
    """The spool as a table."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._connection = sqlite3.connect(folder / "spool.sqlite", isolation_level=None)
        for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL"):
            self._connection.execute(statement)

    def create(self) -> None:
        """Make the table."""
        self._connection.execute(_TABLE)

    def append(self, token: str, batch: bytes) -> None:
        """Write one batch; on disk when this returns."""
        self._connection.execute(_INSERT, (token, zlib.crc32(batch), batch))

    def whole(self) -> int:
        """How many batches can be read and match their checksum."""
        return sum(self._is_whole(number) for number in range(1, ENTRIES + 1))

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _is_whole(self, number: int) -> bool:
        try:
            found = self._connection.execute(_ONE, (number,)).fetchone()
        except sqlite3.Error:
            return False
        return found is not None and isinstance(found[1], bytes) and zlib.crc32(found[1]) == found[0]


def fill_sqlite(folder: Path, batches: Batches) -> None:
    """Leave what a kill leaves: a database and its write-ahead log."""
    with closing(SqliteSpool(folder.with_name("live"))) as spool:
        spool.create()
        for token, batch in batches.items():
            spool.append(token, batch)
        shutil.copytree(folder.with_name("live"), folder)
    shutil.rmtree(folder.with_name("live"))


def fill_folder(folder: Path, batches: Batches) -> None:
    """The same as files."""
    with closing(Spool(folder, LIMITS)) as spool:
        for token, batch in batches.items():
            spool.append("logs", token, [Part((batch,), 100)])


def left_in_sqlite(folder: Path) -> int:
    """Batches that are left; none where the database does not open."""
    try:
        spool = SqliteSpool(folder)
    except sqlite3.Error:
        return 0
    with closing(spool):
        return spool.whole()


def left_in_folder(folder: Path) -> int:
    """Batches that are left."""
    reader = SpoolReader(folder, LIMITS)
    return sum(reader.read(entry).damage is None for entry in reader.entries())


def flip_a_bit(folder: Path, source: random.Random) -> None:
    """Flip one bit, any of all files with the same chance."""
    sizes = {path: path.stat().st_size for path in sorted(folder.iterdir()) if path.is_file()}
    place = source.randrange(8 * sum(sizes.values()))
    for path, size in sizes.items():
        if place < 8 * size:
            with path.open("r+b") as file:
                file.seek(place // 8)
                byte = file.read(1)[0] ^ 1 << place % 8
                file.seek(place // 8)
                file.write(bytes([byte]))
            return
        place -= 8 * size


def rounds(whole: Path, left: Callable[[Path], int], source: random.Random) -> list[int]:
    """Batches lost in each round."""
    lost = []
    damaged = whole.with_name("damaged")  # looked at in copies only: SQLite empties its log when it opens a database
    for number in range(ROUNDS + 1):
        shutil.copytree(whole, damaged)
        if number:
            flip_a_bit(damaged, source)
        lost.append(ENTRIES - left(damaged))
        shutil.rmtree(damaged)
    if lost.pop(0):
        raise RuntimeError(f"{whole} does not hold what it was given")
    return lost


def compare_damage(place: Path) -> None:
    """Print what a flipped bit costs."""
    source = random.Random(SEED)
    tell("spool", "batch KiB", "no batch lost", "one lost", "more lost", "most lost at once")
    for size in BATCHES:
        batches = {secrets.token_hex(16): source.randbytes(size) for _ in range(ENTRIES)}
        for name, fill, left in (("SQLite", fill_sqlite, left_in_sqlite), ("folder", fill_folder, left_in_folder)):
            folder = place / f"{name}-{size}"
            fill(folder, batches)
            lost = rounds(folder, left, source)
            over = sum(one > 1 for one in lost)
            tell(name, size // 1024, lost.count(0), lost.count(1), over, max(lost))


def compare_speed(place: Path) -> None:
    """Print how quickly batches are taken, one after the other, each on disk before the next."""
    tell("spool", "batch MiB", "MiB/s", "CPU ms a MiB")
    for size in (1, 16):
        batch = os.urandom(size * 2**20)
        with closing(SqliteSpool(place / f"sqlite-{size}")) as table:
            table.create()
            measure("SQLite", size, partial(table.append, batch=batch))
        with closing(Spool(place / f"folder-{size}", LIMITS)) as folder:
            measure("folder", size, partial(folder.append, "logs", parts=[Part((batch,), 1)]))


def measure(name: str, size: int, append: Callable[[str], object]) -> None:
    """Time appends of `size` MiB under fresh tokens."""
    count = 256 // size
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(count):
        append(secrets.token_hex(16))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    tell(name, size, f"{size * count / wall:.0f}", f"{1000 * cpu / size / count:.2f}")


def tell(*cells: object) -> None:
    """Print one line of a table."""
    sys.stdout.write("| " + " | ".join(map(str, cells)) + " |\n")


def main() -> None:
    """Measure both and print."""
    with tempfile.TemporaryDirectory() as place:
        compare_damage(Path(place))
        compare_speed(Path(place))


if __name__ == "__main__":
    main()
