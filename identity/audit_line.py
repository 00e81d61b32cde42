"""One deed as a line of JSON, chained to the line before it.

In: a `Deed` that was stamped with its time and place. Out: an `Entry`, its line, its row for ClickHouse, and what
does not fit in lines that were read back (`verify`). A line says the SHA-256 of the line before it, so that one which
was changed, taken out or put in between does not fit the next one. What the chain cannot show is that its end was
cut off: that shows in ClickHouse, where each row has its `Number` and `Previous` too.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from itertools import islice
from typing import Any, Literal

from identity.redaction import redact

Outcome = Literal["ok", "refused", "failed"]

LONGEST_TEXT = 500
"""Characters of one text in a deed; what is longer was sent by somebody else, and is cut."""
LONGEST_KEY = 100
MOST_DETAILS = 200
LONGEST_LINE = 1 << 20
"""Bytes of one line. The bounds above keep it below, whatever has to be escaped."""

_CUT = " (cut)"
_NUMBER = re.compile(rb'\{"number": (\d{1,18}),')


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody did, or tried to do."""

    action: str
    """What it was: ``sign_in.refused``, ``token.created``, ``dead_letter.retried``, ``configuration.in_force``."""
    actor: str
    """Who: a token's id, a JWT's subject, ``anonymous``, ``system``; never a credential."""
    peer: str
    """Network address without the port; empty for what was done on this machine."""
    outcome: Outcome
    target: str = ""
    """What it was done to, such as the id of a dead letter."""
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stamp:
    """When and where a deed was recorded."""

    time: int
    """Unix nanoseconds."""
    id: str
    instance: str
    """Which process of the house."""
    version: str
    times: int = 1
    """How often: the same refusal, many times a minute, is one line."""
    lost: int = 0
    """Deeds that were dropped before this one, since more came than could be written."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A deed in its place in the chain."""

    deed: Deed
    stamp: Stamp
    number: int
    """From 1, one more than the line before."""
    previous: str
    """SHA-256 of the line before, in hexadecimal; empty for the first."""

    def line(self) -> bytes:
        """The line, with its line end. No credential that is recognised as one gets into it."""
        deed, stamp = self.deed, self.stamp
        parts = {
            "number": self.number,
            "time": rfc3339(stamp.time),
            "id": stamp.id,
            "instance": stamp.instance,
            "version": stamp.version,
            "action": _text(deed.action),
            "actor": _text(deed.actor),
            "peer": _text(deed.peer),
            "outcome": deed.outcome,
            "target": _text(deed.target),
            "details": _details(deed.details),
            "times": stamp.times,
            "lost": stamp.lost,
            "previous": self.previous,
        }
        # Half a surrogate pair, which is no text, becomes a `?`.
        return json.dumps(parts, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that does not fit."""

    file: str
    line: int
    """Counted from 1."""
    what: str


def digest(line: bytes) -> str:
    """SHA-256 of a line without its line end, in hexadecimal."""
    return sha256(line.rstrip(b"\n")).hexdigest()


def number_of(line: bytes) -> int:
    """The number of a line, as cheaply as can be; 0 for a line that is none of ours."""
    found = _NUMBER.match(line)
    return int(found[1]) if found else 0


def read(line: bytes) -> dict[str, Any] | None:
    """The object that a line holds, or None for a line that is none of ours (one that was torn, say)."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and isinstance(found.get("number"), int) else None


def row(line: bytes) -> dict[str, object] | None:
    """The row of `otel_audit` that a line stands for, or None for a line that is none of ours."""
    found = read(line)
    if found is None:
        return None
    columns = {"time": "Timestamp", "id": "Id"} | {name: name.title() for name in _COLUMNS}
    return {column: found[name] for name, column in columns.items() if name in found}


_COLUMNS = (
    "number",
    "instance",
    "version",
    "action",
    "actor",
    "peer",
    "outcome",
    "target",
    "details",
    "times",
    "lost",
    "previous",
)


def verify(files: Iterable[tuple[str, Iterable[bytes]]]) -> Iterator[Fault]:
    """Say which lines do not fit the one before. `files`: names and lines, oldest first.

    The first line of all may continue one that is no longer kept.
    """
    last: bytes | None = None
    number = 0
    for name, lines in files:
        for position, line in enumerate(lines, start=1):
            found = read(line)
            if found is None:
                yield Fault(name, position, "is no line of the audit trail: torn by a crash, or changed")
            elif last is not None and found.get("previous") != digest(last):
                yield Fault(name, position, "the line before was changed, taken out or put in")
            elif last is not None and found["number"] != number + 1:
                yield Fault(name, position, f"has number {found['number']} where {number + 1} belongs")
            last, number = line, number_of(line) or number


def rfc3339(nanoseconds: int) -> str:
    """A time in UTC with nine digits of a second."""
    second, rest = divmod(nanoseconds, 10**9)
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def _details(details: Mapping[str, str]) -> dict[str, str]:
    kept = {_text(key, LONGEST_KEY): _text(details[key]) for key in islice(details, MOST_DETAILS)}
    left_out = len(details) - MOST_DETAILS
    return kept if left_out <= 0 else kept | {"left_out": str(left_out)}


def _text(value: object, longest: int = LONGEST_TEXT) -> str:
    text = redact(str(value))
    return text if len(text) <= longest else text[: longest - len(_CUT)] + _CUT
