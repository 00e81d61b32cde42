"""The tool find_problems: what is wrong now, ranked, each with the call that looks closer.

In: a window, a namespace, a cluster. Out: a finding of three tables: problems, worst first; what was set aside, and why
(the effect of another problem, as usual, over, minor); what was looked at. It asks the questions warning_summary,
restart_acceleration, memory_pressure, error_rate_change and freshness beside each other, and where these find anything,
those that explain it: service_map, service_overview by version, memory_growth, rollouts, warnings of the window before,
and what is new in the logs of the services at the root. A row is one object; objects whose names differ only in what
Kubernetes appended are one.

The order is by rules, not by a model: what kills containers stands before what keeps them from starting, that before
what makes them slow or noisy, and what went on until lately before what ended. Where nothing is wrong it says what was
looked at, and never that all is well.
"""

from collections.abc import Sequence
from dataclasses import replace

from mcp_server import problem_causes, problem_signs, problem_words
from mcp_server.finding import Finding, Table
from mcp_server.parts import Asked, Parts, ask_each
from mcp_server.problem import FAILING, HEAVY, Problem, Row
from mcp_server.problem_causes import Closer
from mcp_server.tool import Call
from query import errors
from query.reply import Window
from sql.parameter import NANOSECONDS, iso_time, read_time

LATELY_S = 600
"""Seconds before the end of the window in which a problem must have been seen to count as going on."""

SINCE = "1h"
"""The beginning of the window where the caller names none."""

_MOST = 30
_MOST_SET_ASIDE = 12
_MOST_READ = 2
"""Services whose logs are compared with the window before: the worst that fail and are no effect of another service."""

_LOGS, _MOST_OF_LOGS = "log_patterns", 10
_LONGEST_SET_ASIDE = 140
_COLUMNS = ("rank", "problem", "namespace", "object", "count", "going_on", "last_seen", "evidence", "next", "cluster")
_SET_ASIDE = ("why", "problem", "namespace", "object", "count", "evidence", "cluster")


async def run(call: Call) -> Finding:
    """Look at everything that can be wrong, and closer at what is."""
    # One window for all of them: by themselves they would each take another.
    window = {"since": SINCE, **call.given("since", "until")}
    filters = {**window, **call.given("namespace", "cluster")}
    parts = await _first_look(call, filters)
    found = parts.circumstances(call)
    until = min(read_time(found.window.until, call.now) if found.window else call.now, call.now)
    problems, more = await _explained(call, parts, found.window, until)
    ranked = _ranked([one for one in problems if not one.set_aside], until)
    aside = _ranked([one for one in problems if one.set_aside], until)
    cut, unseen = _cut_off(call, parts, more), _unseen(call, parts)
    return replace(
        found,
        tables=(_problems(call, ranked, until), *_of_logs_alone(parts), _set_aside(call, aside), _looked_at(parts)),
        notes=(*parts.notes, *more.notes, *cut),
        query_ids=(*found.query_ids, *(reply.query_id for reply in more.replies.values())),
        summary=f"{unseen}{_summary(ranked, aside, parts, whole=not cut and not unseen)}",
        facts={"problems": len(ranked)},
    )


async def _first_look(call: Call, filters: Asked) -> Parts:
    """Whatever the reader may see of it. Raises the first problem where that is nothing."""
    asked: dict[str, Asked] = {
        # The most that each gives; where even that is too little, the answer says so.
        "warning_summary": {**filters, "limit": 1000, "first": "each_reason"},
        "restart_acceleration": {**filters, "limit": 50},
        "memory_pressure": {**filters, "limit": 50},
        "error_rate_change": {**filters, "limit": 10_000},
        # A day back: a cluster that stopped before the window has no row in it.
        "freshness": {**call.given("until", "cluster"), "limit": 10_000},
    }
    parts = await ask_each(call, {name: (name, written) for name, written in asked.items()})
    if isinstance(parts.problems.get("error_rate_change"), errors.DeniedError):
        # It needs logs and requests; who may see logs alone is told what errors they hold.
        logs = await ask_each(call, {_LOGS: (_LOGS, {**filters, "min_severity": "error", "limit": _MOST_OF_LOGS})})
        parts = Parts({**parts.replies, **logs.replies}, parts.problems)
    if not parts.replies:
        raise next(iter(parts.problems.values()))
    return parts


def _of_logs_alone(parts: Parts) -> list[Table]:
    """Error logs, where the rates of errors are not this reader's to see."""
    if _LOGS not in parts.replies:
        return []
    columns = ("count", "service", "pattern", "last_seen")
    rows = [tuple(row[name] for name in columns) for row in parts.rows(_LOGS)]
    return [Table("error logs, most frequent first", columns, rows, parts.replies[_LOGS].truncated)]


async def _explained(call: Call, parts: Parts, window: Window | None, until: int) -> tuple[list[Problem], Parts]:
    """All problems after the second look, and what that asked."""
    problems = problem_signs.all_of(call, parts)
    if not problems or window is None:
        return problems, Parts({})
    parts = await ask_each(call, _second_look(call, problems, window, until))
    closer = Closer(parts, until, lambda at: _lately(at, until), call.text("cluster"), call.text("namespace"))
    looked = problem_causes.explained(problems, closer)
    failing = [one for one in looked if one.kind == "Service" and one.problem in FAILING]
    # Those that are nobody's effect first; then those that only a pod explains, which may have said why it came to it.
    roots = [one for one in _ranked(failing, until) if not one.set_aside]
    roots = (roots + [one for one in _ranked(failing, until) if ": Pod " in one.set_aside])[:_MOST_READ]
    if not roots:
        return looked, parts
    about = {"since": window.since, "until": window.until, "limit": 20, **call.given("cluster")}
    logs = await ask_each(
        call, {f"new of {one.name}": ("compare_windows", {**about, "service": one.name}) for one in roots}
    )
    # A service whose log is younger than the window has nothing new in it: there its most frequent errors count.
    quiet = [one for one in roots if not problem_words.new_in_log(one, logs)]
    errors = {**about, "min_severity": "error", "limit": 5}
    said = await ask_each(
        call, {f"said by {one.name}": ("log_patterns", {**errors, "service": one.name}) for one in quiet}
    )
    both = Parts(
        {**parts.replies, **logs.replies, **said.replies}, {**parts.problems, **logs.problems, **said.problems}
    )
    return problem_causes.explained(problems, replace(closer, parts=both)), both


def _second_look(call: Call, problems: Sequence[Problem], window: Window, until: int) -> dict[str, tuple[str, Asked]]:
    """What is asked once something is wrong, and only as far as it can explain that."""
    about: Asked = {"since": window.since, "until": window.until, **call.given("cluster")}
    within: Asked = {**about, **call.given("namespace")}
    services = {one.problem for one in problems if one.kind == "Service"}
    light = {one.kind for one in problems if one.last_seen and one.weight < HEAVY and _lately(one.last_seen, until)}
    asked: dict[str, tuple[str, Asked]] = {}
    if services & (FAILING | {"slow"}):
        # Of the whole cluster: the cause of a failure may lie in another namespace than the failure. Nearly all of
        # them, since they come busiest first, and what fails may be called seldom.
        asked["service_map"] = ("service_map", {**about, "limit": 10_000})
        asked["versions"] = ("service_overview", {**about, "by": "version", "limit": 10_000})
    if any(problem_causes.is_pushed_out(one) for one in problems):
        asked["memory_growth"] = ("memory_growth", {**about, "limit": 10})
    if light:
        begin, end = (read_time(at, call.now) for at in (window.since, window.until))
        before: Asked = {"since": iso_time(begin - (end - begin)), "until": window.since, "limit": 1000}
        asked["usual"] = ("warning_summary", {**within, **before})
    if "Pod" in light:
        asked["rollouts"] = ("rollouts", {**within, "limit": 100})
    return asked


def _cut_off(call: Call, parts: Parts, more: Parts) -> list[str]:
    """What was not looked at since there was too much of it, each in a sentence; bad and stale come first in theirs."""
    rows = {name: parts.rows(name) for name, reply in parts.replies.items() if reply.truncated}
    cut: list[str] = [name for name in ("warning_summary", "error_rate_change") if name in rows]
    cut += [name for name in ("restart_acceleration", "memory_pressure") if _ends_badly(rows.get(name, []))]
    if any(problem_signs.is_stale(call, row) for row in rows.get("freshness", [])[-4:]):
        cut.append("freshness")
    cut += [name for name, reply in more.replies.items() if reply.truncated and name in {"service_map", "versions"}]
    return [f"{name} has more rows than were looked at: narrow with cluster or namespace." for name in cut]


def _ends_badly(rows: Sequence[Row]) -> bool:
    return bool(rows) and rows[-1]["state"] == "bad"


def _ranked(problems: Sequence[Problem], until: int) -> list[Problem]:
    # A problem that ended counts half.
    return sorted(
        problems, key=lambda one: (-one.weight * (1 if _lately(one.last_seen, until) else 0.5), -one.count, one.object)
    )


def _problems(call: Call, problems: Sequence[Problem], until: int) -> Table:
    rows = [_row(rank, one, until) for rank, one in enumerate(problems[:_MOST], start=1)]
    return _without_the_asked_cluster(
        call, Table("problems, worst first", _COLUMNS, rows, len(problems) > _MOST, least=10)
    )


def _row(rank: int, one: Problem, until: int) -> tuple[object, ...]:
    lately = "" if not one.last_seen else ("yes" if _lately(one.last_seen, until) else "no")
    evidence = f"{one.evidence}; also: {', '.join(one.also)}" if one.also else one.evidence
    return (
        rank,
        one.problem,
        one.namespace,
        one.object,
        int(one.count) or None,
        lately,
        one.last_seen,
        evidence,
        one.next,
        one.cluster,
    )


def _set_aside(call: Call, problems: Sequence[Problem]) -> Table:
    rows = [
        (
            one.set_aside,
            one.problem,
            one.namespace,
            one.object,
            int(one.count) or None,
            _short(one.evidence),
            one.cluster,
        )
        for one in problems[:_MOST_SET_ASIDE]
    ]
    more = len(problems) > _MOST_SET_ASIDE
    return _without_the_asked_cluster(call, Table("set aside, and why", _SET_ASIDE, rows, more, least=4))


def _short(evidence: str) -> str:
    return evidence if len(evidence) <= _LONGEST_SET_ASIDE else f"{evidence[:_LONGEST_SET_ASIDE]}…"


def _without_the_asked_cluster(call: Call, table: Table) -> Table:
    """Whoever asked for one cluster knows which; it is the last column."""
    if not call.text("cluster"):
        return table
    return replace(table, columns=table.columns[:-1], rows=[row[:-1] for row in table.rows])


def _lately(last_seen: str, until: int) -> bool:
    """What has no time of its own is about the whole window, and goes on."""
    return not last_seen or until - read_time(last_seen, until) <= LATELY_S * NANOSECONDS


def _looked_at(parts: Parts) -> Table:
    rows: list[tuple[object, ...]] = []
    for name, what, column in (
        ("warning_summary", "events", "events"),
        ("restart_acceleration", "events and series of restarts", "looked_at"),
        ("memory_pressure", "data points and events of memory", "looked_at"),
    ):
        first = next((row for row in parts.rows(name) if row["about"] == "all"), None)
        if name in parts.replies:
            rows.append((what, int(str(first[column])) if first else 0))
    if "error_rate_change" in parts.replies:
        rows.append(
            ("services with logs or requests", len({row["service"] for row in parts.rows("error_rate_change")}))
        )
    return Table("looked at", ("what", "number"), rows)


def _unseen(call: Call, parts: Parts) -> str:
    """That nothing is there of what was asked about, said first: what is told then is about others."""
    namespace, cluster = call.text("namespace"), call.text("cluster")
    if any(count for _, count in _looked_at(parts).rows) or (not namespace and parts.rows("freshness")):
        return ""
    about = [f"namespace {namespace}"] * bool(namespace) + [f"cluster {cluster}"] * bool(cluster)
    if not about or parts.problems:
        return ""
    return (
        f"Nothing of {' in '.join(about)} was seen in this window: the name may be wrong (ask without it), or its "
        "telemetry does not come. "
    )


def _summary(problems: Sequence[Problem], aside: Sequence[Problem], parts: Parts, *, whole: bool) -> str:
    if problems:
        number = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        return f"{number}, worst first; {len(aside)} more signs set aside, with the reason."
    nothing = not any(parts.rows(name) for name in parts.replies)
    if nothing or parts.problems or not whole:
        return "No problem found, but not everything could be looked at: that is no health."
    rest = f" {len(aside)} signs were set aside, with the reason." if aside else ""
    return f"No problem found among what was looked at (below); single logs and traces were not read.{rest}"
