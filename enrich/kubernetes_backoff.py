"""How long to wait before trying again: twice as long each time, bounded, and never all at once."""

import random


class Backoff:
    """Pauses after failures. One writer at a time."""

    def __init__(self, first_s: float, longest_s: float) -> None:
        self._first = first_s
        self._longest = longest_s
        self.failures = 0
        """In a row."""

    def next(self, at_least: float = 0.0) -> float:
        """Give the next pause in seconds; `at_least` is what the server asked for, and is bounded as well."""
        pause = self._first * (1 << min(self.failures, 32))
        self.failures += 1
        pause *= random.uniform(0.5, 1.0)  # noqa: S311  spreads clients over time, protects nothing
        return min(max(pause, at_least), self._longest)

    def reset(self) -> None:
        """It went well."""
        self.failures = 0
