"""Whether telemetry reaches to the end of a window: without that, silence means nothing.

In: a finding, the moment, and for each signal the seconds by which its newest may lie behind; how far the data reach is
told of the cluster that was asked about, where one was. Out: fresh, stale or
unknown, with a note where it is not fresh. Unknown counts as not fresh, and an answer of some shards is not fresh.
"""

from collections.abc import Callable
from dataclasses import replace

from mcp_server.finding import Finding, Freshness
from sql.parameter import NANOSECONDS, read_time


def judge(finding: Finding, now: int, stale_of: Callable[[str], float]) -> tuple[Finding, Freshness, str]:
    """The finding with its notes, the word for it, and how far the stalest signal lies behind, as text."""
    if finding.missing_shards:
        told = f"PARTIAL: {', '.join(finding.missing_shards)} did not answer; what it holds is not in this."
        finding = replace(finding, notes=(told, *finding.notes))
    if not finding.signals:
        return finding, Freshness.UNKNOWN, ""
    missing = [signal for signal in finding.signals if signal not in finding.data_through]
    end = min(now, read_time(finding.window.until, now)) if finding.window else now
    lags = {
        signal: end - read_time(at, now) for signal, at in finding.data_through.items() if signal in finding.signals
    }
    behind = {signal: lag for signal, lag in lags.items() if lag > stale_of(signal) * NANOSECONDS}
    notes = (
        [f"It is not known how far {' and '.join(missing)} reach: none stored, or not told in time."] if missing else []
    )
    notes += [
        f"{signal} end {length(lag)} before the window does: what is not here may only not have arrived."
        for signal, lag in behind.items()
    ]
    finding = replace(finding, notes=(*finding.notes, *notes))
    if behind:
        return finding, Freshness.STALE, f", {length(max(behind.values()))} behind"
    known = not missing and not finding.missing_shards
    return finding, Freshness.FRESH if known else Freshness.UNKNOWN, ""


def length(nanoseconds: int) -> str:
    """A length of time in its largest whole unit."""
    seconds = nanoseconds // NANOSECONDS
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
