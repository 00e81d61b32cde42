"""What a fault is to the command and the table: a name, a promise, rounds, and a verdict."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How a fault is tried."""

    rounds: int
    seed: int
    say: Say
    brief: bool = False
    """Shorter times inside a round (a freeze of seconds instead of a minute), for tests."""

    def draw(self, number: int) -> random.Random:
        """Chance for one round, the same for the same seed."""
        return random.Random(f"{self.seed} {number}")

    def seconds(self, full: float, brief: float) -> float:
        """The time that this run takes for something."""
        return brief if self.brief else full


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of it."""

    rounds: int
    seen: str
    """The figures in one phrase, for the table."""
    broken: tuple[str, ...] = ()
    """What did not hold; empty if all did."""
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def held(self) -> bool:
        """Whether all that must hold did."""
        return not self.broken


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the table."""

    name: str
    """As on the command line."""
    title: str
    promise: str
    """What must hold."""
    rounds: int
    """In a full run."""
    run: Callable[[Plan], Verdict]
    quick: int = 1
    """Rounds in a quick run."""
