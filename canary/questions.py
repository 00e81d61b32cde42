"""Which questions find what a beat sent, over REST and as tools of agents; and what an answer shows of it.

In: kinds and the moment of a beat. Out: names and parameters; from an answer's text, `Seen`s. Every question names the
canary, since all leave it out but for who asks so. One question finds all that has the canary's attribute: log records,
spans and the five kinds of data points; Kubernetes events have their own. The two windows share them, and change places
each beat, and so it is with the streams: a question costs the engine most of what it costs by being asked at all.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from canary.finding import MCP, REST, STREAM
from canary.items import ATTRIBUTE, EVENT, KINDS, LOG, SERVICE, SPAN, read_lines
from canary.judging import Seen

_ATTRIBUTED = frozenset(KINDS) - {EVENT}
_EVENTS = frozenset({EVENT})
_TURNS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    REST: (_EVENTS, _ATTRIBUTED),
    MCP: (_ATTRIBUTED, _EVENTS),
    STREAM: (frozenset({LOG}), frozenset({SPAN, EVENT})),
}
WINDOWS = frozenset(_TURNS)
"""Legs at which a beat looks for some kinds, and the next one for the others."""

MOST = 200
"""Rows of one answer: ten clusters, seven kinds, and beats of the same second."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question. Over REST and as a tool it has the same name."""

    question: str
    parameters: Mapping[str, str | int]
    kinds: frozenset[str]
    """What it finds."""


def kinds_in_turn(window: str, number: int) -> frozenset[str]:
    """What is looked for at one of `WINDOWS` in the beat of this number."""
    return _TURNS[window][number % 2]


def questions(kinds: Collection[str], sent: int) -> list[Asked]:
    """What to ask for items of these kinds that were sent at `sent` (nanoseconds since 1970)."""
    # Some times are kept in whole seconds.
    since = f"{datetime.fromtimestamp(sent // 10**9, UTC):%Y-%m-%dT%H:%M:%SZ}"
    window: dict[str, str | int] = {"since": since, "limit": MOST}
    every = (
        Asked("attribute_values", {"attribute": ATTRIBUTE, "service": SERVICE, **window}, _ATTRIBUTED),
        Asked("object_events", {"namespace": SERVICE, **window}, frozenset({EVENT})),
    )
    return [one for one in every if not one.kinds.isdisjoint(kinds)]


def seen_in(text: str, kinds: Collection[str], place: int = 0) -> list[Seen]:
    """What of some kinds a row or an answer shows: each item once, however often it is named there.

    Kubernetes events are log records as well, so a text may show other kinds than those that were asked for.
    """
    lines = [line for line in read_lines(text) if line.identity.kind in kinds]
    return list({line.identity: Seen(line.identity, line.checksum, place) for line in lines}.values())
