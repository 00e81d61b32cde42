"""What was seen, on its way to a table: identity that is found after a request went on still counts there.

In: changes of the directory. Out: `Sighting`s, taken in portions and given to a `Recorder` (which writes
otel_k8s_objects). Several changes of one object before it is taken are one sighting, its last state. What an object
belongs to is looked up when it is taken; when an owner changes, or is heard of at last, all that it owns is offered
again. Bounded: where there is no room, the object is dropped and counted; its next change brings it again.
Written from watch threads, taken from any thread.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from enrich.indexes import Entry
from enrich.objects import KubernetesObject

MOST_BELOW = 10_000
"""Objects that are offered again for one change of what owns them."""


@dataclass(frozen=True, slots=True)
class Belonging:
    """Whose an object is, as far as is known."""

    composition_id: str = ""
    cluster_name: str = ""
    workload_kind: str = ""
    """Of the workload at the top of its owners."""
    workload_name: str = ""


@dataclass(frozen=True, slots=True)
class Sighting:
    """An object as it was last seen, and whose it is."""

    known: KubernetesObject
    first_seen: float
    """Unix seconds: when this house first saw it; `known.created` is what Kubernetes says."""
    last_seen: float
    gone: bool
    """It was deleted, at `last_seen` or shortly before."""
    belonging: Belonging = Belonging()


class Recorder(Protocol):
    """Writes sightings to where they are kept."""

    async def record(self, sightings: Sequence[Sighting]) -> None:
        """Store them; whatever it raises, the same sightings are offered again later."""


class Surroundings(Protocol):
    """Knows what objects belong to, and what belongs to them."""

    def belonging(self, known: KubernetesObject) -> Belonging:
        """Whose an object is, from memory."""

    def below(self, known: KubernetesObject, most: int) -> Iterable[Entry]:
        """Up to `most` objects that it owns, directly or not."""


class Alone:
    """Surroundings where nothing belongs to anything."""

    def belonging(self, _known: KubernetesObject) -> Belonging:
        """Nobody's."""
        return Belonging()

    def below(self, _known: KubernetesObject, _most: int) -> Iterable[Entry]:
        """Nothing."""
        return ()


Key = tuple[str, str]
"""Uid of the cluster, and of the object."""


class Sightings:
    """A directory's `ChangeListener` that keeps what changed until it is taken."""

    def __init__(self, limit: int = 100_000) -> None:
        """`limit`: objects that may wait at once."""
        self.surroundings: Surroundings = Alone()
        self._limit = limit
        self._waiting: dict[Key, Sighting] = {}
        self._lock = threading.Lock()
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """Changes that found no room, since the start."""
        return self._dropped

    @property
    def waiting(self) -> int:
        """Objects that wait to be taken."""
        return len(self._waiting)

    def changed(self, known: KubernetesObject, first_seen: float, at: float, *, gone: bool) -> None:
        """Keep it; see `directory.ChangeListener`."""
        self._offer(Sighting(known, first_seen, at, gone), newer=True)
        if not gone:
            self.offer(self.surroundings.below(known, MOST_BELOW), at)

    def offer(self, entries: Iterable[Entry], at: float) -> None:
        """Offer objects that did not change themselves; `at` in Unix seconds."""
        for entry in entries:
            last = entry.gone_at or at
            self._offer(Sighting(entry.known, entry.first_seen, last, bool(entry.gone_at)), newer=False)

    def take(self, most: int) -> list[Sighting]:
        """Give up to `most` that wait, the longest waiting first, each with what it belongs to by now."""
        with self._lock:
            keys = [key for key, _ in zip(self._waiting, range(most), strict=False)]
            taken = [self._waiting.pop(key) for key in keys]
        return [replace(one, belonging=self.surroundings.belonging(one.known)) for one in taken]

    def give_back(self, sightings: Sequence[Sighting]) -> None:
        """Take back what could not be written; what changed meanwhile is newer."""
        for one in sightings:
            self._offer(one, newer=False)

    def _offer(self, sighting: Sighting, *, newer: bool) -> None:
        key = (sighting.known.cluster_uid, sighting.known.uid)
        with self._lock:
            if key in self._waiting:
                if newer:
                    self._waiting[key] = sighting
            elif len(self._waiting) < self._limit:
                self._waiting[key] = sighting
            else:
                self._dropped += 1


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Surroundings made of what the rest of the room knows."""

    composition_of: Callable[[KubernetesObject], str]
    workload_of: Callable[[KubernetesObject], tuple[str, str]]
    cluster_name_of: Callable[[str], str]
    below_of: Callable[[str, str, int], Iterable[Entry]]

    def belonging(self, known: KubernetesObject) -> Belonging:
        """Whose an object is."""
        return Belonging(self.composition_of(known), self.cluster_name_of(known.cluster_uid), *self.workload_of(known))

    def below(self, known: KubernetesObject, most: int) -> Iterable[Entry]:
        """What it owns."""
        return self.below_of(known.cluster_uid, known.uid, most)
