"""Where services run, so that a pod of the same name elsewhere is not taken for their cause.

In: rows of service_overview by version, and what the caller asked about. Out: a `Place` for a service or for what a
service calls, and whether a pod lies there: surely, perhaps where something is not known of it, or not.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from mcp_server.problem import Problem, Row

MOST_TOLD = 10
"""Clusters and namespaces that service_overview names of a service at most."""


class Fit(Enum):
    """Whether two things are in one place."""

    SURE = auto()
    PERHAPS = auto()
    NO = auto()


@dataclass(frozen=True, slots=True)
class Place:
    """Names of clusters and of namespaces; nothing where none is known, an empty name where some said none."""

    clusters: frozenset[str] = frozenset()
    namespaces: frozenset[str] = frozenset()

    def fits(self, pod: Problem) -> Fit:
        """Whether a pod lies there."""
        each = {_fits(self.clusters, pod.cluster), _fits(self.namespaces, pod.namespace)}
        return Fit.NO if Fit.NO in each else Fit.PERHAPS if Fit.PERHAPS in each else Fit.SURE


def _fits(known: frozenset[str], name: str) -> Fit:
    if known == {name}:
        return Fit.SURE
    is_told = bool(known) and "" not in known and len(known) < MOST_TOLD
    return Fit.NO if name and is_told and name not in known else Fit.PERHAPS


@dataclass(frozen=True, slots=True)
class Places:
    """Those of all services."""

    by_service: Mapping[str, Place]
    asked: Place
    """What the caller asked about: every service of the answer lies there."""

    def of(self, service: str) -> Place:
        """Where a service runs, as far as that is known."""
        told = self.by_service.get(service, Place())
        return Place(self.asked.clusters or told.clusters, self.asked.namespaces or told.namespaces)

    def called(self, host: str, caller: str) -> Place:
        """Where what was called runs: as its spans tell, or as a name of a host means to whoever says it."""
        name, _, rest = host.partition(":")[0].partition(".")
        if name in self.by_service:
            return self.by_service[name]
        here = self.of(caller)
        return Place(here.clusters, frozenset({rest.partition(".")[0]})) if rest else here


def read(rows: Iterable[Row], cluster: str, namespace: str) -> Places:
    """What the rows tell, each of one version of a service."""
    clusters: dict[str, set[str]] = {}
    namespaces: dict[str, set[str]] = {}
    for row in rows:
        service = str(row["service"])
        clusters.setdefault(service, set()).update(_names(row["clusters"]))
        namespaces.setdefault(service, set()).update(_names(row["namespaces"]))
    told = {name: Place(frozenset(clusters[name]), frozenset(namespaces[name])) for name in clusters}
    return Places(told, Place(frozenset({cluster} - {""}), frozenset({namespace} - {""})))


def _names(cell: object) -> list[str]:
    return [str(name) for name in cell] if isinstance(cell, list | tuple) else []


def are_apart(one: str, other: str) -> bool:
    """Whether two names are both known, and differ."""
    return bool(one) and bool(other) and one != other
