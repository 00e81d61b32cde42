"""Whether something is over: resolved, persists, or inconclusive, and why.

In: how often a condition was seen before and after a change, what each number rests on, and whether telemetry reaches
far enough. Out: a `Verdict`. Nothing seen is resolved only if something else of the same subject was seen meanwhile,
and if the condition would have been seen by now had it gone on as before: at a steady pace, no sign of what should have
come three times is chance in 1 of 20 cases (exp(-3), Poisson). Everything else that is quiet is inconclusive.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from mcp_server.finding import Freshness

EXPECTED_AT_LEAST = 3.0
"""Signs that must have been due since the change before their absence counts."""

REQUESTS_AT_LEAST = 20
"""Requests that a share of failures or a latency must rest on."""

SLOWER_BY = 1.5
"""A p95 above this many times the wanted one persists."""


class Outcome(StrEnum):
    """How it stands."""

    RESOLVED = "resolved"
    PERSISTS = "persists"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One aspect, before and after."""

    aspect: str
    before: float
    after: float
    looked_at_before: int
    looked_at_after: int
    last_seen: str
    before_seconds: float
    after_seconds: float
    clusters: Sequence[str] = ()
    """Those in which it was seen before; an empty name is of what names none."""
    silent_clusters: Sequence[str] = ()
    """Those of them from which nothing came after."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the evidence says."""

    outcome: Outcome
    why: str
    check_again_s: int = 0
    """Seconds from now until which more evidence should be there; 0 where waiting does not help."""


def of_signs(seen: Evidence, alive_after: int, freshness: Freshness) -> Verdict:
    """About something that is counted: warnings, error logs."""
    name = seen.aspect.replace("_", " ")
    if unknown := _not_known(seen, name, freshness):
        return unknown
    if seen.after > 0:
        return Verdict(Outcome.PERSISTS, _persisting(seen, name))
    if alive_after == 0:
        return Verdict(
            Outcome.INCONCLUSIVE,
            f"no {name} since, but nothing else was received of it either: it may be gone, or its telemetry",
        )
    return _quiet(seen, name)


def of_requests(seen: Evidence, freshness: Freshness) -> Verdict:
    """About the share of requests that fail."""
    if unknown := _not_known(seen, "failed requests", freshness):
        return unknown
    if seen.looked_at_after < REQUESTS_AT_LEAST:
        said = f"only {seen.looked_at_after} requests since, too few to tell (at least {REQUESTS_AT_LEAST})"
        return Verdict(Outcome.INCONCLUSIVE, said, 60)
    before, after = seen.before / max(1, seen.looked_at_before), seen.after / seen.looked_at_after
    shares = (
        f"{before:.2%} failed before ({seen.before:g} of {seen.looked_at_before}), "
        f"{after:.2%} since ({seen.after:g} of {seen.looked_at_after})"
    )
    if seen.after == 0:
        due = before * seen.looked_at_after
        if due < EXPECTED_AT_LEAST:
            return Verdict(Outcome.INCONCLUSIVE, f"{shares}: at the pace of before only {due:.1f} were due by now", 60)
        return Verdict(Outcome.RESOLVED, shares)
    if after > before / 5:
        return Verdict(Outcome.PERSISTS, shares)
    return Verdict(Outcome.INCONCLUSIVE, f"{shares}: far fewer, but not none", 120)


def of_latency(seen: Evidence, wanted_ms: float, freshness: Freshness) -> Verdict:
    """About the p95 of requests, against what it should be; `wanted_ms` 0 asks for half of what it was."""
    if unknown := _not_known(seen, "slow requests", freshness):
        return unknown
    if min(seen.looked_at_before, seen.looked_at_after) < REQUESTS_AT_LEAST:
        said = f"{seen.looked_at_before} requests before and {seen.looked_at_after} since are too few to tell a p95"
        return Verdict(Outcome.INCONCLUSIVE, f"{said} (at least {REQUESTS_AT_LEAST} in each)", 60)
    wanted = wanted_ms or seen.before / 2
    said = f"p95 was {seen.before:.0f} ms and is {seen.after:.0f} ms; wanted at most {wanted:.0f} ms"
    if seen.after <= wanted:
        return Verdict(Outcome.RESOLVED, said)
    if wanted_ms == 0 and seen.after < seen.before / SLOWER_BY:
        return Verdict(Outcome.INCONCLUSIVE, f"{said}: faster, but not by half; say what is wanted with p95_ms")
    return Verdict(Outcome.PERSISTS, said)


def _not_known(seen: Evidence, name: str, freshness: Freshness) -> Verdict | None:
    """What makes any number after the change worthless."""
    if seen.after_seconds <= 0:
        return Verdict(Outcome.INCONCLUSIVE, "the time to settle is not over yet", 60)
    if seen.after > 0 and seen.aspect not in {"failed_requests", "p95_ms"}:
        return None  # what was seen was seen, however stale the rest is
    if freshness is not Freshness.FRESH:
        return Verdict(
            Outcome.INCONCLUSIVE, f"telemetry is {freshness}: it does not show what happened since the change", 120
        )
    if seen.before <= 0:
        return Verdict(
            Outcome.INCONCLUSIVE,
            f"no {name} were seen before the change either, so there is nothing to compare: check the filters, "
            "changed_at and before_minutes",
        )
    return None


def _persisting(seen: Evidence, name: str) -> str:
    pace_before = seen.before / seen.before_seconds * 60
    pace_after = seen.after / seen.after_seconds * 60
    return (
        f"{seen.after:g} {name} in {seen.after_seconds / 60:.0f} min since ({pace_after:.2g} a minute; "
        f"before: {pace_before:.2g} a minute), the last at {seen.last_seen[:19]}Z"
    )


def _quiet(seen: Evidence, name: str) -> Verdict:
    pace = seen.before / seen.before_seconds
    due = pace * seen.after_seconds
    if due >= EXPECTED_AT_LEAST:
        said = f"no {name} in {seen.after_seconds / 60:.0f} min since; at the pace of before {due:.0f} were due"
        return Verdict(Outcome.RESOLVED, f"{said}, and other telemetry of it came meanwhile")
    wait = max(30, int(EXPECTED_AT_LEAST / pace - seen.after_seconds) + 1)
    said = f"no {name} since, but at the pace of before only {due:.1f} were due by now"
    return Verdict(Outcome.INCONCLUSIVE, said, wait)
