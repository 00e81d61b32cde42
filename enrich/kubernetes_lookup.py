"""One object, asked for by name: the `ObjectSource` of `enrich.lookups`.

In: references. Out: the object, or None where the cluster has no such object or no such kind. Which kind is meant is
looked up in the server's own list of kinds, never guessed from the word, and that list is good for a while. A whole pod
is read, whatever the watches read, since one is cheap.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import quote

from enrich.errors import DeniedError, FailedError
from enrich.kubernetes_api import JSON, METADATA, ApiError, KubernetesApi, KubernetesError
from enrich.kubernetes_counters import KubernetesCounters
from enrich.kubernetes_kinds import Resource, document, group_versions, resources_of
from enrich.kubernetes_problems import Problems
from enrich.kubernetes_views import read_one
from enrich.kubernetes_watch import ACCESS_PAGE
from enrich.objects import KubernetesObject, Reference

T = TypeVar("T")


class Lookup:
    """Asks one cluster. Blocks; may be used by many threads at once."""

    def __init__(self, cluster: str, api: KubernetesApi, problems: Problems, counters: KubernetesCounters) -> None:
        """`cluster` is what it is called in messages."""
        self._cluster = cluster
        self._api = api
        self._problems = problems
        self._counters = counters
        self._kinds: dict[tuple[str, str], tuple[float, dict[str, Resource]]] = {}
        """Group and version -> when it was looked at, and its kinds by name."""
        self._versions: tuple[float, dict[str, tuple[str, ...]]] = (-KINDS_S, {})

    def get(self, reference: Reference) -> KubernetesObject | None:
        """Ask for one object; raises `DeniedError`, `FailedError`."""
        try:
            resource = self._resource(reference)
            return None if resource is None else self._get(resource, reference)
        except ApiError as error:
            if error.forbidden or error.unauthorised:
                raise DeniedError(f"cluster {self._cluster}: {error}") from error
            raise FailedError(f"cluster {self._cluster}: {error}") from error
        except KubernetesError as error:
            raise FailedError(f"cluster {self._cluster}: {error}") from error

    def _get(self, resource: Resource, reference: Reference) -> KubernetesObject | None:
        path = resource.path_of(quote(reference.namespace, safe=""), quote(reference.name, safe=""))
        pod = (resource.group, resource.kind) == ("", "Pod")
        subject = f"get {resource.name}"
        try:
            answer = self._api.get(path, {}, JSON if pod else METADATA)
        except ApiError as error:
            if error.not_found:
                self._problems.solved(self._cluster, subject)
                return None
            if error.forbidden:
                self._counters.forbidden(self._cluster, "get", resource.name)
                text = f"cluster {self._cluster}: may not get {resource.name}; grant it, see {ACCESS_PAGE}"
                self._problems.report(self._cluster, subject, text)
            raise
        self._problems.solved(self._cluster, subject)
        return read_one(resource, reference.cluster_uid, document(answer))

    def _resource(self, reference: Reference) -> Resource | None:
        """The kind that is meant; of a version that is no more, the one that there is now."""
        versions = self._served_versions().get(reference.group, ())
        for version in sorted(versions, key=lambda one: one != reference.version):
            resource = self._kinds_of(reference.group, version).get(reference.kind)
            if resource is not None:
                return resource
        return None

    def _served_versions(self) -> dict[str, tuple[str, ...]]:
        looked, versions = self._versions
        if time.monotonic() - looked >= KINDS_S:
            versions = group_versions(self._api)
            self._versions = (time.monotonic(), versions)
        return versions

    def _kinds_of(self, group: str, version: str) -> dict[str, Resource]:
        looked, kinds = self._kinds.get((group, version), (-KINDS_S, {}))
        if time.monotonic() - looked >= KINDS_S:
            served = resources_of(self._api, group, version)
            kinds = {one.kind: one for one in reversed(served) if "get" in one.verbs}
            self._kinds[group, version] = (time.monotonic(), kinds)
        return kinds


KINDS_S = 300.0
"""Seconds for which what a cluster said of its kinds is good. There are as many entries as it has API versions."""


async def in_daemon(work: Callable[[], T]) -> T:
    """Run blocking work in a thread that nobody waits for when the process ends, as a pool's would be."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: Exception | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]  # None only where T is None, or an error came

    def run() -> None:
        result, problem = None, None
        try:
            result = work()
        except Exception as error:  # noqa: BLE001  handed to whoever waits
            problem = error
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result, problem)

    threading.Thread(target=run, name="k8s-lookup", daemon=True).start()
    return await done
