"""What a tap has read already, by moment of arrival, so that it fetches nothing but what is new.

In: what the census says of each moment (how many rows, and a mix of their ids), and the rows that were then fetched.
Out: the moments where something is new, and of their rows those that are. What the census counts and the answer does
not hold (another replica gave it) stays new. Bounded by the overlap for rows that come
once; for those that may come again later (`Feed.comes_again`), by number.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sse_proxy.rows import Read

MOST_KNOWN = 500_000
"""Ids of what may come again; the one not seen for longest is forgotten first."""
MOST_MOMENTS = 2_000
"""In one statement."""


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of one moment, as the census counts them."""

    moment: int
    rows: int
    mix: int


class Seen:
    """Belongs to one event loop."""

    def __init__(self, *, comes_again: bool, most_known: int = MOST_KNOWN) -> None:
        self._comes_again = comes_again
        self._most_known = most_known
        self._groups: dict[int, set[Group]] = {}
        """By moment, as it was read: replicas may count it differently, each by itself."""
        self._ids: dict[int, set[int]] = {}
        self._known: OrderedDict[int, bool] = OrderedDict()
        """Whether some copy carried a composition, by id."""

    def news(self, groups: Iterable[Group]) -> list[Group]:
        """Those that were not read yet, or have grown since."""
        return [group for group in groups if not self._has(group)]

    def took(self, group: Group) -> None:
        """So much of its moment was read, or is left out for good."""
        self._groups.setdefault(group.moment, set()).add(group)

    def read(self, groups: Iterable[Group], found: Iterable[Read]) -> list[Group]:
        """These groups were asked for, and these are all rows of the answer; gives the groups of which some lack.

        Call it when `is_new` has seen the rows.
        """
        held: dict[int, Group] = {}
        for row in found:
            before = held.get(row.ingested, Group(row.ingested, 0, 0))
            mix = before.mix ^ row.mixed if self._comes_again else 0
            held[row.ingested] = Group(row.ingested, before.rows + 1, mix)
        short: list[Group] = []
        for group in groups:
            got = held.get(group.moment, Group(group.moment, 0, 0))
            if not self._comes_again:  # several answers may hold it together
                got = Group(group.moment, len(self._ids.get(group.moment, ())), 0)
            self.took(got)
            if not self._has(group) and got.rows <= group.rows:
                short.append(group)
        return short

    def _has(self, group: Group) -> bool:
        had = self._groups.get(group.moment, ())
        return group in had or (not self._comes_again and any(one.rows >= group.rows for one in had))

    def is_new(self, row: Read) -> bool:
        """Whether this row was never read; from now on it was. Of what comes again, only within its own moment."""
        ids = self._ids.setdefault(row.ingested, set())
        if row.id in ids and not self.adds(row):
            return False
        ids.add(row.id)
        return True

    def adds(self, row: Read) -> bool:
        """Whether this row repeats one that is known, and is the first that carries its composition."""
        return self._comes_again and row.composed and self._known.get(row.id) is False

    def knows(self, row: Read) -> bool:
        """Whether what comes again was seen before, in a copy that said as much."""
        return row.id in self._known and not self.adds(row)

    def is_repeat(self, row: Read) -> bool:
        """Whether this new row is one of before that came again; from now on it is known."""
        if not self._comes_again:
            return False
        before = row.id in self._known
        self.know([(row.id, row.composed)])
        return before

    def know(self, ids: Iterable[tuple[int, bool]]) -> None:
        """Remember what may come again, and whether it carried a composition."""
        for one, composed in ids:
            self._known[one] = composed or self._known.get(one, False)
            self._known.move_to_end(one)
        while len(self._known) > self._most_known:
            self._known.popitem(last=False)

    def forget(self, until: int) -> list[tuple[int, int]]:
        """Let go of moments until this one; gives each with how many rows of it were read, or left out for good."""
        gone = sorted(moment for moment in self._groups if moment <= until)
        for moment in gone:
            self._ids.pop(moment, None)
        return [(moment, max(group.rows for group in self._groups.pop(moment))) for moment in gone]


def newest(groups: Sequence[Group], most: int) -> tuple[list[Group], list[Group]]:
    """Part groups at the place where what follows has at most `most` rows; the newest one is never left out."""
    total = 0
    for place in range(len(groups) - 1, -1, -1):
        total += groups[place].rows
        if total > most and place < len(groups) - 1:
            return list(groups[: place + 1]), list(groups[place + 1 :])
    return [], list(groups)


def batches(groups: Sequence[Group], most: int) -> list[list[Group]]:
    """Part groups, in order, into such as fit into one statement and have about `most` rows at most."""
    found: list[list[Group]] = []
    total = most + 1
    for group in groups:
        if total + group.rows > most or len(found[-1]) >= MOST_MOMENTS:
            found.append([])
            total = 0
        found[-1].append(group)
        total += group.rows
    return found
