"""Items that can never be stored as they are become dead letters: kept with the reason, shown, and sent again.

In: the offences of a batch, with the batch's token. Out: `DeadLetter`s, as lines for `otel_dead_letters`; and from rows
of that table the parcels that send them again. The same batch gives the same letters under the same ids whenever and
however often it is taken apart, so a letter that is written twice is one.
Refused: sending again what was too large to be kept (`NotKeptError`).
"""

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from ingest import wire
from ingest.offences import MAX_ITEM_BYTES, MAX_TEXT, Offence, Origin
from sql import own_rows
from sql.signals import Signal
from sql.time_bounds import Bounds, TimeBounds
from store.port import Cell

__all__ = [
    "Bounds",
    "DeadLetter",
    "NotKeptError",
    "Offence",
    "State",
    "TimeBounds",
    "again",
    "condemn",
    "from_rows",
    "halves",
    "letters",
    "retried",
    "retry_token",
    "rows",
    "slices",
    "sort_out",
]

SLICE_BYTES = 8 * 1_048_576
"""Bytes of items in one slice of letters: what is in memory at once, while the letters themselves share their bytes."""
SLICE_LETTERS = 50_000
KEPT_BYTES = 256 * 1_048_576
"""Bytes of items that are kept of one batch. A large resource is kept once for every item in it, so a few megabytes of
a sender may mean gigabytes here; what is above is told without its bytes."""
_CHUNK_BYTES = 1_048_576

sort_out = wire.sort_out
halves = wire.halves
condemn = wire.condemned


class NotKeptError(Exception):
    """The letter's item was too large to be kept, so it cannot be sent again."""


class State(StrEnum):
    """What became of a letter."""

    OPEN = "open"
    """It is not stored."""
    STORED = "stored"
    """It was sent again, and ClickHouse holds it."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One log record, span or data point that was not stored."""

    id: str
    """32 hexadecimal digits."""
    signal: Signal
    reason: str
    """A sentence with the field and the mend, or ClickHouse's words."""
    code: int | None
    """ClickHouse's error code; None where ingest found it itself."""
    sender: str
    origin: Origin
    time_unix_nano: int
    """The time that the item gives for itself, 0 if it gives none."""
    parts: tuple[bytes, ...]
    """A resource message that holds this item alone, in pieces; empty if it was not kept."""
    size: int
    """Bytes of the message, kept or not."""
    token: str
    """Of the batch that it came in."""
    state: State = State.OPEN
    attempt: int = 0
    """Times that it was sent again."""

    @property
    def item(self) -> bytes:
        """A serialised ResourceLogs, ResourceSpans or ResourceMetrics with this one item; empty if it was not kept."""
        return b"".join(self.parts)


def letters(
    signal: Signal, token: str, found: Iterable[tuple[str, Sequence[Offence]]], received: float
) -> list[DeadLetter]:
    """Make letters of what was found in one batch, by sender.

    `token` is the batch's. `received` is when it came, in seconds since 1970, for items that do not say so themselves.
    """
    made: list[DeadLetter] = []
    left = KEPT_BYTES
    for sender, offences in found:
        for offence in offences:
            letter = _letter(signal, (token, len(made)), sender, offence, received)
            if letter.size <= min(MAX_ITEM_BYTES, left):
                left -= letter.size
            else:
                letter = _without_item(letter)
            made.append(letter)
    return made


def slices(found: Sequence[DeadLetter]) -> Iterator[Sequence[DeadLetter]]:
    """Part letters into runs that are written one after the other, the same each time; an INSERT each."""
    begin = size = 0
    for place, letter in enumerate(found):
        own = sum(map(len, letter.parts))
        if place > begin and (size + own > SLICE_BYTES or place - begin >= SLICE_LETTERS):
            yield found[begin:place]
            begin, size = place, 0
        size += own
    if begin < len(found):
        yield found[begin:]


def rows(found: Iterable[DeadLetter]) -> list[bytes]:
    """Write letters as lines for `sql.own_rows.insert_for(own_rows.DEAD_LETTERS, ...)`, a megabyte or so a chunk."""
    chunks: list[bytes] = []
    gathered: list[bytes] = []
    size = 0
    for letter in found:
        line = own_rows.line(_row(letter))
        gathered.append(line)
        size += len(line)
        if size >= _CHUNK_BYTES:
            chunks.append(b"".join(gathered))
            gathered, size = [], 0
    return [*chunks, b"".join(gathered)] if gathered else chunks


def from_rows(found: Iterable[Mapping[str, Cell]]) -> list[DeadLetter]:
    """Read letters from an answer of the question `sql/dead_letters/to_send.sql`, a mapping of its columns each."""
    return [_from_row(row) for row in found]


def again(letter: DeadLetter, received: int) -> wire.Parcel:
    """Give the parcel that sends a letter's item again, as if it came at `received` (nanoseconds since 1970).

    Insert it under `retry_token(letter)`. Raises `NotKeptError` where there is no item.
    """
    if not letter.parts:
        raise NotKeptError(f"dead letter {letter.id}: its {letter.size} bytes were too many to be kept")
    return wire.read_again(letter.signal, letter.item, received)


def retry_token(letter: DeadLetter) -> str:
    """Give the deduplication token under which a letter's item is sent again, the same each time."""
    return f"dead-letter-{letter.id}"


def retried(letter: DeadLetter, refusal: str = "", code: int | None = None) -> DeadLetter:
    """Give the row that tells how sending again went: stored, or refused once more with `refusal`."""
    if not refusal:
        return replace(letter, state=State.STORED, attempt=letter.attempt + 1)
    return replace(letter, reason=refusal[:MAX_TEXT], code=code, attempt=letter.attempt + 1)


def _letter(signal: Signal, place: tuple[str, int], sender: str, offence: Offence, received: float) -> DeadLetter:
    token, number = place
    origin = offence.origin
    if not origin.received_unix_nano:
        origin = replace(origin, received_unix_nano=round(received * 1e9))
    return DeadLetter(
        id=hashlib.sha256(f"{token}/{number}".encode()).hexdigest()[:32],
        signal=signal,
        reason=offence.reason,
        code=offence.code,
        sender=sender[:MAX_TEXT],
        origin=origin,
        time_unix_nano=offence.time_unix_nano,
        parts=offence.parts,
        size=offence.size,
        token=token,
    )


def _without_item(letter: DeadLetter) -> DeadLetter:
    reason = f"{letter.reason} (its {letter.size} bytes were too many to be kept, so it cannot be sent again)"
    return replace(letter, parts=(), reason=reason)


def _row(letter: DeadLetter) -> Mapping[str, object]:
    origin = letter.origin
    return {
        "Id": letter.id,
        "ReceivedAt": _rfc3339(origin.received_unix_nano),
        "Signal": letter.signal.value,
        "Reason": letter.reason,
        "Code": letter.code or 0,
        "Sender": letter.sender,
        "ClusterName": origin.cluster_name,
        "ClusterUid": origin.cluster_uid,
        "ServiceName": origin.service_name,
        "ItemTimeUnixNano": letter.time_unix_nano,
        "ItemBase64": base64.b64encode(letter.item).decode("ascii"),
        "ItemSize": letter.size,
        "Token": letter.token,
        "State": letter.state.value,
        "Attempt": letter.attempt,
    }


def _rfc3339(unix_nano: int) -> str:
    """Write a time with all its nanoseconds; one after the year 2262, which no column holds, as the last there is."""
    seconds, nano = divmod(min(unix_nano, 2**63 - 1), 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nano:09}Z"


def _from_row(row: Mapping[str, Cell]) -> DeadLetter:
    item = base64.b64decode(str(row["ItemBase64"]))
    origin = Origin(
        str(row["ServiceName"]), str(row["ClusterName"]), str(row["ClusterUid"]), int(str(row["ReceivedUnixNano"]))
    )
    return DeadLetter(
        id=str(row["Id"]),
        signal=Signal(str(row["Signal"])),
        reason=str(row["Reason"]),
        code=int(str(row["Code"])) or None,
        sender=str(row["Sender"]),
        origin=origin,
        time_unix_nano=int(str(row["ItemTimeUnixNano"])),
        parts=(item,) if item else (),
        size=int(str(row["ItemSize"])),
        token=str(row["Token"]),
        state=State(str(row["State"])),
        attempt=int(str(row["Attempt"])),
    )
