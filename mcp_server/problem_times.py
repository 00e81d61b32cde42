"""Which of two problems began first: what began later did not cause the other.

In: problems with the time of their first sign, where that is known. Out: whether one is too late to be a cause, and the
problems with a remark at what began after a failure of its own service. The order says nothing of why; where a time is
not known, nothing is concluded from it.
"""

from collections.abc import Sequence
from dataclasses import replace

from mcp_server.problem import Problem
from mcp_server.problem_places import Fit, Places
from sql.parameter import NANOSECONDS, read_time

SEEN_LATE_S = 90
"""Seconds by which an effect may be seen before its cause: what is about to be killed fails first, clocks differ, and
Kubernetes tells of a crash when it waits for the next."""


def is_too_late(cause: Problem, effect: Problem) -> bool:
    """Whether a problem began only after what it should have caused."""
    if not cause.began or not effect.began:
        return False
    return read_time(cause.began, 0) > read_time(effect.began, 0) + SEEN_LATE_S * NANOSECONDS


def first_things_first(problems: Sequence[Problem], pods: Sequence[Problem], places: Places) -> list[Problem]:
    """A service that failed before its pods were in trouble stands before them, and they say so."""
    found = list(problems)
    for service in [one for one in problems if one.kind == "Service" and not one.set_aside]:
        later = [pod for pod in pods if _is_own(pod, service, places) and is_too_late(pod, service)]
        for pod in later:
            told = f"began {_clock(pod.began)}, after {service.problem} of {service.object} ({_clock(service.began)})"
            found = [replace(one, evidence=f"{one.evidence}; {told}") if one is pod else one for one in found]
        if later:
            weight = max(service.weight, *(pod.weight + 1 for pod in later))
            found = [replace(one, weight=weight) if one is service else one for one in found]
    return found


def _is_own(pod: Problem, service: Problem, places: Places) -> bool:
    return pod.name == service.name and places.of(service.name).fits(pod) is Fit.SURE


def _clock(time: str) -> str:
    """To the second, as `last_seen` has the date."""
    return f"{time.partition('.')[0].removesuffix('Z').partition('T')[2]}Z"
