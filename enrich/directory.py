"""Everything that is known of the objects of all clusters, in memory.

In: objects, from lists, watches and lookups (`put`, `gone`, `replace`, `learn`). Out: the object with a uid, a pod's
address, a container's id or a name. A deleted object is remembered for a while, since what it sent last, and the
events about its end, come after it. Bounded by a number of objects and by their estimated bytes: where there is no room
the longest deleted go first, then new objects are refused, and both are counted.

Written from watch threads, one writer at a time; read from any thread without a lock: every read is one look into a
dictionary, and an entry is never changed, only replaced.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Protocol

from enrich.compact import MAX_CONTAINERS, Compactor, weight
from enrich.indexes import ClusterIndexes, Entry
from enrich.objects import Container, KubernetesObject

Clock = Callable[[], float]
"""Gives Unix seconds."""


_NOBODY: Mapping[str, Entry] = MappingProxyType({})


class ChangeListener(Protocol):
    """Is told what changed, on the thread of whoever changed it; must not block."""

    def changed(self, known: KubernetesObject, first_seen: float, at: float, *, gone: bool) -> None:
        """`known` is new, is different from before, or is `gone`; times in Unix seconds."""


class Deaf:
    """A listener that listens to nothing."""

    def changed(self, known: KubernetesObject, first_seen: float, at: float, *, gone: bool) -> None:
        """Let it be."""


class Looks(Protocol):
    """What is asked of a directory when telemetry is enriched."""

    def entry(self, uid: str, cluster_uid: str = "") -> Entry | None:
        """See `Directory.entry`."""

    def by_uid(self, uid: str, cluster_uid: str = "") -> KubernetesObject | None:
        """See `Directory.by_uid`."""

    def by_pod_address(self, cluster_uid: str, address: str) -> KubernetesObject | None:
        """See `Directory.by_pod_address`."""

    def by_container(self, container_id: str, cluster_uid: str = "") -> tuple[KubernetesObject, Container] | None:
        """See `Directory.by_container`."""

    def by_name(self, cluster_uid: str, group: str, kind: str, namespace: str, name: str) -> KubernetesObject | None:
        """See `Directory.by_name`."""


@dataclass(frozen=True, slots=True)
class DirectoryLimits:
    """The bounds of the directory, and what it keeps of an object."""

    objects: int = 300_000
    bytes: int = 512 * 1024 * 1024
    """Estimated, see `enrich.compact.weight`."""
    remember_s: float = 3600.0
    """Seconds for which a deleted object is remembered."""
    address_grace_s: float = 60.0
    """Seconds for which the address of a pod that ended still means it, if no other pod has got it."""
    annotations: Collection[str] = ()
    """Keys of the annotations that are kept; all others are dropped."""
    labels: Collection[str] = ()
    """Keys of labels that are kept even of an object with very many."""


@dataclass(frozen=True, slots=True)
class Census:
    """What is in the directory."""

    live: int
    deleted: int
    """Remembered though deleted, or found by a lookup and not watched."""
    bytes: int
    """Estimated."""
    refused: int
    """Times that an object found no room, since the start."""
    forgotten_early: int
    """Deleted objects that had to make room before their time, since the start."""


class Directory:
    """What is known of all clusters' objects."""

    def __init__(
        self,
        limits: DirectoryLimits | None = None,
        listener: ChangeListener | None = None,
        now: Clock = time.time,
    ) -> None:
        self._limits = limits or DirectoryLimits()
        self._listener: ChangeListener = Deaf() if listener is None else listener
        self._now = now
        self._compactor = Compactor(self._limits.annotations, self._limits.labels)
        self._writing = threading.Lock()
        self._clusters: dict[str, ClusterIndexes] = {}
        """Replaced, never changed, since it is walked without a lock."""
        self._fading: OrderedDict[tuple[str, str], float] = OrderedDict()
        """Cluster and uid of what is no longer there, or was only looked up, in the order in which it is forgotten."""
        self._objects = self._bytes = self._refused = self._forgotten_early = 0
        self.changes = 0
        """How often anything changed that can be found here: what was found before is true still if it is the same."""

    def put(self, found: KubernetesObject, at: float | None = None) -> bool:
        """Keep an object that is there now. Gives whether anything about it is new."""
        return self._keep(found, self._now() if at is None else at, watched=True)

    def learn(self, found: KubernetesObject, at: float | None = None) -> bool:
        """Keep what a lookup found; a watch that knows the object knows it better. Gives whether anything is new.

        Nobody will say when it is deleted, so it is forgotten like a deleted object, unless it is learnt again.
        """
        return self._keep(found, self._now() if at is None else at, watched=False)

    def gone(self, cluster_uid: str, uid: str, at: float | None = None) -> None:
        """Note that an object was deleted at `at`, in Unix seconds. One that is not known is no news."""
        at = self._now() if at is None else at
        with self._writing:
            entry = self._end(cluster_uid, uid, at)
            self._forget(at)
        if entry is not None:
            self._listener.changed(entry.known, entry.first_seen, at, gone=True)

    def replace(
        self, cluster_uid: str, group: str, kind: str, objects: Iterable[KubernetesObject], at: float | None = None
    ) -> None:
        """Take a whole list of one kind: what is not in it is gone.

        `objects` may come page by page; where it raises, nothing is declared gone.
        """
        at = self._now() if at is None else at
        with self._writing:
            missing = self._indexes(cluster_uid).live(group, kind)
        for found in objects:
            if (found.cluster_uid, found.group, found.kind) != (cluster_uid, group, kind):
                raise ValueError(f"{found.kind} {found.name} does not belong into a list of {kind}")
            self.put(found, at)
            missing.discard(found.uid)
        for uid in missing:
            self.gone(cluster_uid, uid, at)

    def by_uid(self, uid: str, cluster_uid: str = "") -> KubernetesObject | None:
        """Give the object with this uid; without a cluster, of whichever cluster it is (uids are unique everywhere)."""
        entry = self.entry(uid, cluster_uid)
        return None if entry is None else entry.known

    def entry(self, uid: str, cluster_uid: str = "") -> Entry | None:
        """Give the same with its times."""
        if cluster_uid:
            indexes = self._clusters.get(cluster_uid)
            return None if indexes is None else indexes.entries.get(uid)
        found = (indexes.entries.get(uid) for indexes in self._clusters.values())
        return next((entry for entry in found if entry is not None), None)

    def finder(self, cluster_uid: str = "") -> Callable[[str], Entry | None]:
        """Give what gives the same for many uids; a cluster that nobody knows yet stays unknown to it."""
        if not cluster_uid:
            return self.entry
        indexes = self._clusters.get(cluster_uid)
        return _NOBODY.get if indexes is None else indexes.entries.get

    def by_pod_address(self, cluster_uid: str, address: str) -> KubernetesObject | None:
        """Give the newest running pod with this IP address; of those that ended lately, the last.

        A cluster has to be given: different clusters use the same addresses. Pods in the network of their node are not
        found, since many share its address.
        """
        indexes = self._clusters.get(cluster_uid)
        if indexes is None:
            return None
        entry = indexes.by_address(address, self._now() - self._limits.address_grace_s)
        return None if entry is None else entry.known

    def by_container(self, container_id: str, cluster_uid: str = "") -> tuple[KubernetesObject, Container] | None:
        """Give the pod, and the container of it that has or had this id."""
        every = self._clusters
        for indexes in [every[cluster_uid]] if cluster_uid in every else () if cluster_uid else every.values():
            entry = indexes.by_container(container_id)
            if entry is not None:
                container = next((one for one in entry.known.containers if one.container_id == container_id), None)
                return None if container is None else (entry.known, container)
        return None

    def by_name(self, cluster_uid: str, group: str, kind: str, namespace: str, name: str) -> KubernetesObject | None:
        """Give the object that has this name, or had it last."""
        indexes = self._clusters.get(cluster_uid)
        entry = None if indexes is None else indexes.by_name(group, kind, namespace, name)
        return None if entry is None else entry.known

    def below(self, cluster_uid: str, uid: str, most: int) -> list[Entry]:
        """Give up to `most` objects that are owned by this one, by what it owns, and so on; the nearest first."""
        indexes = self._clusters.get(cluster_uid)
        found: dict[str, Entry] = {}
        level = [uid]
        while indexes is not None and level:
            level = [one for owner in level for one in indexes.owned_by(owner) if one not in found and one != uid]
            for one in level:
                entry = indexes.entries.get(one)
                if len(found) >= most:
                    return list(found.values())
                if entry is not None:
                    found[one] = entry
        return list(found.values())

    def everything(self) -> Iterator[Entry]:
        """Give all that is there, deleted objects left out; what comes meanwhile may be missing."""
        for indexes in self._clusters.values():
            yield from (entry for entry in tuple(indexes.entries.values()) if not entry.gone_at)

    def census(self) -> Census:
        """Count what is there."""
        fading = len(self._fading)
        return Census(self._objects - fading, fading, self._bytes, self._refused, self._forgotten_early)

    def _keep(self, found: KubernetesObject, at: float, *, watched: bool) -> bool:
        if not (found.cluster_uid and found.uid):
            raise ValueError(f"{found.kind} {found.namespace}/{found.name} has no uid, or no cluster")
        known = self._compactor.compact(found)
        with self._writing:
            self._forget(at)
            indexes = self._indexes(known.cluster_uid)
            before = indexes.entries.get(known.uid)
            if before is not None and before.watched and not watched:
                return False
            entry = _next_entry(known, before, at, watched=watched)
            if not self._make_room(entry, before):
                return False
            ended = self._place(indexes, entry, before, at)
        if ended is not None:
            self._listener.changed(ended.known, ended.first_seen, at, gone=True)
        news = before is None or before.known != entry.known or (watched and before.gone_at > 0)
        if news:
            self._listener.changed(entry.known, entry.first_seen, at, gone=False)
        return news

    def _place(self, indexes: ClusterIndexes, entry: Entry, before: Entry | None, at: float) -> Entry | None:
        """Put an entry in every place; gives the one whose name it took, which must have been deleted unseen."""
        known = entry.known
        namesake = indexes.by_name(known.group, known.kind, known.namespace, known.name)
        indexes.add(entry, before)
        self.changes += entry is not before
        key = (known.cluster_uid, known.uid)
        self._bytes += entry.weight - (before.weight if before else 0)
        self._objects += before is None
        self._fading.pop(key, None)
        if not entry.watched:
            self._fading[key] = at
        if namesake is None or namesake.known.uid == known.uid or not entry.watched:
            return None
        return self._end(known.cluster_uid, namesake.known.uid, at)

    def _end(self, cluster_uid: str, uid: str, at: float) -> Entry | None:
        """Let an object be gone; gives it if it was there until now."""
        indexes = self._clusters.get(cluster_uid)
        entry = None if indexes is None else indexes.entries.get(uid)
        if indexes is None or entry is None or entry.gone_at:
            return None
        # Whoever knows that it is gone is a watch, and knows it better than a lookup whose answer comes late.
        ended = replace(entry, gone_at=at, ended_at=entry.ended_at or at, watched=True)
        indexes.entries[uid] = ended
        self.changes += 1
        self._fading[cluster_uid, uid] = at
        self._fading.move_to_end((cluster_uid, uid))
        return ended

    def _indexes(self, cluster_uid: str) -> ClusterIndexes:
        if cluster_uid not in self._clusters:
            self._clusters = {**self._clusters, cluster_uid: ClusterIndexes()}
        return self._clusters[cluster_uid]

    def _make_room(self, entry: Entry, before: Entry | None) -> bool:
        if before is not None:
            return True  # it has its place, and its size is bounded
        limits = self._limits
        while self._objects >= limits.objects or self._bytes + entry.weight > limits.bytes:
            if not self._fading:
                self._refused += 1
                return False
            self._forgotten_early += 1
            self._drop_oldest()
        return True

    def _forget(self, now: float) -> None:
        before = now - self._limits.remember_s
        while self._fading and next(iter(self._fading.values())) < before:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        (cluster_uid, uid), _ = self._fading.popitem(last=False)
        entry = self._clusters[cluster_uid].remove(uid)
        self.changes += 1
        self._bytes -= entry.weight
        self._objects -= 1


def _next_entry(known: KubernetesObject, before: Entry | None, at: float, *, watched: bool) -> Entry:
    if before is None:
        return Entry(known, weight(known), at, gone_at=0.0, ended_at=at if known.finished else 0.0, watched=watched)
    known = replace(known, containers=_with_earlier(known.containers, before.known.containers))
    if known == before.known and before.live and watched:
        return before
    ended_at = (before.ended_at or at) if known.finished else 0.0
    return Entry(known, weight(known), before.first_seen, gone_at=0.0, ended_at=ended_at, watched=watched)


def _with_earlier(now: tuple[Container, ...], before: tuple[Container, ...]) -> tuple[Container, ...]:
    """A container that was started again has a new id; the last words of the one before still carry the old one."""
    ids = {one.container_id for one in now} | {""}
    earlier = tuple(one for one in before if one.container_id not in ids)
    return (*now, *earlier)[:MAX_CONTAINERS] if earlier else now
