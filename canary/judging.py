"""What became of the items of a beat at one place: found whole, or what else.

In: the items that should be there, and what was seen there. Out: a `State` for each item. It tells apart, worst first:

    lost           not there
    altered        there, and not as it was sent
    doubled        there more than once
    out_of_order   behind an item of the same run, door and kind that was sent later
    late           there whole, after more than a given time
    ok

`failed` (the place could not be looked at) and `skipped` (nothing could be expected there) are said by who looks.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from canary.items import Identity, Item


class State(StrEnum):
    """What was found."""

    OK = "ok"
    SKIPPED = "skipped"
    LATE = "late"
    OUT_OF_ORDER = "out_of_order"
    DOUBLED = "doubled"
    ALTERED = "altered"
    LOST = "lost"
    FAILED = "failed"

    @property
    def broken(self) -> bool:
        """Whether somebody should look after it."""
        return self not in {State.OK, State.SKIPPED, State.LATE, State.OUT_OF_ORDER}

    @property
    def rank(self) -> int:
        """Higher is worse."""
        return list(State).index(self)


@dataclass(frozen=True, slots=True)
class Seen:
    """One sighting of an item."""

    identity: Identity
    checksum: str
    place: int = 0
    """Where it stands in the order of the place: higher is later."""
    intact: bool = True
    """Whether the fields that were read agree with the checksum; true where only the line was read."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one item."""

    state: State
    problem: str = ""


def judge(expected: Iterable[Item], seen: Sequence[Seen]) -> Mapping[Identity, Verdict]:
    """Judge each item by what was seen. Lateness is not known here."""
    of_thing: dict[tuple[str, str, str], list[Seen]] = {}
    for one in seen:
        of_thing.setdefault(_thing(one.identity), []).append(one)
    return {item.identity: _one(item, of_thing.get(_thing(item.identity), ())) for item in expected}


def _thing(identity: Identity) -> tuple[str, str, str]:
    """What is the same from beat to beat."""
    return identity.run, identity.door, identity.kind


def _one(item: Item, seen: Sequence[Seen]) -> Verdict:
    """Judge one by the sightings of the same thing, in any beat."""
    mine = [one for one in seen if one.identity == item.identity]
    if not mine:
        return Verdict(State.LOST, "it is not there")
    wanted = item.line.rsplit(" ", 1)[1]
    if any(not one.intact or one.checksum != wanted for one in mine):
        return Verdict(State.ALTERED, "its fields are not what was sent")
    if len(mine) > 1:
        return Verdict(State.DOUBLED, f"it is there {len(mine)} times")
    before = [one for one in seen if one.identity.number < item.number and one.place > mine[0].place]
    if before:
        return Verdict(State.OUT_OF_ORDER, f"beat {before[0].identity.number} came behind it")
    return Verdict(State.OK)


def counted(states: Iterable[State]) -> str:
    """Say how many there are of each, such as `3 lost, 1 late`."""
    return ", ".join(f"{number} {state}" for state, number in Counter(states).most_common())
