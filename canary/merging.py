"""What was found for each door becomes one finding for each leg and signal.

In: findings, each with the door by which its item was sent. Out: for each cluster, signal and leg the worst of them,
with what is wrong in words and the doors of which it is true.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from canary.finding import Finding


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
    state = max((one.state for _, one in told), key=lambda state: state.rank)
    mine = [(door, one) for door, one in told if one.state is state]
    doors: dict[str, list[str]] = {}
    for door, one in mine:
        if one.problem:
            doors.setdefault(one.problem, []).append(door)
    problem = "; ".join(f"{what} (sent by {' and '.join(by)})" for what, by in doors.items())
    return replace(mine[0][1], milliseconds=max(one.milliseconds for _, one in mine), problem=problem)
