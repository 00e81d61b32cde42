"""Who hears of what a tap finds. In: entries, and whether ClickHouse answers. Out: nothing; nobody refuses to hear."""

from collections.abc import Sequence
from typing import Protocol

from sse_proxy.rows import Entry


class Listener(Protocol):
    """Who hears of new entries."""

    def ready(self) -> None:
        """The ring is filled, and `more` will follow."""

    def more(self, entries: Sequence[Entry]) -> None:
        """These came; all of one look share its floor and clock or have later ones."""

    def trouble(self, problem: str) -> None:
        """ClickHouse does not answer; empty when it does again."""


class Nobody:
    """Hears nothing."""

    def ready(self) -> None:
        """As of a `Listener`."""

    def more(self, entries: Sequence[Entry]) -> None:
        """As of a `Listener`."""

    def trouble(self, problem: str) -> None:
        """As of a `Listener`."""
