"""What `otelhouse bench questions` asks: by object, by composition, by trace, by text, and over everything.

In: the fleet that `bench/question_data/` made, and dice. Out: a question's parameters, which differ from one asking to
the next as loud and quiet services do in the fleet, so that no cache answers. It asks for nothing by itself.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import md5

from sql.catalogue import Question

SINCE = "since"

OBJECT, COMPOSITION, TRACE, TEXT, OVERVIEW = "object", "composition", "trace", "text", "overview"
"""What a question goes by. The first three have to answer in 300 ms, a text in one second; an overview
has no bar, since it reads all of its window."""

BARS = {OBJECT: 0.3, COMPOSITION: 0.3, TRACE: 0.3, TEXT: 1.0}
"""Seconds that 95 of 100 askings may take at most."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How large a fleet is."""

    logs: int
    days: float
    """From the first record to the last."""


@dataclass(frozen=True, slots=True)
class Case:
    """One way of asking one question."""

    name: str
    by: str
    question: str
    written: Callable[[Extent, random.Random], Mapping[str, str]]


def _service(dice: random.Random) -> int:
    """As loud ones as the data has."""
    return int(dice.random() ** 3 * 200)


def _pod(dice: random.Random) -> tuple[int, int]:
    service = _service(dice)
    return service, service * 10 + dice.randrange(10)


def _object(dice: random.Random) -> dict[str, str]:
    service, pod = _pod(dice)
    return {"namespace": f"namespace-{service % 40}", "pod": f"service-{service}-7d9f8c6b5-{pod}"}


def _composition(dice: random.Random) -> dict[str, str]:
    service, pod = _pod(dice)
    digest = md5(f"composition {service * 3 + pod % 3}".encode(), usedforsecurity=False).hexdigest()
    return {"composition": "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:]))}


def _trace(fleet: Extent, dice: random.Random) -> dict[str, str]:
    number = dice.randrange(fleet.logs // 50) * 2
    return {"trace_id": md5(f"trace {number}".encode(), usedforsecurity=False).hexdigest()}


def _whole(fleet: Extent) -> dict[str, str]:
    days, rest = divmod(round(fleet.days * 86_400), 86_400)
    return {"since": f"{days}d" if not rest else f"{days * 86_400 + rest}s"}


def window(question: Question, written: Mapping[str, str]) -> str:
    """How far back an asking looks: as it says, else as the question does by itself; empty where it has no window."""
    if SINCE in written:
        return written[SINCE]
    own = next((parameter.default for parameter in question.parameters if parameter.name == SINCE), None)
    return f"{own}, its default" if own else ""


CASES: tuple[Case, ...] = (
    Case("events of a pod, all days", OBJECT, "object_events",
         lambda f, d: {**_whole(f), "kind": "Pod", "namespace": (o := _object(d))["namespace"], "name": o["pod"]}),
    Case("timeline of a pod, an hour", OBJECT, "pod_timeline", lambda f, d: {**_object(d), "since": "1h"}),
    Case("errors of a pod, an hour", OBJECT, "pod_errors", lambda f, d: {**_object(d), "since": "1h"}),
    Case("health of a pod", OBJECT, "pod_health", lambda f, d: _object(d)),
    Case("events of a composition, all days", COMPOSITION, "composition_events",
         lambda f, d: {**_whole(f), **_composition(d)}),
    Case("events of a composition, as the portal asks", COMPOSITION, "krateo_events",
         lambda f, d: {"composition_id": _composition(d)["composition"]}),
    Case("logs of a composition, newest of all days", COMPOSITION, "recent_logs",
         lambda f, d: {**_whole(f), **_composition(d)}),
    Case("errors of a composition, an hour", COMPOSITION, "recent_logs",
         lambda f, d: {"min_severity": "error", **_composition(d)}),
    Case("errors of a composition, a day", COMPOSITION, "recent_logs",
         lambda f, d: {"since": "1d", "min_severity": "error", **_composition(d)}),
    Case("logs of a composition with a text, a day", TEXT, "recent_logs",
         lambda f, d: {"since": "1d", "text": "connection refused", **_composition(d)}),
    Case("overview of a composition, an hour", COMPOSITION, "composition_overview",
         lambda f, d: {"since": "1h", **_composition(d)}),
    Case("overview of a composition, a day", OVERVIEW, "composition_overview",
         lambda f, d: {"since": "1d", **_composition(d)}),
    Case("errors by service of a composition, an hour", COMPOSITION, "errors_by_service",
         lambda f, d: {"since": "1h", **_composition(d)}),
    Case("logs of a trace, all days", TRACE, "recent_logs", lambda f, d: {**_whole(f), **_trace(f, d)}),
    Case("spans of a trace", TRACE, "trace", _trace),
    Case("critical path of a trace", TRACE, "trace_critical_path", _trace),
    Case("a common text, a day", TEXT, "recent_logs", lambda f, d: {"since": "1d", "text": "connection refused"}),
    Case("a rare text, a day", TEXT, "recent_logs", lambda f, d: {"since": "1d", "text": "quarantined parcel"}),
    Case("part of a word, a day", TEXT, "recent_logs", lambda f, d: {"since": "1d", "text": "arantined par"}),
    Case("a text that is nowhere, a day", TEXT, "recent_logs",
         lambda f, d: {"since": "1d", "text": f"no such words {d.randrange(10**6)}"}),
    Case("a text and a service, a day", TEXT, "recent_logs",
         lambda f, d: {"since": "1d", "text": "out of range", "service": f"service-{_service(d)}"}),
    Case("an attribute's value, a day", TEXT, "recent_logs",
         lambda f, d: {"since": "1d", "attribute": "order.id", "attribute_value": str(d.randrange(3_100_000))}),
    Case("errors by service, an hour", OVERVIEW, "errors_by_service", lambda f, d: {"since": "1h"}),
    Case("log patterns, an hour", OVERVIEW, "log_patterns", lambda f, d: {"since": "1h"}),
    Case("services, an hour", OVERVIEW, "services", lambda f, d: {"since": "1h"}),
)  # fmt: skip
