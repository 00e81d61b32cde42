"""What was found for each door becomes one finding for each leg and signal.

In: findings, each with the door by which its item was sent. Out: for each cluster, signal and leg the worst of them,
with what is wrong in words and the doors of which it is true. What could not be judged of one door says nothing of a
leg that was judged by another.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from canary.finding import EXCUSED, Finding
from canary.judging import State


def merged(told: Iterable[tuple[str, Finding]]) -> list[Finding]:
    """Merge findings with their doors."""
    by_leg: dict[tuple[str, str, str], list[tuple[str, Finding]]] = {}
    for door, one in told:
        by_leg.setdefault((one.cluster, one.signal, one.leg), []).append((door, one))
    return [_of_doors(of_one) for of_one in by_leg.values()]


def worst(findings: Iterable[Finding]) -> list[Finding]:
    """Of several findings about one leg for one signal, the worst."""
    found: dict[tuple[str, str, str], Finding] = {}
    for one in findings:
        at = (one.cluster, one.signal, one.leg)
        if at not in found or one.state.rank > found[at].state.rank:
            found[at] = one
    return list(found.values())


def _of_doors(told: Sequence[tuple[str, Finding]]) -> Finding:
    judged = [(door, one) for door, one in told if one.state is not State.SKIPPED or EXCUSED in one.problem]
    state = max((one for _, one in judged or told), key=_weight).state
    mine = [(door, one) for door, one in told if one.state is state]
    doors: dict[str, list[str]] = {}
    for door, one in mine:
        if one.problem:
            doors.setdefault(one.problem, []).append(door)
    problem = "; ".join(f"{what} (sent by {' and '.join(by)})" for what, by in doors.items())
    return replace(mine[0][1], milliseconds=max(one.milliseconds for _, one in mine), problem=problem)


def _weight(one: Finding) -> tuple[bool, bool, int]:
    """What weighs more, last: an excuse more than what came late, since excuses are counted."""
    return one.state.broken, EXCUSED in one.problem, one.state.rank
