"""Which ClickHouse answers, and whether we can work with it.

In: a store. Out: a `ServerVersion`. It refuses a version whose Protobuf reader cannot do our work, saying which to
take. A probe that fails raises its `StoreError`: a version that could not be read is never taken for an old one.
"""

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

from store.port import Select, Store

_VERSION = re.compile(r"(\d+)\.(\d+)\b.*")


class UnsupportedVersionError(Exception):
    """This ClickHouse cannot be used; another one has to be installed."""


@dataclass(frozen=True, slots=True, order=True)
class ServerVersion:
    """ClickHouse's year and month, as 26.7."""

    year: int
    month: int

    def __str__(self) -> str:
        return f"{self.year}.{self.month}"


LOWEST = ServerVersion(25, 9)
"""The first with `input_format_protobuf_oneof_presence`, which tells a value of "" from one that is not set."""

BROKEN = ServerVersion(25, 10)
"""Its Protobuf reader reports good messages as corrupted (https://github.com/ClickHouse/ClickHouse/issues/90017)."""

SIZE_STREAMS = ServerVersion(25, 11)
"""The first that writes the sizes of strings to a stream of their own, unless a table says otherwise
(https://github.com/ClickHouse/ClickHouse/pull/89329)."""

TEXT_INDEX = ServerVersion(26, 2)
"""The first in which the index type `text` is on for everybody."""


def read(store: Store) -> ServerVersion:
    """Ask for the version; raises a `StoreError` if nobody answers."""
    answer = store.select(Select(_question()))
    return parse(str(answer.rows[0][0]))


def parse(text: str) -> ServerVersion:
    """Read `26.7.2.1`; raises `UnsupportedVersionError` for what is no version."""
    match = _VERSION.fullmatch(text)
    if match is None:
        raise UnsupportedVersionError(f"ClickHouse calls its version {text!r}; expected one like 26.7.2.1")
    return ServerVersion(int(match[1]), int(match[2]))


def check(version: ServerVersion) -> None:
    """Refuse a version that cannot store OTLP correctly."""
    if version < LOWEST:
        raise UnsupportedVersionError(
            f"ClickHouse {version} is too old: {LOWEST} is the lowest that tells an empty value from a missing one "
            "when it reads Protobuf. Take the newest long-term release."
        )
    if version == BROKEN:
        raise UnsupportedVersionError(
            f"ClickHouse {version} reports good Protobuf messages as corrupted (ClickHouse issue 90017). "
            "Take 25.11 or newer, or 25.9."
        )


@cache
def _question() -> str:
    return (resources.files("sql") / "state" / "version.sql").read_text(encoding="utf-8")
