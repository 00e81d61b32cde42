"""Rows that became visible too late for any stream to take them in: they are told as gaps, not passed over in silence.

In: how many rows of each moment were given, or told of, when the overlap was over, and what a census that looks back
further counts there now. Out: a `Hole` for each run of moments that have more rows than that. Each look back begins
`late_s` before the place where the last one that counted everything stood, so no moment within `late_s` is a matter of
luck. Left out: rows that become visible more than `late_s` behind the overlap, and what was given up too often.
"""

import heapq
from collections.abc import Iterable, Mapping, Sequence

from sse_proxy.rows import Hole
from sse_proxy.seen import Group

MOST_HOLES = 8
"""Of one census; with more of them, one from the first to the last says it."""
MOST_GIVEN_UP = 6
"""Looks back in a row that may be given up before what they were to find is no longer looked for: what is kept for
them, and what they count, grows meanwhile."""


class Overdue:
    """Belongs to one event loop. Moments are nanoseconds since 1970."""

    def __init__(self, span: int, every: int) -> None:
        """`span`: nanoseconds to look back behind the bound, 0 for none; `every`: between two such looks."""
        self._span = span
        self._every = min(every, span)
        self._rows: dict[int, int] = {}
        """By moment."""
        self._oldest: list[int] = []
        """A heap of the same moments. They come in order but for late ones, so it costs what a queue would."""
        self._since = 0
        self._looked_at = 0
        """The bound at the last look back that counted everything."""
        self._gave_up_at = 0

    def begin(self, since: int) -> None:
        """What is not behind this moment was told otherwise."""
        self._since = max(self._since, since)

    def passed(self, given: Iterable[tuple[int, int]]) -> None:
        """The bound is past these moments, each with the number of its rows that were given or told of."""
        if self._span:
            for moment, number in given:
                self._keep(moment, number)

    @property
    def edge(self) -> int:
        """From where the next look back counts."""
        return max(self._since, self._looked_at - self._span)

    def reach(self, bound: int) -> int:
        """From where the next census counts: the bound, or once in a while a moment further back."""
        if not self._span or bound - max(self._looked_at, self._gave_up_at) < self._every:
            return bound
        return min(bound, self.edge)

    def lacking(self, groups: Iterable[Group], bound: int) -> list[Group]:
        """Those of these groups, in their order, that have more rows than were given or told of."""
        return [group for group in groups if group.moment <= bound and group.rows > self._rows.get(group.moment, 0)]

    def lacks(self, group: Group) -> int:
        """How many rows more."""
        return group.rows - self._rows.get(group.moment, 0)

    def looked(self, bound: int) -> None:
        """Everything until this bound was counted, and told of."""
        self._looked_at = max(self._looked_at, bound)
        while self._oldest and self._oldest[0] <= self.edge:
            del self._rows[heapq.heappop(self._oldest)]

    def gave_up(self, bound: int) -> None:
        """There was too much to count. The next look back reaches as far; but this cannot go on for ever."""
        self._gave_up_at = bound
        self.looked(bound - MOST_GIVEN_UP * self._every)

    def holes(self, groups: Sequence[Group], lacks: Mapping[Group, int], bound: int, clock: int) -> list[Hole]:
        """Say what lacks of these groups, in their order; each is told once."""
        runs: list[list[tuple[int, int]]] = [[]]
        for group in groups:
            if group.moment > bound:
                break
            if group in lacks:
                self._keep(group.moment, group.rows)
            if lacks.get(group):
                runs[-1].append((group.moment, lacks[group]))
            else:
                runs.append([])
        found = [run for run in runs if run]
        if len(found) > MOST_HOLES:
            found = [[one for run in found for one in run]]
        # Another process looks back at another time: until its bound is here, its clients may not know.
        return [_hole(run, bound, clock, heard_by=clock + self._every) for run in found]

    def _keep(self, moment: int, number: int) -> None:
        if moment not in self._rows:
            heapq.heappush(self._oldest, moment)
        self._rows[moment] = number


def _hole(run: Sequence[tuple[int, int]], bound: int, clock: int, heard_by: int) -> Hole:
    number = sum(lacking for _, lacking in run)
    return Hole(run[0][0] - 1, run[-1][0], number, "overdue", bound, clock, heard_by=heard_by)
