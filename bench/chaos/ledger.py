"""What the senders noted, request by request, and whether it agrees with what ClickHouse holds.

In: the notes of `bench.chaos.sender`, and how often ClickHouse holds each request's items (`bench.chaos.census`).
Out: a `Balance`. A request that its sender had to repeat since the connection broke is told apart: the OTLP protocol
accepts that such a request stands twice. One that was answered is held to once, however often it was refused before.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path


class Outcome(StrEnum):
    """What an attempt came to."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    """The house said to come again."""
    UNKNOWN = "unknown"
    """No answer: the connection broke, or the sender's own time ran out."""
    DENIED = "denied"
    """The house said never to come again, or rejected items: wrong for all that is sent here."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One time that a request was sent."""

    outcome: Outcome
    begun: float
    """Seconds of the machine's monotonic clock, which all processes share."""
    ended: float
    words: str = ""
    """The refusal's own, or what broke."""

    @property
    def seconds(self) -> float:
        """How long the sender waited."""
        return self.ended - self.begun


@dataclass(frozen=True, slots=True)
class Note:
    """Everything about one request."""

    number: int
    signal: str
    transport: str
    items: int
    attempts: tuple[Attempt, ...]

    @property
    def acknowledged(self) -> bool:
        """Whether the sender heard an OK in the end."""
        return bool(self.attempts) and self.attempts[-1].outcome is Outcome.ACKNOWLEDGED

    @property
    def interrupted(self) -> bool:
        """Whether an attempt had no answer and another followed it: the protocol's accepted duplicate."""
        return any(attempt.outcome is Outcome.UNKNOWN for attempt in self.attempts[:-1])


@dataclass(frozen=True, slots=True)
class Held:
    """How ClickHouse holds one request's items."""

    rows: int
    distinct: int


@dataclass(frozen=True, slots=True)
class Balance:
    """Items acknowledged and what became of them; requests by what happened on the way."""

    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0
    """Rows too many, of requests whose every attempt was answered."""
    accepted_duplicates: int = 0
    """Rows too many, of requests that were repeated since an attempt had no answer."""
    requests: int = 0
    repeated: int = 0
    unacknowledged: int = 0
    """Requests whose sender gave up, and was never told OK."""
    denied: int = 0
    examples: tuple[str, ...] = field(default=())
    """The first requests that were lost or doubled."""

    def __add__(self, other: Balance) -> Balance:
        mine, theirs = asdict(self), asdict(other)
        return Balance(**{name: mine[name] + theirs[name] for name in mine})

    def broken(self, *, even_interrupted: bool) -> list[str]:
        """What did not hold; `even_interrupted`: nothing may stand twice, whoever repeated it."""
        out = []
        if not self.acknowledged:
            out.append("nothing was acknowledged, so nothing is shown")
        if self.lost:
            out.append(f"{self.lost} acknowledged items are lost")
        if self.doubled:
            out.append(f"{self.doubled} items stand twice")
        if even_interrupted and self.accepted_duplicates:
            out.append(f"{self.accepted_duplicates} items of repeated requests stand twice")
        if self.denied:
            out.append(f"{self.denied} good requests were refused for good")
        if self.unacknowledged:
            out.append(f"{self.unacknowledged} requests found no OK in the time after the fault")
        return out + ([f"for example {', '.join(self.examples[:3])}"] if out and self.examples else [])

    def figures(self) -> dict[str, float]:
        """The counts by their names."""
        return {name: value for name, value in asdict(self).items() if name != "examples"}

    def words(self) -> str:
        """The figures in one phrase."""
        twice = f", {self.accepted_duplicates:,} accepted duplicates" if self.accepted_duplicates else ""
        return (
            f"{self.acknowledged:,} acknowledged, {self.lost:,} lost, {self.doubled:,} doubled{twice}; "
            f"{self.repeated:,} of {self.requests:,} requests repeated"
        )


NOTHING = Held(0, 0)


def balance(notes: Iterable[Note], held: Mapping[tuple[str, int], Held]) -> Balance:
    """Compare, request by request; `held` is by signal and number."""
    total = Balance()
    for note in notes:
        total += _of_one(note, held.get((note.signal, note.number), NOTHING))
    return total


def _of_one(note: Note, held: Held) -> Balance:
    lost = note.items - held.distinct if note.acknowledged else 0
    extra = held.rows - held.distinct
    example = f"{note.signal} request {note.number} ({note.transport}: {_history(note)})"
    return Balance(
        acknowledged=note.items if note.acknowledged else 0,
        lost=lost,
        doubled=0 if note.interrupted else extra,
        accepted_duplicates=extra if note.interrupted else 0,
        requests=1,
        repeated=len(note.attempts) > 1,
        unacknowledged=not note.acknowledged,
        denied=any(attempt.outcome is Outcome.DENIED for attempt in note.attempts),
        examples=(f"{example}: {held.rows} rows, {held.distinct} of {note.items} items",) if lost or extra else (),
    )


def _history(note: Note) -> str:
    return " ".join(f"{one.outcome}{f' ({one.words[:80]})' if one.words else ''}" for one in note.attempts[-3:])


def attempts(notes: Iterable[Note]) -> list[Attempt]:
    """All attempts, by when they ended."""
    return sorted((one for note in notes for one in note.attempts), key=lambda one: one.ended)


def longest_silence(notes: Iterable[Note]) -> float:
    """Seconds between two OKs that followed each other, the longest."""
    ends = [one.ended for one in attempts(notes) if one.outcome is Outcome.ACKNOWLEDGED]
    return max((later - earlier for earlier, later in itertools.pairwise(ends)), default=0.0)


def quantile(values: Sequence[float], share: float) -> float:
    """The value that `share` of them do not exceed; 0 if there are none."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else 0.0


def write(path: Path, notes: Sequence[Note]) -> None:
    """Put the notes down for another process."""
    path.write_text(json.dumps([asdict(note) for note in notes]), encoding="utf-8")


def read(path: Path) -> list[Note]:
    """Read what `write` wrote."""
    return [
        Note(**{**note, "attempts": tuple(_attempt(one) for one in note["attempts"])})
        for note in json.loads(path.read_text(encoding="utf-8"))
    ]


def _attempt(fields: Mapping[str, object]) -> Attempt:
    return Attempt(**{**fields, "outcome": Outcome(str(fields["outcome"]))})  # type: ignore[arg-type]  # as `write` wrote
