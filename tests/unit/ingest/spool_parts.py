"""Spools with something in them, for tests."""

import random
from pathlib import Path

from ingest.spool import names
from ingest.spool.entry import Part, SpoolEntry, SpoolLimits
from ingest.spool.folder import Spool

ROOMY = SpoolLimits(max_bytes=2**30, max_age_s=3600.0, keep_free_bytes=0)


def a_part(text: bytes = b"one request", items: int = 3, sender: str = "10.0.0.7", key: bytes = b"") -> Part:
    """A request of two chunks, the first of them a length, as `ingest.wire` makes them."""
    return Part((bytes([len(text) % 128]), text), items, sender, key)


def random_parts(source: random.Random, count: int) -> list[Part]:
    """Requests of some bytes to some kilobytes, one of a thousand items or none."""
    return [
        Part(
            tuple(source.randbytes(source.randrange(1500)) for _ in range(source.randrange(1, 5))),
            source.randrange(1000),
            f"sender-{source.randrange(10)}",
            source.randbytes(16),
        )
        for _ in range(count)
    ]


def path_of(spool: Spool, entry: SpoolEntry) -> Path:
    return spool.folder / names.name_of(entry)
