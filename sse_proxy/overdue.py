"""Rows that became visible too late for any stream to take them in: they are told as gaps, not passed over in silence.

In: how many rows of each moment were given, or told of, when the overlap was over, and what a census that looks back
further counts there now. Out: a `Hole` for each run of moments that have more rows than that. Rows that become visible
more than `late_s` behind the overlap are past this too.
"""

from collections.abc import Iterable, Sequence

from sse_proxy.rows import Hole
from sse_proxy.seen import Group

MOST_HOLES = 8
"""Of one census; with more of them, one from the first to the last says it."""


class Overdue:
    """Belongs to one event loop. Moments are nanoseconds since 1970."""

    def __init__(self, span: int, every: int) -> None:
        """`span`: nanoseconds to look back behind the bound, 0 for none; `every`: between two such looks."""
        self._span = span
        self._every = every
        self._rows: dict[int, int] = {}
        """By moment, in the order in which the bound came past them."""
        self._since = 0
        self._looked_at = 0

    def begin(self, since: int) -> None:
        """What is not behind this moment was told otherwise."""
        self._since = max(self._since, since)

    def passed(self, given: Iterable[tuple[int, int]], bound: int) -> None:
        """The bound is past these moments, each with the number of its rows that were given or told of."""
        if self._span:
            self._rows.update(given)
        for moment in [moment for moment in self._rows if moment <= bound - self._span - self._every]:
            del self._rows[moment]

    def reach(self, bound: int) -> int:
        """From where the next census counts: the bound, or once in a while a moment further back."""
        if not self._span or bound - self._looked_at < self._every:
            return bound
        self._looked_at = bound
        return min(bound, max(self._since, bound - self._span))

    def holes(self, groups: Iterable[Group], bound: int, clock: int) -> list[Hole]:
        """What of these groups, in their order, was never given; each is told once."""
        runs: list[list[tuple[int, int]]] = [[]]
        for group in groups:
            if group.moment > bound:
                break
            lacking = group.rows - self._rows.get(group.moment, 0)
            if lacking <= 0:
                runs.append([])
                continue
            self._rows[group.moment] = group.rows
            runs[-1].append((group.moment, lacking))
        found = [run for run in runs if run]
        if len(found) > MOST_HOLES:
            found = [[one for run in found for one in run]]
        # Another process looks back at another time: until it has done so, its clients may not know.
        heard_by = bound + 2 * self._every
        return [_hole(run, bound, clock, heard_by) for run in found]


def _hole(run: Sequence[tuple[int, int]], bound: int, clock: int, heard_by: int) -> Hole:
    rows = sum(lacking for _, lacking in run)
    return Hole(run[0][0] - 1, run[-1][0], rows, "overdue", bound, clock, heard_by=heard_by)
