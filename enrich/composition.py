"""Which Krateo composition an object belongs to: its label, then its owners', then its own uid if it is one itself.

In: an object of the directory. Out: a `Finding`. Owners are walked by `metadata.ownerReferences`, the controller first,
to a bounded depth. An owner that is not known is named, so that it can be looked up; where it is a composition by its
group, its uid stands in the reference already. Refuses cycles, which Kubernetes does not.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from enrich.directory import Looks
from enrich.indexes import Entry
from enrich.objects import KubernetesObject, Owner, Reference, owner_reference


class Source(StrEnum):
    """Where a composition id was found."""

    NONE = "none"
    """Nowhere: everything was looked at, and the object belongs to no composition."""
    ATTRIBUTE = "attribute"
    """The record or the resource said so itself."""
    POD_LABEL = "pod_label_attribute"
    LABEL = "label"
    OWNER_LABEL = "owner_label"
    UID = "uid"
    OWNER_UID = "owner_uid"


@dataclass(slots=True)
class Finding:
    """What came of a walk. Not changed once it is given out."""

    composition_id: str = ""
    source: Source = Source.NONE
    missing: tuple[Reference, ...] = ()
    """Objects that were not known, and may say something else."""
    unwatched: tuple[Reference, ...] = ()
    """Owners that only a lookup brought, which may have changed since."""
    cycle: bool = False
    cut: bool = False
    """There were more owners than may be walked."""


@dataclass(slots=True)
class Straight:
    """What came of a walk along single owners. Not changed once it is given out."""

    finding: Finding
    owners: list[Entry]
    """Those that were passed: as long as they are the same, so is the finding."""


@dataclass(slots=True)
class _Walk:
    path: list[str] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)
    """Uid -> how far from the beginning it was met; met nearer, it is walked again: from there one sees more."""
    missing: dict[Reference, None] = field(default_factory=dict)
    unwatched: dict[Reference, None] = field(default_factory=dict)
    guess: str = ""
    """The uid of an unknown owner that is a composition by its group."""
    cycle: bool = False
    cut: bool = False


class Compositions:
    """Finds the composition of objects."""

    def __init__(self, directory: Looks, label: str, groups: Collection[str], depth: int) -> None:
        self._directory = directory
        self.label = label
        """The key of the label that holds the id."""
        self._groups = frozenset(groups)
        self._depth = depth

    def of(self, known: KubernetesObject) -> Finding:
        """Find the composition of an object."""
        straight = self.straight(known)
        if straight is not None:
            return straight.finding
        walk = _Walk()
        composition_id, source = self._of(known, walk)
        if not composition_id and walk.guess:
            composition_id, source = walk.guess, Source.OWNER_UID
        # What is certain is not worth waiting for the rest.
        missing = () if composition_id and not walk.guess else tuple(walk.missing)
        return Finding(composition_id, source, missing, tuple(walk.unwatched), walk.cycle, walk.cut)

    def straight(self, known: KubernetesObject) -> Straight | None:
        """The same for an object that has one owner at most, as its owner has, and all of them watched.

        Those are nearly all, and events by the thousand ask for them. None where it takes a walk.
        """
        passed: list[Entry] = []
        reached = known
        for depth in range(self._depth + 1):
            if label := reached.labels.get(self.label):
                return Straight(Finding(label, Source.OWNER_LABEL if depth else Source.LABEL), passed)
            if len(reached.owners) != 1:
                return None if reached.owners else Straight(self._topmost(known, passed), passed)
            entry = self._directory.entry(reached.owners[0].uid, reached.cluster_uid)
            if entry is None or not entry.watched:
                return None
            passed.append(entry)
            reached = entry.known
        return None

    def _topmost(self, known: KubernetesObject, owners: Sequence[Entry]) -> Finding:
        """The last of an object and its owners that is a composition itself."""
        for owner in reversed(owners):
            if owner.known.group in self._groups:
                return Finding(owner.known.uid, Source.OWNER_UID)
        return Finding(known.uid, Source.UID) if known.group in self._groups else Finding()

    def of_unknown(self, reference: Reference) -> Finding:
        """Say what a reference alone tells: the uid, if the group is one of compositions."""
        if reference.group in self._groups and reference.uid:
            return Finding(reference.uid, Source.UID, (reference,))
        return Finding(missing=(reference,))

    def id_of(self, known: KubernetesObject) -> str:
        """Give the id alone."""
        return self.of(known).composition_id

    def _of(self, known: KubernetesObject, walk: _Walk) -> tuple[str, Source]:
        depth = len(walk.path)
        if label := known.labels.get(self.label):
            return label, Source.OWNER_LABEL if depth else Source.LABEL
        walk.path.append(known.uid)
        walk.seen[known.uid] = depth
        found = self._of_owners(known, walk)
        walk.path.pop()
        if found[0] or known.group not in self._groups:
            return found
        return known.uid, Source.OWNER_UID if depth else Source.UID

    def _of_owners(self, known: KubernetesObject, walk: _Walk) -> tuple[str, Source]:
        if len(walk.path) > self._depth:
            walk.cut = walk.cut or bool(known.owners)
            return "", Source.NONE
        for owner in sorted(known.owners, key=_controller_first) if len(known.owners) > 1 else known.owners:
            if walk.seen.get(owner.uid, self._depth + 1) <= len(walk.path):
                walk.cycle = walk.cycle or owner.uid in walk.path
                continue
            entry = self._directory.entry(owner.uid, known.cluster_uid)
            if entry is None:
                self._note_missing(known, owner, walk)
                continue
            if not entry.watched:
                walk.unwatched[owner_reference(known, owner)] = None
            found = self._of(entry.known, walk)
            if found[0]:
                return found
        return "", Source.NONE

    def _note_missing(self, owned: KubernetesObject, owner: Owner, walk: _Walk) -> None:
        walk.missing[owner_reference(owned, owner)] = None
        if owner.group in self._groups and not walk.guess:
            walk.guess = owner.uid


def _controller_first(owner: Owner) -> bool:
    return not owner.controller
