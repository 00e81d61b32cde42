"""The scores of a run: calls, tokens and correctness of each incident, by the tools and by raw SQL.

In: what was found and what it cost. Out: frozen `Score`s, and of all of them the figures that bars are set for. The
control (an incident of noise alone) has to be right as well; it is no incident and counts for no median.
"""

import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.agents.conversation import Spent
from bench.agents.diagnosis import Diagnosis
from bench.agents.incident import Incident

CALLS, TOKENS, TIMES_FEWER = 5, 6000, 3.0
"""The bars: median calls and tokens of an incident at most, and how many times fewer than raw SQL at least."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one investigation took."""

    calls: int
    tokens: int
    """Of calls and texts of answers."""
    structured_tokens: int
    """Of what comes beside the texts."""
    offered_tokens: int
    """Of instructions and list of tools, which are read once."""

    @property
    def with_offer(self) -> int:
        """Tokens, with what is read once."""
        return self.tokens + self.offered_tokens


@dataclass(frozen=True, slots=True)
class Score:
    """One incident."""

    name: str
    title: str
    is_control: bool
    right: bool
    diagnosis: str
    tools: Cost
    raw: Cost
    raw_read: bool
    """Whether the words that tell the causes were among what the baseline read; whether it would have seen them is not
    known."""


@dataclass(frozen=True, slots=True)
class Total:
    """What the bars are about."""

    incidents: int
    right: int
    calls: float
    tokens: float
    times_fewer: float
    """Sum of the baseline's tokens over sum of the tools'."""
    times_fewer_with_offer: float


def cost(spent: Spent, offered: int) -> Cost:
    """What was spent, frozen."""
    return Cost(len(spent.calls), spent.tokens, spent.structured, offered)


def in_words(found: Diagnosis) -> str:
    """The diagnosis as one line."""
    if not found.is_known:
        return "not known"
    named = "; ".join(f"{one.kind}: {one.object}" for one in found.causes)
    return named or "nothing is wrong"


def has_read(texts: str, incident: Incident) -> bool:
    """Whether object and reason of every cause stand in the texts; what the page names is known."""
    return all(
        cause.object in texts + incident.page and re.search(cause.seen or cause.reason, texts)
        for cause in incident.causes
    )


def total(scores: Sequence[Score]) -> Total:
    """The figures of all incidents."""
    counted = [one for one in scores if not one.is_control]

    def times(of: Callable[[Cost], int]) -> float:
        return sum(of(one.raw) for one in counted) / sum(of(one.tools) for one in counted)

    return Total(
        len(counted),
        sum(one.right for one in counted),
        statistics.median(one.tools.calls for one in counted),
        statistics.median(one.tools.tokens for one in counted),
        times(lambda one: one.tokens),
        times(lambda one: one.with_offer),
    )


def missed(scores: Sequence[Score]) -> list[str]:
    """The bars that were not reached, in words; none where all were."""
    found = total(scores)
    wrong = [one.name for one in scores if not one.right]
    said = [f"wrong: {', '.join(wrong)}"] if wrong else []
    if found.calls > CALLS:
        said.append(f"median of {found.calls:g} calls, bar {CALLS}")
    if found.tokens > TOKENS:
        said.append(f"median of {found.tokens:g} tokens, bar {TOKENS}")
    if found.times_fewer < TIMES_FEWER:
        said.append(f"{found.times_fewer:.1f} times fewer tokens than raw SQL, bar {TIMES_FEWER:g}")
    return said
