"""The tool verify_resolved: one condition before and after a change, and what that says.

In: when the change was, and what the condition was about. Out: a finding with the verdict of `mcp_server.verdict`, its
reason, when to look again, and the numbers. Which aspects count is said by `condition`; without it, those that were
there before the change. Another that began after it leaves the outcome at inconclusive. Asked of all clusters, it is
resolved only if it is so in each cluster that had it: one that goes on would hide another that fell silent.
"""

from dataclasses import dataclass, replace

from mcp_server import plain_names, standing
from mcp_server.finding import Finding, Table, of_reply
from mcp_server.parts import Asked, ask_each
from mcp_server.tool import Call, Schema
from mcp_server.verdict import Evidence, Outcome, Verdict, of_latency, of_requests, of_signs
from query import errors
from query.reply import Reply
from sql.parameter import NANOSECONDS, iso_time, read_time

PROPERTIES: dict[str, Schema] = {
    "pod_name": {"type": "string", "description": "Only pods and objects whose name begins so."},
    "condition": {
        "type": "string",
        "enum": ["warning_events", "error_logs", "matching_logs", "failed_requests", "slow_requests"],
        "description": "What it was; without it, whatever was there before.",
    },
    "before_minutes": {
        "type": "integer",
        "minimum": 1,
        "maximum": 10080,
        "default": 60,
        "description": "Compared with.",
    },
    "settle_seconds": {"type": "integer", "minimum": 0, "maximum": 86400, "default": 60, "description": "Passed over."},
    "p95_ms": {"type": "number", "minimum": 0, "maximum": 1e9, "description": "For slow_requests: what it should be."},
}
_FILTERS = ("until", "namespace", "service", "cluster", "composition", "reason", "text")
_ASPECTS = {"slow_requests": "p95_ms"}
CLOCKS_DIFFER_S = 60
"""Seconds by which the clock of whoever made the change may be ahead."""

_BY_ITSELF = ("warning_events", "error_logs", "failed_requests")
_MOST_CLUSTERS = 8
"""Clusters that are each judged by themselves; of more, the caller has to name one."""


async def run(call: Call) -> Finding:
    """Compare, and say what it means."""
    _check(call)
    changed_at = _moment(call)
    written = {
        **call.given(*_FILTERS),
        "changed_at": changed_at,
        "pod": f"{call.text('pod_name').removesuffix('*')}*" if call.text("pod_name") else None,
        "before_s": int(call.arguments.get("before_minutes", 60)) * 60,
        "settle_s": call.arguments.get("settle_seconds", 60),
    }
    reply = await call.ask("resolution", written)
    found, evidence = _read(reply)
    verdicts = _verdicts(call, evidence, found)
    together = _overall(verdicts)
    apart: list[_InCluster] = []
    if together.outcome is Outcome.RESOLVED and not call.text("cluster"):
        # At the very moments that the first answer was about: by now, relative ones are others.
        moments = {name: str(reply.parameters[name]) for name in ("changed_at", "until")}
        together, apart = await _in_each_cluster(
            call, written | moments, [evidence[name] for name in verdicts], together
        )
    overall = _unless_others_began(together, _began(call, evidence, verdicts))
    return replace(
        found,
        summary=f"{overall.outcome.value.upper()}: {overall.why}.",
        tables=(_table(evidence, verdicts), *_by_cluster(apart)),
        notes=(*found.notes, *_notes(overall, changed_at)),
        query_ids=(*found.query_ids, *dict.fromkeys(one.query_id for one in apart if one.query_id)),
        facts={
            "verdict": str(overall.outcome),
            "why": overall.why,
            "check_again_s": overall.check_again_s,
            "changed_at": changed_at,
        },
    )


def _moment(call: Call) -> str:
    """When the change was, as a time that means the same whenever it is asked about again; `1m` would move along."""
    written = call.text("changed_at")
    try:
        moment = read_time(written, call.now)
    except ValueError:
        return written  # refused where the question is asked, with what would be right
    if moment > call.now + CLOCKS_DIFFER_S * NANOSECONDS:
        raise errors.BadParameterError(
            f"`changed_at` {written} is still to come: it is {iso_time(call.now)} here",
            field="changed_at",
            mend="Give when the change was made: RFC 3339, or how long ago, such as 10m.",
        )
    return iso_time(moment)


def _read(reply: Reply) -> tuple[Finding, dict[str, Evidence]]:
    found = replace(of_reply(reply, "before and after"), signals=("logs", "events", "traces"))
    return found, {str(row[0]): Evidence(*row) for row in reply.rows}  # type: ignore[arg-type]  # as the header promises


def _check(call: Call) -> None:
    about = ("namespace", "pod_name", "service", "composition", "reason", "text", "cluster")
    if not any(call.text(name) for name in about):
        raise errors.MissingParameterError(
            "`verify_resolved` needs to know what the condition was about",
            field="namespace",
            mend="Give namespace and pod_name, or service, or reason, as in the finding that you acted on.",
        )
    if call.text("condition") == "matching_logs" and not call.text("text"):
        raise errors.MissingParameterError(
            "`condition` matching_logs needs `text`", field="text", mend="Give the text that the records held."
        )


def _verdicts(call: Call, evidence: dict[str, Evidence], found: Finding) -> dict[str, Verdict]:
    condition = call.text("condition")
    if condition:
        chosen = [_ASPECTS.get(condition, condition)]
    else:
        chosen = [name for name in _candidates(call) if name in evidence and evidence[name].before > 0]
        if call.text("text") and not chosen and "matching_logs" in evidence:
            chosen = ["matching_logs"]
    alive = int(evidence["alive"].after) if "alive" in evidence else 0
    return {name: _verdict(call, evidence[name], alive, found) for name in chosen if name in evidence}


async def _in_each_cluster(
    call: Call, written: Asked, seen: list[Evidence], together: Verdict
) -> tuple[Verdict, list["_InCluster"]]:
    """The worst of what is so in the clusters that had it, with how far the data of each reach."""
    clusters = sorted({name for one in seen for name in one.clusters if name})
    silent = sorted({name for one in seen for name in one.silent_clusters})
    if len(clusters) > _MOST_CLUSTERS:
        fell_silent = f"; nothing came since from {plain_names.listed(silent)}" if silent else ""
        said = f"it was seen in {len(clusters)} clusters, too many to judge each here{fell_silent}: ask with cluster"
        return Verdict(Outcome.INCONCLUSIVE, said), []
    parts = await ask_each(call, {name: ("resolution", {**written, "cluster": name}) for name in clusters})
    apart = [
        _in_cluster(call, name, one.aspect, parts.replies.get(name))
        for name in clusters
        for one in seen
        if name in one.clusters
    ]
    if "" in silent:
        gone = "it was seen in telemetry that names no cluster, and of such nothing came since"
        apart.append(_InCluster("", "", Verdict(Outcome.INCONCLUSIVE, gone)))
    worse = _overall({str(n): one.told for n, one in enumerate(apart)}) if apart else together
    return (together if worse.outcome is Outcome.RESOLVED else worse), apart


@dataclass(frozen=True, slots=True)
class _InCluster:
    """What is so in one cluster."""

    cluster: str
    aspect: str
    verdict: Verdict
    seen: Evidence | None = None
    query_id: str = ""

    @property
    def told(self) -> Verdict:
        """The verdict with the cluster that it is about."""
        if not self.cluster:
            return self.verdict
        return replace(self.verdict, why=f"in cluster {plain_names.plain(self.cluster)}: {self.verdict.why}")


def _in_cluster(call: Call, cluster: str, aspect: str, reply: Reply | None) -> _InCluster:
    found, evidence = _read(reply) if reply else (None, {})
    if reply is None or found is None or aspect not in evidence:
        return _InCluster(cluster, aspect, Verdict(Outcome.INCONCLUSIVE, "it could not be looked at by itself", 60))
    alive = int(evidence["alive"].after) if "alive" in evidence else 0
    verdict = _verdict(call, evidence[aspect], alive, found)
    return _InCluster(cluster, aspect, verdict, evidence[aspect], reply.query_id)


def _candidates(call: Call) -> list[str]:
    # Events know no services: with a service alone they would be those of everything.
    located = any(call.text(name) for name in ("namespace", "pod_name", "composition", "reason"))
    return [name for name in _BY_ITSELF if located or name != "warning_events"]


def _began(call: Call, evidence: dict[str, Evidence], judged: dict[str, Verdict]) -> str:
    """What nobody asked about, was not there before the change, and is since."""
    seen = [evidence[name] for name in _candidates(call) if name in evidence and name not in judged]
    return ", ".join(
        f"{one.after:g} {one.aspect.replace('_', ' ')}" for one in seen if one.after > 0 and not one.before
    )


def _unless_others_began(overall: Verdict, began: str) -> Verdict:
    if not began:
        return overall
    outcome = Outcome.INCONCLUSIVE if overall.outcome is Outcome.RESOLVED else overall.outcome
    return replace(
        overall, outcome=outcome, why=f"{overall.why}; but since the change there are {began}, and none before"
    )


def _verdict(call: Call, seen: Evidence, alive: int, found: Finding) -> Verdict:
    signal = {"warning_events": "events", "failed_requests": "traces", "p95_ms": "traces"}.get(seen.aspect, "logs")
    # How far the signal of this aspect reaches; that others are stale says nothing about it.
    _, freshness, _ = standing.judge(replace(found, signals=(signal,)), call.now, call.stale_of)
    if seen.aspect == "failed_requests":
        return of_requests(seen, freshness)
    if seen.aspect == "p95_ms":
        return of_latency(seen, float(call.arguments.get("p95_ms", 0)), freshness)
    return of_signs(seen, alive, freshness)


def _overall(verdicts: dict[str, Verdict]) -> Verdict:
    """What persists counts before what is not known, and that before what is over."""
    if not verdicts:
        return Verdict(
            Outcome.INCONCLUSIVE,
            "nothing of it was seen before the change: check the filters, changed_at and before_minutes",
        )
    for outcome in (Outcome.PERSISTS, Outcome.INCONCLUSIVE, Outcome.RESOLVED):
        found = [one for one in verdicts.values() if one.outcome is outcome]
        if found:
            again = max(one.check_again_s for one in found)
            return Verdict(outcome, "; ".join(dict.fromkeys(one.why for one in found)), again)
    raise AssertionError(verdicts)


def _notes(overall: Verdict, changed_at: str) -> list[str]:
    if overall.outcome is Outcome.PERSISTS:
        return ["Do not call this fixed. Try one more mend, or hand it to a person."]
    if overall.outcome is Outcome.INCONCLUSIVE and overall.check_again_s:
        return [f"Ask again in {overall.check_again_s} s, with changed_at={changed_at}, the rest the same."]
    return []


def _table(evidence: dict[str, Evidence], verdicts: dict[str, Verdict]) -> Table:
    columns = ("aspect", "before", "after", "looked_at_before", "looked_at_after", "last_seen", "verdict")
    rows = [
        (
            one.aspect, one.before, one.after, one.looked_at_before, one.looked_at_after, one.last_seen,
            str(verdicts[name].outcome) if name in verdicts else "",
        )
        for name, one in evidence.items()
    ]  # fmt: skip
    return Table("before and after", columns, rows)


def _by_cluster(apart: list[_InCluster]) -> tuple[Table, ...]:
    if all(one.verdict.outcome is Outcome.RESOLVED for one in apart):
        return ()
    columns = ("cluster", "aspect", "before", "after", "last_seen", "verdict")
    rows = [
        (one.cluster, one.aspect, one.seen.before, one.seen.after, one.seen.last_seen, str(one.verdict.outcome))
        for one in apart
        if one.seen
    ]
    return (Table("in each cluster that had it", columns, rows),) if rows else ()
