"""What find_problems found, looked at once more: whose effect a problem is, and what says most about its cause.

In: problems, and replies of questions that are asked only where there is something to explain (who calls whom,
versions, growth of memory, rollouts, warnings of the window before). Out: the same problems with more evidence, or set
aside with the reason: the effect of another, as usual, over. Set aside is not left out: the answer shows both. A cause
has to be in the cluster and namespace of its effect; where these are not known of one, it is told of as a possibility.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from mcp_server import problem_places, problem_times, problem_words
from mcp_server.parts import Parts
from mcp_server.problem import (
    HEAVY,
    LIGHT,
    NEVER_USUAL,
    Problem,
    Row,
    call,
    kind_of,
    kind_of_log,
    number,
    workload,
)
from mcp_server.problem_places import Fit, Place, Places, are_apart
from sql.parameter import NANOSECONDS, read_time

EXPLAINS = 0.5
"""Part of a service's failures that those of a callee must account for, for the one to be the effect of the other."""

SLOW_SHARE = 0.5
"""Part of a slow service's p95 that the callee's must be."""

GROWN_BYTES, GROWN_SHARE = 256 * 1024 * 1024, 0.5
"""A container that grew by so much, and by this part of all growth on its node, pushes others out."""

ROLLOUT_SETTLES_S = 120
"""Seconds after the last step of a rollout within which pods may still complain."""

FEW = 3
"""Light warnings that are fewer are no problem."""

_BLAMES_A_VERSION = 0.9


@dataclass(frozen=True, slots=True)
class Closer:
    """What the second look brought."""

    parts: Parts
    until: int
    """End of the window, Unix nanoseconds."""
    is_lately: Callable[[str], bool]
    cluster: str = ""
    """The one that was asked about."""
    namespace: str = ""
    """The same."""

    @property
    def places(self) -> Places:
        """Where services run."""
        return problem_places.read(self.parts.rows("versions"), self.cluster, self.namespace)


def explained(problems: Sequence[Problem], closer: Closer) -> list[Problem]:
    """Each problem, with what explains it or sets it aside."""
    found = _with_neighbours(list(problems), closer.parts)
    roots, pods = _roots(found, closer), _crashing(found, closer)
    found = [
        one
        if one.kind != "Service"
        else _effect(problem_words.before_the_rest(one, closer.parts), roots[one.name])
        if one.name in roots
        else _looked_into(one, pods, closer)
        for one in found
    ]
    found = problem_times.first_things_first(found, pods, closer.places)
    return [one if one.set_aside else _unless_usual(one, closer) for one in found]


def is_pushed_out(one: Problem) -> bool:
    """Whether the node had too little memory; a container at its own limit is nobody's victim."""
    if one.problem == "memory":
        return one.kind == "Node"
    return one.problem == "evicted, node under pressure" and "memory" in one.evidence.lower()


def _with_neighbours(problems: list[Problem], parts: Parts) -> list[Problem]:
    """Where pods are killed for memory of the node: who took it."""
    if not any(is_pushed_out(one) for one in problems):
        return problems
    found: list[Problem] = []
    for row in parts.rows("memory_growth"):
        grown, share = number(row["grown_bytes"]), number(row["share"])
        pod, victims = workload(str(row["pod"])), [one for one in problems if _may_be_pushed_by(one, row)]
        if grown < GROWN_BYTES or share < GROWN_SHARE or not victims or pod in {one.name for one in victims}:
            continue
        bound = "no limit" if row["limit_bytes"] is None else f"limit {_gibibytes(row['limit_bytes'])}"
        told = (
            f"grew by {_gibibytes(grown)} to {_gibibytes(row['used_bytes'])} on {row['node']} "
            f"({share:.0%} of all growth there), {bound}"
        )
        where = {"namespace": str(row["namespace"]), "pod_name": pod, "cluster": str(row["cluster"])}
        neighbour = Problem(
            96, "noisy neighbour", str(row["namespace"]), "Pod", pod, 0, "", told, call("check_pod_health", **where),
            str(row["cluster"]),
        )  # fmt: skip
        found = [neighbour, *found]
        problems = [_effect(one, neighbour) if one in victims else one for one in problems]
    return [*found, *problems]


def _may_be_pushed_by(one: Problem, row: Row) -> bool:
    """Whether it was pushed out, and nobody is blamed yet, and not of another cluster or node."""
    if one.set_aside or not is_pushed_out(one) or are_apart(one.cluster, str(row["cluster"])):
        return False
    return one.kind != "Node" or not are_apart(one.name, str(row["node"]))


def _gibibytes(size: object) -> str:
    return f"{number(size) / 2**30:.2g} GiB"


def _roots(problems: Sequence[Problem], closer: Closer) -> dict[str, Problem]:
    """By service that is the effect of something: what it is the effect of, at the end of the chain."""
    services = {one.name: one for one in problems if one.kind == "Service"}
    pods = _crashing(problems, closer)
    edges, places = closer.parts.rows("service_map"), closer.places
    blames = {name: other for name, one in services.items() if (other := _blamed(one, services, pods, edges, places))}
    roots = {name: _root(name, services, blames) for name in blames}
    return {name: root for name, root in roots.items() if root is not services[name]}


def _crashing(problems: Sequence[Problem], closer: Closer) -> list[Problem]:
    """Pods whose trouble can be felt by who calls them."""
    return [one for one in problems if one.kind == "Pod" and one.weight >= HEAVY and closer.is_lately(one.last_seen)]


def _blamed(
    one: Problem, services: Mapping[str, Problem], pods: Sequence[Problem], edges: Sequence[Row], places: Places
) -> Problem | None:
    """Its own pods, or the callee that accounts for most of what is wrong with it and is a problem itself."""
    for name, place in _behind(one, edges, places):
        own = [pod for pod in pods if pod.name == name and place.fits(pod) is Fit.SURE]
        if sure := [pod for pod in own if not problem_times.is_too_late(pod, one)]:
            return sure[0]
        if name != one.name and name in services:
            return services[name]
    return None


def _behind(one: Problem, edges: Sequence[Row], places: Places) -> list[tuple[str, Place]]:
    """The service itself and what it calls, worst first, each with where it runs."""
    called = [(_host(edge), places.called(str(edge["callee"]), one.name)) for edge in _edges_of(one, edges)]
    return [(one.name, places.of(one.name)), *called]


def _with_hint(one: Problem, pods: Sequence[Problem], edges: Sequence[Row], places: Places) -> Problem:
    """Crashing pods that may be those of the service or of what it calls."""
    for name, place in _behind(one, edges, places):
        for pod in pods:
            if pod.name == name and place.fits(pod) is Fit.PERHAPS and not problem_times.is_too_late(pod, one):
                where = (
                    f"namespace {pod.namespace}, cluster {pod.cluster}" if pod.cluster else f"namespace {pod.namespace}"
                )
                one = replace(one, evidence=f"{one.evidence}; perhaps by {pod.problem} of {pod.object} in {where}")
    return one


def _root(name: str, services: Mapping[str, Problem], blames: Mapping[str, Problem]) -> Problem:
    """The end of the chain; of services that call each other in a ring, the one with most of it."""
    path = [name]
    while (other := blames.get(path[-1])) and other.kind == "Service":
        if other.name in path:
            ring = path[path.index(other.name) :]
            return services[max(ring, key=lambda each: (services[each].count, each))]
        path.append(other.name)
    return other or services[path[-1]]


def _looked_into(one: Problem, pods: Sequence[Problem], closer: Closer) -> Problem:
    """A service at the end of its chain: what it calls, its versions, what is new in its log."""
    edges = closer.parts.rows("service_map")
    one = _with_hint(one, pods, edges, closer.places)
    one = _with_edge(one, _edges_of(one, edges), outside=bool(closer.namespace))
    return _with_message(_with_version(one, closer.parts.rows("versions")), closer.parts)


def _edges_of(one: Problem, edges: Iterable[Row]) -> list[Row]:
    """Calls that account for what is wrong with a service, worst first."""
    own = [edge for edge in edges if edge["caller"] == one.name]
    if one.problem == "slow":
        slow = [edge for edge in own if number(edge["p95_ms"]) >= SLOW_SHARE * one.p95_ms]
        return sorted(slow, key=lambda edge: -number(edge["p95_ms"]))
    failing = [edge for edge in own if number(edge["errors"]) >= max(1.0, EXPLAINS * one.count)]
    return sorted(failing, key=lambda edge: -number(edge["errors"]))


def _host(edge: Row) -> str:
    """The name of what was called: of a service, or the first part of a host."""
    return str(edge["callee"]).partition(":")[0].partition(".")[0]


def _effect(one: Problem, of: Problem) -> Problem:
    return replace(one, set_aside=f"effect of {of.problem}: {of.object}")


def _with_edge(one: Problem, edges: Sequence[Row], *, outside: bool) -> Problem:
    """What the service calls when it is slow or fails, if that is no problem of its own here."""
    if not edges:
        return one
    edge = edges[0]
    told = (
        f"its calls to {edge['callee']}: {edge['errors']} of {edge['calls']} fail, p95 {number(edge['p95_ms']):.0f} ms"
    )
    one = replace(one, evidence=f"{one.evidence}; {told}")
    if outside and "/" not in str(edge["callee"]):  # a service or a host, which may run in another namespace
        return replace(one, evidence=f"{one.evidence}; look there", next=call("find_problems", cluster=one.cluster))
    return one


def _with_version(one: Problem, rows: Iterable[Row]) -> Problem:
    """Where nearly all failures are of one of several versions, which."""
    own = [row for row in rows if row["service"] == one.name and number(row["requests"])]
    failed, asked = (sum(number(row[name]) for row in own) for name in ("errors", "requests"))
    if len(own) < 2 or not failed:
        return one
    worst = max(own, key=lambda row: number(row["errors"]))
    bad, of = number(worst["errors"]), number(worst["requests"])
    if bad < _BLAMES_A_VERSION * failed or bad / of < 2 * failed / asked:
        return one
    others = f"{failed - bad:.0f} of {asked - of:.0f}"
    told = f"of version {worst['version']} {bad:.0f} of {of:.0f} fail, of other versions {others}"
    return replace(one, evidence=f"{one.evidence}; {told}")


def _with_message(one: Problem, parts: Parts) -> Problem:
    """What its log says now that it did not say before; where that names a kind of cause, it counts."""
    said = problem_words.new_in_log(one, parts)
    if not said:
        told = problem_words.of(one, parts)
        return replace(one, evidence=f"{one.evidence}; {told}") if told else one
    one = replace(one, evidence=f"{one.evidence}; new in its log: {said}")
    if kind := kind_of_log(said):
        return replace(one, weight=kind[0], problem=kind[1], also=(one.problem, *one.also))
    return one


def _unless_usual(one: Problem, closer: Closer) -> Problem:
    """Set aside what a rollout explains, what is over, what is always so, and what is little."""
    if told := _rolled_out(one, closer):
        return replace(one, set_aside=told)
    if one.weight >= HEAVY or not one.last_seen:
        return one
    if not closer.is_lately(one.last_seen):
        return replace(one, set_aside="over")
    before = sum(
        number(row["count"])
        for row in closer.parts.rows("usual")
        if row["about"] == "object"
        and (row["cluster"], row["namespace"], row["kind"]) == (one.cluster, one.namespace, one.kind)
        and one.name in {row["name"], workload(str(row["name"]))}
        and kind_of(f"{row['reason']} {row['message']}")[1] == one.problem
    )
    if before and one.problem in NEVER_USUAL:
        return replace(one, evidence=f"{one.evidence}; for longer than the window: {before:.0f} in the window before")
    if before and one.count <= 2 * before:
        return replace(one, set_aside=f"usual: {before:.0f} in the window before")
    return replace(one, set_aside="minor") if one.weight < LIGHT and one.count < FEW else one


def _rolled_out(one: Problem, closer: Closer) -> str:
    """Whether a rollout that went through explains what its pods complained of."""
    if one.kind != "Pod" or one.weight >= HEAVY or not one.last_seen:
        return ""
    for row in closer.parts.rows("rollouts"):
        if (row["namespace"], row["deployment"], row["state"]) != (one.namespace, one.name, "done"):
            continue
        if are_apart(str(row["cluster"]), one.cluster):
            continue
        settled = read_time(str(row["last_step"]), closer.until) + ROLLOUT_SETTLES_S * NANOSECONDS
        if read_time(one.last_seen, closer.until) <= settled:
            return (
                f"rollout went through: {row['available']} of {row['desired']} pods available since {row['last_step']}"
            )
    return ""
