"""Which kinds of object a cluster has, and where they are asked for.

In: an API server, and names of kinds as kubectl writes them. Out: a `Resource` for each that can be listed and watched.
A kind that is served in several versions is taken in one, the first that the server names, since every version shows
the same objects. A group that cannot be looked at (its own server is down) is told apart from one that is not there.
Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from enrich.kubernetes_api import JSON, ApiError, KubernetesApi, KubernetesError, UnreachableError

_WATCHABLE = frozenset({"list", "watch"})


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of object in one version."""

    group: str
    """Empty for the core group."""
    version: str
    plural: str
    kind: str
    namespaced: bool
    verbs: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def name(self) -> str:
        """As kubectl writes it: ``deployments.apps``."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def path(self) -> str:
        """Where all objects of the kind are."""
        return f"{_version_path(self.group, self.version)}/{self.plural}"

    def path_of(self, namespace: str, name: str) -> str:
        """Where one object is; `namespace` counts only where the kind has one."""
        where = f"/namespaces/{namespace}" if self.namespaced else ""
        return f"{_version_path(self.group, self.version)}{where}/{self.plural}/{name}"


@dataclass(frozen=True, slots=True)
class Kinds:
    """What a look at a cluster's kinds gave."""

    resources: tuple[Resource, ...]
    missing: tuple[str, ...]
    """Names that the cluster does not serve."""
    failed: Mapping[str, KubernetesError]
    """API group -> why it could not be looked at."""


def discover(api: KubernetesApi, names: Sequence[str]) -> Kinds:
    """Find the kinds of `names`; ``*.example.org`` means all of a group, which may have none.

    Raises `KubernetesError` where the server does not even say which groups it has.
    """
    wanted: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        plural, _, group = name.partition(".")
        wanted.setdefault(group, []).append(plural)
    versions = group_versions(api)
    resources: list[Resource] = []
    missing: list[str] = []
    failed: dict[str, KubernetesError] = {}
    for group, plurals in wanted.items():
        try:
            served = {one.plural: one for one in _served(api, group, versions.get(group, ()))}
        except KubernetesError as error:
            failed[group] = error
            continue
        taken = list(served) if "*" in plurals else [plural for plural in plurals if plural in served]
        resources += [served[plural] for plural in taken]
        missing += [f"{plural}.{group}".rstrip(".") for plural in plurals if plural != "*" and plural not in served]
    return Kinds(tuple(resources), tuple(missing), failed)


def group_versions(api: KubernetesApi) -> dict[str, tuple[str, ...]]:
    """All API groups and their versions, the preferred one first. Raises `KubernetesError`."""
    groups: dict[str, tuple[str, ...]] = {"": ("v1",)}
    for group in document(api.get("/apis", {}, JSON)).get("groups") or ():
        versions = [entry["version"] for entry in group.get("versions") or ()]
        preferred = (group.get("preferredVersion") or {}).get("version")
        groups[group["name"]] = tuple(sorted(versions, key=lambda version: version != preferred))
    return groups


def resources_of(api: KubernetesApi, group: str, version: str) -> list[Resource]:
    """All kinds of one version of a group; none if there is no such version. Raises `KubernetesError`."""
    try:
        answer = document(api.get(_version_path(group, version), {}, JSON))
    except ApiError as error:
        if error.not_found:
            return []
        raise
    return [
        Resource(group, version, one["name"], one["kind"], one["namespaced"], frozenset(one.get("verbs") or ()))
        for one in answer.get("resources") or ()
        if "/" not in one["name"]  # a subresource
    ]


def document(answer: bytes) -> dict[str, Any]:
    """An answer's JSON object. Raises `UnreachableError` where it is none: something other than an API server spoke."""
    try:
        read = json.loads(answer)
    except ValueError as error:
        raise UnreachableError(f"the answer is no JSON: {error}") from error
    if not isinstance(read, dict):
        raise UnreachableError("the answer is no JSON object")
    return read


def _served(api: KubernetesApi, group: str, versions: Sequence[str]) -> Iterator[Resource]:
    """Each watchable kind of a group, once."""
    seen: set[str] = set()
    for version in versions:
        for resource in resources_of(api, group, version):
            if resource.plural not in seen and resource.verbs >= _WATCHABLE:
                seen.add(resource.plural)
                yield resource


def _version_path(group: str, version: str) -> str:
    return f"/apis/{group}/{version}" if group else f"/api/{version}"
