"""Resources that came before: the same attributes mean the same, as long as the same objects are behind them.

In: a resource message, and who sent it. Out: what `enrich.resources` finds out about it, from memory where the
directory has not changed, or else where every look into it would still find the same: a few steps into dictionaries,
where finding out anew is fifty. What still waits for a lookup is not remembered. Bounded by number and size: the
longest remembered make room. Refuses nothing. Used on one thread.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from enrich import attributes
from enrich.attributes import Have, Message
from enrich.clusters import Clusters
from enrich.directory import Directory
from enrich.indexes import Entry
from enrich.objects import Container, KubernetesObject
from enrich.resources import Origin, Resolution, Resources, Why

R = TypeVar("R")

MOST = 8_192
"""Resources remembered, some 5 KB each."""
LARGEST = 4_096
"""Bytes of attributes of one that is remembered."""

_Look = tuple[Callable[..., Any], tuple[str, ...], Any]
"""A look into the directory, and what it found."""


class TracedDirectory:
    """A directory that notes every look, so that what came of it can be told to be still true."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self.looks: dict[tuple[object, tuple[str, ...]], _Look] = {}
        """Each once, however often the same is looked at."""
        self.is_timed = False
        """Whether one is good for a time only, whatever changes."""

    @property
    def changes(self) -> int:
        """See `Directory.changes`."""
        return self._directory.changes

    def begin(self) -> None:
        """Forget all looks."""
        self.looks = {}
        self.is_timed = False

    def entry(self, uid: str, cluster_uid: str = "") -> Entry | None:
        """See `Directory.entry`."""
        return self._look(self._directory.entry, uid, cluster_uid)

    def by_uid(self, uid: str, cluster_uid: str = "") -> KubernetesObject | None:
        """See `Directory.by_uid`."""
        entry = self.entry(uid, cluster_uid)
        return None if entry is None else entry.known

    def by_pod_address(self, cluster_uid: str, address: str) -> KubernetesObject | None:
        """See `Directory.by_pod_address`."""
        self.is_timed = True
        return self._look(self._directory.by_pod_address, cluster_uid, address)

    def by_container(self, container_id: str, cluster_uid: str = "") -> tuple[KubernetesObject, Container] | None:
        """See `Directory.by_container`."""
        return self._look(self._directory.by_container, container_id, cluster_uid)

    def by_name(self, cluster_uid: str, group: str, kind: str, namespace: str, name: str) -> KubernetesObject | None:
        """See `Directory.by_name`."""
        return self._look(self._directory.by_name, cluster_uid, group, kind, namespace, name)

    def _look(self, look: Callable[..., R], *given: str) -> R:
        found = look(*given)
        self.looks[look, given] = (look, given, found)
        return found


_NEVER = -1
"""No number of changes."""


@dataclass(slots=True)
class Remembered:
    """What came of a resource. Nothing of it but `changes` is changed once it is made."""

    have: Have
    resolution: Resolution
    extra: bytes
    """All additions as a serialized Resource, which protobuf merges at once; empty where that would double a key."""
    looks: tuple[_Look, ...] = ()
    is_timed: bool = False
    """Whether a pod's address was looked for, which is good for a time."""
    clusters: object = None
    """What was known of the clusters: the same object as long as nothing changed."""
    changes: int = _NEVER
    """Of the directory, when the looks were true last; unless the hour decides about one as well."""

    def is_true(self, changes: int) -> bool:
        """Whether every look finds the same still, in a directory of so many changes."""
        if self.changes != changes:
            for ask, given, found in self.looks:
                again = ask(*given)
                if again is not found and again != found:
                    return False
            self.changes = _NEVER if self.is_timed else changes
        return True


class ResourceMemory:
    """Resolves resources, or remembers what came of it."""

    def __init__(self, resources: Resources, directory: TracedDirectory, clusters: Clusters) -> None:
        """`directory`: the one that `resources` looks into."""
        self._resources = resources
        self._directory = directory
        self._clusters = clusters
        self._known: dict[tuple[bytes, tuple[str, str, str]], Remembered] = {}
        self.hits = self.misses = 0
        """Resources of which it was remembered, and of which it was not."""

    @property
    def entries(self) -> int:
        """How many are remembered."""
        return len(self._known)

    def resolve(self, message: Message, origin: Origin, why: Why) -> Remembered:
        """Say what is known of the resource of `message`."""
        resource = message.resource
        # Partial: nested values are no text yet, and cannot be serialized otherwise.
        key = (resource.SerializePartialToString(), self._resources.relevant(origin))
        known = self._known.get(key)
        if known is not None and known.clusters is self._clusters.state and known.is_true(self._directory.changes):
            self.hits += 1
            return known
        self.misses += 1
        known = self._resolve(resource, origin, why)
        if len(key[0]) <= LARGEST and not known.resolution.missing and not known.resolution.refresh:
            self._known.pop(key, None)
            if len(self._known) >= MOST:
                del self._known[next(iter(self._known))]
            self._known[key] = known
        return known

    def prove(self, known: Remembered, origin: Origin, cluster_uid: str) -> Resolution:
        """See `Resources.prove`."""
        return self._resources.prove(known.have, origin, known.resolution, cluster_uid)

    def _resolve(self, resource: Message, origin: Origin, why: Why) -> Remembered:
        have = attributes.read(resource.attributes)
        clusters = self._clusters.state
        self._directory.begin()
        resolution = self._resources.resolve(have, origin, why)
        looks, is_timed = tuple(self._directory.looks.values()), self._directory.is_timed
        self._directory.begin()
        return Remembered(have, resolution, _serialized(resource, resolution, have), looks, is_timed, clusters)


def _serialized(resource: Message, resolution: Resolution, have: Have) -> bytes:
    if resolution.replacements or any(key in have for key, _ in resolution.additions):
        return b""
    extra = type(resource)()
    attributes.add(extra.attributes, resolution.additions, {})
    return bytes(extra.SerializeToString())
