"""Lines of a question that are said only for some values of its parameters.

In: a statement with `-- when: PARAMETER`, `-- unless: PARAMETER` or `-- when: PARAMETER = VALUE, VALUE` at the ends of
lines, several behind one another where all have to hold. Out: the statement without them, and by line what guards it.
Nothing is refused here: `sql.catalogue` knows the parameters, and refuses a guard that no parameter could open or shut.

The first kind is open where the parameter is given, the second where it is not, and both where the values are not
known beforehand (ClickHouse's own handlers). The third is open where the parameter has one of these values, and so
never where they are not known: what it guards may make an answer faster, not another.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_GUARD = re.compile(
    r"(?P<before>.*?)\s*-- (?:unless: (?P<absent>\w+)|when: (?P<parameter>\w+)(?: = (?P<values>\w+(?:, \w+)*))?)\s*"
)


@dataclass(frozen=True, slots=True)
class Guard:
    """One condition."""

    parameter: str
    values: frozenset[str] = frozenset()
    """Empty: any but the one that stands for nothing."""
    absent: bool = False
    """Open where it is not given."""

    def open(self, given: Mapping[str, object], nothing: object) -> bool:
        """Whether it lets its line be said; `nothing`: the value of a parameter that was not given."""
        if self.values:
            return given.get(self.parameter) in self.values
        return self.parameter not in given or (given[self.parameter] == nothing) == self.absent

    def __str__(self) -> str:
        values = f" = {', '.join(sorted(self.values))}" if self.values else ""
        return f"-- {'unless' if self.absent else 'when'}: {self.parameter}{values}"


Guards = Mapping[int, tuple[Guard, ...]]
"""By line of a statement, from 0: all that have to be open."""


def take_off(sql: str) -> tuple[str, Guards]:
    """Take the guards off a statement."""
    guards: dict[int, tuple[Guard, ...]] = {}
    lines = sql.split("\n")
    for at in range(len(lines)):
        while found := _GUARD.fullmatch(lines[at]):  # the last one of the line
            values = frozenset(found["values"].split(", ")) if found["values"] else frozenset()
            guard = Guard(found["parameter"] or found["absent"], values, absent=bool(found["absent"]))
            guards[at] = (*guards.get(at, ()), guard)
            lines[at] = found["before"]
    return "\n".join(lines), guards
