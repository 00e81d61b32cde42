"""What each question of find_problems says is wrong, as problems.

In: the replies. Out: `Problem`s, one for each object and kind. Objects whose names differ only in what Kubernetes
appended are one. Nothing is ranked or left out here.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from mcp_server.parts import Parts
from mcp_server.problem import DEFAULT, HEAVY, Problem, Row, call, kind_of, number, workload
from mcp_server.tool import Call

FAILING_SHARE, FAILING_ERRORS = 0.05, 5
"""What a service that was not there before must fail at least to be a problem."""

CHANCE = 3.3
"""Standard errors by which errors must have risen: of many services, one would pass for fewer by chance."""

STEADY_SHARE = 0.2
"""Share of its requests that a service must fail to be a problem whatever it failed before: an outage may be older than
both windows."""

SILENT_AFTER = 10
"""Requests or log records that a service must have had in the window before to be missed: fewer stay out by chance."""

SLOWER_BY, SLOWER_MS, REQUESTS = 2.0, 50.0, 20
"""A p95 that grew by this factor and by so many milliseconds, over so many requests, is a problem."""

MANY_REQUESTS = 1000
"""Of fewer, a p95 rests on so few that it doubles by chance: there even the p90 must be above what the p95 may be."""

UNNAMED = "(unnamed)"
"""What sends no name: logs of pods without `service.name`. An empty name would ask about all services."""

_OF_PODS = frozenset({"Pod", "Job", "ReplicaSet"})
_UNTELLING = ("back-off", "error: imagepullbackoff", "error: errimagepull", "error: crashloopbackoff")
"""How messages begin that only repeat that something goes on."""


def all_of(asked: Call, parts: Parts) -> list[Problem]:
    """Everything that the replies of the first look say."""
    found = [
        *_merged(_warnings(parts)),
        *_restarts(parts),
        *_memory(parts),
        *_errors(parts, asked.text("cluster")),
        *_slower(parts, asked.text("cluster")),
        *_silent(asked, parts),
    ]
    return _one_an_object(found)


def _warnings(parts: Parts) -> Iterator[Problem]:
    for row in parts.rows("warning_summary"):
        if row["about"] != "object":
            continue
        weight, name = kind_of(f"{row['reason']} {row['message']}")
        subject = workload(str(row["name"])) if row["kind"] in _OF_PODS else str(row["name"])
        yield Problem(
            weight, name, str(row["namespace"]), str(row["kind"]), subject, number(row["count"]),
            str(row["last_seen"]), f"{row['reason']}: {row['message']}", _look_at(row, subject), str(row["cluster"]),
            began=str(row["first_seen"]),
        )  # fmt: skip


def _look_at(row: Row, subject: str) -> str:
    where = {"namespace": str(row["namespace"])}
    if row["kind"] == "Pod":
        return call("get_pod_errors", **where, pod_name=subject, cluster=str(row["cluster"]))
    return call("get_warning_summary", **where, kind=str(row["kind"]), cluster=str(row["cluster"]))


def _merged(problems: Iterable[Problem]) -> list[Problem]:
    """One for a workload and a kind of problem, however many pods and reasons, with the message that says most."""
    kept: dict[tuple[str, ...], Problem] = {}
    for one in problems:
        key = (one.cluster, one.namespace, one.object, one.problem)
        if (other := kept.get(key)) is None:
            kept[key] = one
            continue
        newest = max(other.last_seen, one.last_seen)
        telling = max(other, one, key=lambda each: (_tells(each.evidence), each.last_seen))
        kept[key] = replace(
            telling, count=one.count + other.count, last_seen=newest, began=_first(other.began, one.began)
        )
    return list(kept.values())


def _first(*times: str) -> str:
    """The earliest of what is known."""
    return min((time for time in times if time), default="")


def _tells(evidence: str) -> bool:
    return not evidence.partition(": ")[2].lower().startswith(_UNTELLING)


def _restarts(parts: Parts) -> Iterator[Problem]:
    for row in parts.rows("restart_acceleration"):
        if row["about"] == "pod" and row["state"] == "bad":
            pod = workload(str(row["pod"]))
            counts = f"{row['restarts_earlier']} then {row['restarts_later']} restarts"
            signs = f"{row['signs_earlier']} then {row['signs_later']} signs among events"
            where = {"namespace": str(row["namespace"]), "pod_name": pod, "cluster": str(row["cluster"])}
            yield Problem(
                89, "restarts become more", str(row["namespace"]), "Pod", pod, number(row["restarts_later"]),
                str(row["last_sign"]), f"{counts if row['restarts_later'] is not None else signs}, half by half",
                call("get_pod_errors", **where), str(row["cluster"]),
            )  # fmt: skip


def _memory(parts: Parts) -> Iterator[Problem]:
    for row in parts.rows("memory_pressure"):
        if row["about"] == "all" or row["state"] != "bad":
            continue
        is_node = row["about"] == "node"
        name = str(row["name"]) if is_node else workload(str(row["name"]))
        share = f"{number(row['share_max']):.0%} of its limit at most; " if row["share_max"] is not None else ""
        cluster = str(row["cluster"])
        look = (
            call("get_warning_summary", kind="Node", cluster=cluster)
            if is_node
            else call("check_pod_health", namespace=str(row["namespace"]), pod_name=name, cluster=cluster)
        )
        yield Problem(
            85.5 if number(row["memory_events"]) else 60, "memory", str(row["namespace"]), "Node" if is_node else "Pod",
            name, number(row["memory_events"]), str(row["last_event"]),
            f"{share}{row['memory_events']} kills or evictions for memory", look, cluster,
        )  # fmt: skip


def _errors(parts: Parts, cluster: str) -> Iterator[Problem]:
    """One for a service, whether its requests, its logs or both say so; requests count first."""
    by_service: dict[str, list[Row]] = {}
    for row in parts.rows("error_rate_change"):
        if _went_silent(row) or _rises(row) or _fails_from_its_start(row) or _keeps_failing(row):
            by_service.setdefault(str(row["service"]), []).append(row)
    for service, rows in by_service.items():
        rows.sort(key=lambda row: (row["verdict"] != "up", row["source"] != "requests"))
        first = rows[0]
        rising = first["verdict"] != "silent"
        evidence = "; ".join(
            _error_evidence(row) for row in rows if row["verdict"] == first["verdict"] or _keeps_failing(row)
        )
        look = call("log_patterns", service=service, min_severity="error", cluster=cluster)
        if rising and first["source"] == "requests":
            look = call("find_traces", service=service, status="error", cluster=cluster)
        elif not rising:
            look = call("service_overview", service=service, cluster=cluster)
        what, weight, count = (
            ("errors rise" if _is_new(first) else "requests fail", 72, first["errors"])
            if rising
            else ("service went silent", 68, first["total_before"])
        )
        yield Problem(
            weight, what, "", "Service", service or UNNAMED, number(count), "", evidence, look, cluster,
            began=str(first["errors_since"]) if rising else "",
        )  # fmt: skip


def _went_silent(row: Row) -> bool:
    return row["verdict"] == "silent" and number(row["total_before"]) >= SILENT_AFTER


def _rises(row: Row) -> bool:
    return row["verdict"] == "up" and number(row["deviation"]) >= CHANCE


def _fails_from_its_start(row: Row) -> bool:
    share = number(row["error_share"])
    return row["verdict"] == "no_baseline" and share >= FAILING_SHARE and number(row["errors"]) >= FAILING_ERRORS


def _is_new(row: Row) -> bool:
    return _rises(row) or row["verdict"] == "no_baseline"


def _keeps_failing(row: Row) -> bool:
    """Requests only: there are programs that write all that they say as errors, and are well."""
    if row["source"] != "requests" or number(row["total"]) < REQUESTS:
        return False
    return number(row["error_share"]) >= STEADY_SHARE and not _is_new(row)


def _error_evidence(row: Row) -> str:
    source = row["source"]
    if row["verdict"] == "no_baseline":
        return f"{row['errors']} of {row['total']} {source} fail; there were none before"
    if row["verdict"] == "silent":
        return f"{row['total_before']} {source} in the window before, none in this one"
    told = f"{row['errors']} of {row['total']} {source} fail, before {row['errors_before']} of {row['total_before']}"
    return f"{told}: for longer than the window" if _keeps_failing(row) else told


def _slower(parts: Parts, cluster: str) -> Iterator[Problem]:
    for row in parts.rows("error_rate_change"):
        before, now = number(row["p95_ms_before"]), number(row["p95_ms"])
        if min(number(row["total"]), number(row["total_before"])) < REQUESTS:
            continue
        least_of_now = now if number(row["total"]) >= MANY_REQUESTS else number(row["p90_ms"])
        if before > 0 and least_of_now >= max(SLOWER_BY * before, before + SLOWER_MS):
            service = str(row["service"])
            least = f"{max(1, int(now / 2))}"
            yield Problem(
                71, "slow", "", "Service", service or UNNAMED, number(row["total"]), "",
                f"95 of 100 requests took at most {now:.0f} ms, before {before:.0f} ms",
                call("find_traces", service=service, min_duration_ms=least, cluster=cluster), cluster, p95_ms=now,
            )  # fmt: skip


def _silent(asked: Call, parts: Parts) -> Iterator[Problem]:
    """One for a cluster, with the signals that stopped."""
    stopped: dict[str, list[tuple[str, float]]] = {}
    for row in parts.rows("freshness"):
        if is_stale(asked, row):
            stopped.setdefault(str(row["cluster"]), []).append((str(row["signal"]), number(row["lag_seconds"])))
    for cluster, signals in stopped.items():
        told = ", ".join(f"{signal} {lag / 60:.0f} min" for signal, lag in signals)
        evidence = f"newest before the end of the window: {told}; what happened since is not known"
        yield Problem(
            84, "telemetry stopped", "", "Cluster", cluster or UNNAMED, 0, "", evidence,
            call("freshness", cluster=cluster), cluster,
        )  # fmt: skip


def is_stale(asked: Call, row: Row) -> bool:
    """Whether a signal of a cluster, as freshness has it, ends too long before the window."""
    lag = row["lag_seconds"]
    return lag is not None and bool(int(str(row["rows"]))) and number(lag) > asked.stale_of(str(row["signal"]))


def _one_an_object(problems: Iterable[Problem]) -> list[Problem]:
    """What is wrong with one object is one problem: the worst, with what the others add."""
    by_object: dict[tuple[str, ...], list[Problem]] = {}
    for one in problems:
        by_object.setdefault((one.cluster, one.namespace, one.object), []).append(one)
    return [_worst(of_one) for of_one in by_object.values()]


def _worst(problems: list[Problem]) -> Problem:
    problems.sort(key=lambda one: -one.weight)
    first, *others = problems
    more = dict.fromkeys(
        one.evidence if one.problem in {"memory", "restarts become more", "slow"} else one.problem
        for one in others
        if one.weight > DEFAULT
    )
    # A probe that fails is seen before and after whatever is wrong, and says nothing of when that began.
    began = _first(*(one.began for one in problems if one is first or one.weight >= HEAVY))
    return replace(first, also=tuple(more), last_seen=max(one.last_seen for one in problems), began=began)
