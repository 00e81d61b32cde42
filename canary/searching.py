"""Looking for what a beat sent, everywhere, until all is found or time is up.

In: a leg for each place, with what it should show. Out: the legs, with what was seen there and when. It asks as little
as it can: the streams tell by themselves that something came; REST is asked first, and where its rows are all that was
sent, once, in order and unchanged, ClickHouse has them too; ClickHouse itself is asked only where they are not. What is
known not to be stored is looked for nowhere else.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from canary.finding import MCP, REST, STORED, STREAM, LookError, NotKnownError, StoredRow
from canary.items import Identity, Item
from canary.judging import Seen, State, judge
from canary.listening import Streams
from canary.looking import Place, Rest, Stored

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 3.0
"""Seconds between two looks."""
STREAMS_FIRST, MOST_FIRST = 0.05, 2.0
"""Part of all the time, and seconds, in which the streams may tell before anybody is asked for the first time."""
_BREATH = 0.2
"""Seconds after which is looked whether to stop."""


@dataclass(slots=True)
class Leg:
    """What is known of one leg until now."""

    place: Place
    expected: dict[Identity, Item]
    seen: list[Seen] = field(default_factory=list)
    found: dict[Identity, float] = field(default_factory=dict)
    """Seconds after the beginning."""
    problem: str = ""
    not_known: bool = False
    """The place is too old to be asked: nothing can be expected there."""

    @property
    def missing(self) -> set[Identity]:
        """What was not seen yet."""
        return self.expected.keys() - {one.identity for one in self.seen}

    def look(self, seconds: float, began: float) -> None:
        """Ask the place once; `began` (monotonic) is when the items were sent."""
        try:
            seen = self.place.look(seconds)
        except LookError as problem:
            self.problem, self.not_known = str(problem), isinstance(problem, NotKnownError)
        else:
            self.take(seen, began)

    def take(self, seen: list[Seen], began: float) -> None:
        """Note what the place shows, which is all that is there."""
        self.problem, self.not_known, self.seen = "", False, seen
        now = time.monotonic() - began
        for one in seen:
            if one.identity in self.expected:
                self.found.setdefault(one.identity, now)

    def whole(self, before: Sequence[Item]) -> bool:
        """Whether the last look showed all that is expected, and these earlier items, as they should be."""
        if self.problem or self.missing:
            return False
        verdicts = judge([*self.expected.values(), *before], self.seen)
        return all(verdict.state is State.OK for verdict in verdicts.values())


class Search:
    """The search of one beat. `run` once."""

    def __init__(self, legs: Sequence[Leg], before: Sequence[Item], stop: threading.Event) -> None:
        """`before`: items of the beat before, which should still be stored."""
        self._legs = {leg.place.leg: leg for leg in legs}
        self._before = before
        self._stop = stop
        self._not_stored: set[Identity] = set()
        """What ClickHouse itself did not have when it was asked last."""
        self._asked = False
        """Whether ClickHouse itself was asked."""
        self._began = self._deadline = self._timeout = 0.0

    @property
    def rows(self) -> Sequence[StoredRow] | None:
        """What ClickHouse held at the last look, of earlier beats too; None where it could not be asked."""
        stored = self._legs.get(STORED)
        if stored is None or stored.problem or not isinstance(stored.place, Stored):
            return None
        return stored.place.rows

    def run(self, began: float, deadline: float, timeout: float) -> None:
        """Look from `began` until `deadline` (both monotonic), with `timeout` seconds for one request."""
        self._began, self._deadline, self._timeout = began, deadline, timeout
        self._await_streams()
        pause = FIRST_PAUSE
        while True:
            self._round()
            left = deadline - time.monotonic()
            if left <= 0 or not self._searching() or self._stop.wait(min(pause, left)):
                break
            pause = min(1.6 * pause, LONGEST_PAUSE)
        self._last_round()
        if STREAM in self._legs:
            self._look(self._legs[STREAM])  # what came twice came while others were looked at

    def _await_streams(self) -> None:
        leg = self._legs.get(STREAM)
        if leg is not None and isinstance(leg.place, Streams):
            until = self._began + min(MOST_FIRST, STREAMS_FIRST * (self._deadline - self._began))
            while (left := until - time.monotonic()) > 0 and not self._stop.is_set():
                if leg.place.wait_for(leg.expected.keys(), min(_BREATH, left)):
                    break
            self._look(leg)

    def _last_round(self) -> None:
        """What was stored at the last moment could be seen nowhere else yet: it has the time of one request more."""
        stored = self._legs.get(STORED)
        latest = max(stored.found.values(), default=0.0) if stored is not None else 0.0
        if latest > self._deadline - self._began - self._timeout and self._searching() and not self._stop.is_set():
            self._deadline = time.monotonic() + 2 * self._timeout
            self._round()

    def _searching(self) -> bool:
        return any(leg.missing and not leg.not_known for leg in self._legs.values())

    def _round(self) -> None:
        """Look once wherever something is missing that may be there."""
        rest, stored = self._legs.get(REST), self._legs.get(STORED)
        if stored is not None and stored.missing and (self._not_stored or rest is None or not rest.missing):
            self._look_stored(stored)
        if rest is not None and rest.missing - self._not_stored:
            self._look(rest)
            if stored is not None:
                self._prove(stored, rest)
        for leg in (self._legs.get(MCP), self._legs.get(STREAM)):
            if leg is not None and leg.missing - self._not_stored:
                self._look(leg)

    def _prove(self, stored: Leg, rest: Leg) -> None:
        """What REST shows whole is stored; where it is not whole, ClickHouse says who is to blame."""
        if rest.whole(self._before) and isinstance(stored.place, Stored) and isinstance(rest.place, Rest):
            stored.place.rows = rest.place.rows
            stored.take(rest.seen, self._began)
        elif stored.missing or not self._asked:
            self._look_stored(stored)

    def _look_stored(self, stored: Leg) -> None:
        self._asked = True
        self._look(stored)
        self._not_stored = set() if stored.problem else stored.missing

    def _look(self, leg: Leg) -> None:
        seconds = max(0.5, min(self._timeout, self._deadline - time.monotonic()))
        leg.look(seconds, self._began)
