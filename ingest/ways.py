"""The two ways out of the pipeline: to ClickHouse at once, or to the spool first.

In: batches that are due. Out: which way each goes now, if one is free: ClickHouse, as long as it takes the batch's
signal and has a free place; the spool, where ClickHouse does not take it, where the settings say so, or where a batch
has waited longer than `patience` for a place. Refuses nothing: a batch without a free way waits.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

from ingest.batch import Batch, Lane
from ingest.crowding import Crowding
from ingest.outlook import Outlooks
from ingest.settings import SpoolMode
from ingest.spooling import Spooling
from sql.signals import Signal

SPOOL_PLACES = 6
"""Batches on their way to the disk at once: one a lane."""


@dataclass(slots=True, eq=False)
class Way:
    """One way, with a bound on how many batches go along it at once."""

    places: int
    deliver: Callable[[Batch], Coroutine[None, None, None]]
    running: Counter[Lane] = field(default_factory=Counter)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def free(self) -> bool:
        """Whether one more may go."""
        return len(self.tasks) < self.places


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say about the ways."""

    mode: SpoolMode
    patience: float
    """Seconds that a batch waits for a place at ClickHouse before it goes to the spool."""


class Ways:
    """Both ways, and the choice. Used on one event loop."""

    def __init__(
        self, direct: Way, spooling: Spooling | None, spool: Way, outlooks: Outlooks, crowding: Crowding, rules: Rules
    ) -> None:
        self.direct = direct
        self._spool = spool
        self._spooling = spooling
        self._outlooks = outlooks
        self._crowding = crowding
        self._rules = rules
        self.held_back = ""
        """Why nothing may go to ClickHouse; empty while all may."""

    def hold_back(self, reason: str) -> None:
        """Let nothing go to ClickHouse, as long as `reason` is not empty: its tables are not there yet."""
        self.held_back = reason

    @property
    def tasks(self) -> set[asyncio.Task[None]]:
        """All batches under way."""
        return self.direct.tasks | self._spool.tasks

    @property
    def busy(self) -> frozenset[Lane]:
        """The lanes that have a batch under way where the next one would go, and may as well gather meanwhile.

        Not so beside a crowd: its INSERTs make every other one take longer, and waiting for one of these twice as long.
        """
        ways = (self.direct, self._spool)
        lanes = {lane for way in ways for lane in +way.running if self._first(lane.signal) is way}
        crowded = any(lane.crowd for lane in lanes)
        return frozenset(lane for lane in lanes if lane.crowd or not crowded)

    @property
    def overflow_after(self) -> float:
        """Seconds after which a batch without a place at ClickHouse goes to the spool."""
        return float("inf") if self._spooling is None else self._rules.patience

    def free_for(self, batch: Batch, now: float) -> Way | None:
        """The way that `batch` may go now."""
        if self._first(batch.signal) is self._spool:
            return self._free_spool(batch.lane)
        if self._free_direct(batch.lane, now):
            return self.direct
        return self._free_spool(batch.lane) if now >= batch.opened + self.overflow_after else None

    def start(self, batch: Batch, way: Way, ended: Callable[[asyncio.Task[None]], None]) -> None:
        """Send `batch` along `way`; `ended` is called when it is through."""
        way.running[batch.lane] += 1
        task = asyncio.create_task(way.deliver(batch))
        way.tasks.add(task)

        def leave(task: asyncio.Task[None]) -> None:
            way.running[batch.lane] -= 1
            way.tasks.discard(task)
            ended(task)

        task.add_done_callback(leave)

    def _first(self, signal: Signal) -> Way:
        """The way that a batch of this signal goes if it is free."""
        if self._spooling is None:
            return self.direct
        always = self._rules.mode is SpoolMode.ALWAYS or bool(self.held_back)
        return self._spool if always or self._must_wait(signal, self._spooling) else self.direct

    def _must_wait(self, signal: Signal, spooling: Spooling) -> bool:
        """Whether ClickHouse does not take this signal, and the drain is there to find out when it does again."""
        return not self._outlooks[signal].good and spooling.queue(signal).units > 0

    def _free_direct(self, lane: Lane, now: float) -> bool:
        """Whether ClickHouse may be asked now; crowds have a quarter of the places, if others are there."""
        if not self.direct.free:
            return False
        if not lane.crowd or not self._crowding.has_others(now):
            return True
        of_crowds = sum(count for lane, count in self.direct.running.items() if lane.crowd)
        return of_crowds < max(1, self.direct.places // 4)

    def _free_spool(self, lane: Lane) -> Way | None:
        # One append a lane at a time: what comes meanwhile is written, and waits for the disk, together.
        return self._spool if self._spool.free and not self._spool.running[lane] else None
