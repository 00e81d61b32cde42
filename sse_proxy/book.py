"""How many rows a tap has given or told of, so that two taps can be held to each other.

In: rows by moment of arrival, in about the order of moments. Out: an `Account` of the last while, which goes into
cursors, and how many rows more than such an account of another tap are known here: those became visible to that one too
late, and to this one in time. Refused, with None: an account that reaches further than what is known here.
Bounded in time and in number.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple

MOST_MOMENTS = 200_000
"""Of 16 bytes each."""
MOST_ROWS = 2**32 - 1


class Account(NamedTuple):
    """So many rows between two moments were given or told of."""

    after: int
    until: int
    """Included."""
    rows: int


class Book:
    """Belongs to one event loop. Moments are nanoseconds since 1970."""

    def __init__(self) -> None:
        self._moments = array("q")
        self._sums = array("q")
        """Of all rows from the beginning to this moment."""
        self._since = 0
        self._forgotten = 0
        """Rows of the moments that are no longer here."""

    def begin(self, since: int) -> None:
        """Of what is not behind this moment the number is not known."""
        self._since = max(self._since, since)
        gone = bisect_right(self._moments, self._since)
        if gone > len(self._moments) // 2:  # not one by one, since the others have to move
            self._forgotten = self._sums[gone - 1]
            del self._moments[:gone], self._sums[:gone]

    def add(self, rows: Iterable[tuple[int, int]]) -> None:
        """So many rows of these moments were given, or told of."""
        new = sorted(one for one in rows if one[0] > self._since)
        if not new:
            return
        place = bisect_right(self._moments, new[0][0])
        before = total = self._sums[place - 1] if place else self._forgotten
        for moment, later in zip(self._moments[place:], self._sums[place:], strict=True):  # none but for late rows
            new.append((moment, later - before))
            before = later
        del self._moments[place:], self._sums[place:]
        for moment, number in sorted(new):
            total += number
            self._moments.append(moment)
            self._sums.append(total)
        if len(self._moments) > MOST_MOMENTS:
            self.begin(self._moments[-MOST_MOMENTS // 2])

    def account(self, after: int, until: int) -> Account:
        """That of these moments, or of as many of them as are known."""
        after = min(max(after, self._since), until)
        return Account(after, until, min(self._rows(until) - self._rows(after), MOST_ROWS))

    def more_than(self, other: Account) -> int | None:
        """How many rows between the same moments are known here, and not there."""
        if other.after < self._since:
            return None
        return max(0, self.account(other.after, other.until).rows - other.rows)

    def _rows(self, until: int) -> int:
        place = bisect_right(self._moments, until)
        return self._sums[place - 1] if place else self._forgotten
