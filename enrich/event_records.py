"""One event record: which composition the object belongs to that it is about. Looks into memory alone.

In: events, and what is known of their resource. Out: an `EventResolution` for each: the id, what to count, and which
objects were not known and might say more. What was said of an object is remembered as long as it and its owners are the
same. Refuses nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from enrich import attributes as names
from enrich.attributes import Addition, Have
from enrich.cluster_identity import ClusterIdentity
from enrich.composition import Compositions, Source
from enrich.counters import FOUND, MISMATCH, UNKNOWN, Note
from enrich.directory import Directory
from enrich.events import EventRecord, Involved
from enrich.indexes import Entry
from enrich.objects import Reference
from enrich.resources import Resolution, Why, notes_of

Find = Callable[[str], Entry | None]

WHAT = "event_composition"
MOST = 8_192
"""Objects of which is remembered what their events say; a full memory is emptied."""
_NEVER = -1
"""No number of changes."""


@dataclass(slots=True)
class EventResolution:
    """What is known of one event record. Not changed once it is given out."""

    composition_id: str = ""
    additions: tuple[Addition, ...] = ()
    """What is written on the record."""
    missing: tuple[Reference, ...] = ()
    refresh: tuple[Reference, ...] = ()
    notes: tuple[Note, ...] = ()
    cluster_uid: str = ""
    """The cluster that the object is in, if it was found."""
    own: Have = field(default_factory=dict)
    """The record's attributes, if the composition is among them."""
    written: bytes = b""
    """The additions as a serialized log record, where that is known already."""


@dataclass(slots=True)
class _Kept:
    """What was said of an object."""

    entry: Entry
    within: str
    """The cluster that it was looked for in, or empty for any."""
    changes: int
    """Of the directory, when it was true last."""
    resolution: EventResolution
    looks: Sequence[tuple[Find, str, Entry]]
    """Where the object and those that own it were found, and by which uid."""

    def is_true(self, changes: int) -> bool:
        """Whether all are the same still, in a directory of so many changes."""
        if self.changes != changes:
            for find, uid, entry in self.looks:
                if find(uid) is not entry:
                    return False
            self.changes = changes
        return True


@dataclass(slots=True)
class _Asked:
    """What all events of one resource have in common."""

    resource: Resolution
    within: str
    """The cluster whose objects may be found, or empty for any."""
    find: Find
    """Finds an object there by its uid."""
    changes: int
    """Of the directory, before anything was looked for."""
    why: Why
    said: EventResolution | None
    """What the resource says of all its events that do not say it themselves."""

    @property
    def is_guarded(self) -> bool:
        """Whether what is found may be of a cluster that the sender may know nothing of."""
        return self.resource.is_bound and not self.within


class Events:
    """Resolves event records. Each step on what it remembers is one of the interpreter's: threads need no lock."""

    def __init__(self, directory: Directory, identity: ClusterIdentity, compositions: Compositions, label: str) -> None:
        """`label`: the key of the composition's label, which may also be that of an attribute."""
        self._directory = directory
        self._identity = identity
        self._compositions = compositions
        key = label.encode()
        self._own_ids = (
            (names.EVENT_COMPOSITION_ID, Source.ATTRIBUTE),
            (names.COMPOSITION_ID, Source.ATTRIBUTE),
            (key, Source.ATTRIBUTE),
            (names.POD_LABELS + key, Source.POD_LABEL),
            (names.POD_LABEL + key, Source.POD_LABEL),
        )
        self._own_keys = frozenset(key for key, _ in self._own_ids)
        self._words = [key for key in self._own_keys if not any(other in key for other in self._own_keys - {key})]
        """One of them stands in each of the keys."""
        self._remembered: dict[str, _Kept] = {}
        """By the object's uid."""

    def may_say(self, body: bytes) -> bool:
        """Whether any event of a request with this body may say itself which composition it belongs to."""
        return any(word in body for word in self._words)

    def resolve(
        self, events: Iterable[EventRecord], resource: Resolution, why: Why, *, self_telling: bool = True
    ) -> list[EventResolution]:
        """Say what was known of events of one resource, which was resolved, when this began.

        `self_telling`: they may say themselves which composition they belong to.
        """
        within = resource.cluster.uid if resource.is_certain else ""
        said = None
        if resource.composition_id:
            said = self._said(resource.composition_id.encode(), Source.ATTRIBUTE, names.NOTHING)
        find, changes = self._directory.finder(within), self._directory.changes
        asked = _Asked(resource, within, find, changes, why, said)
        if not self_telling:
            return [self._resolve(event, names.NOTHING, asked) for event in events]
        read, keys = names.read_if_any, self._own_keys
        return [self._resolve(event, read(event.record.attributes, keys), asked) for event in events]

    def _resolve(self, event: EventRecord, own: Have, asked: _Asked) -> EventResolution:
        if own or asked.said is not None:
            said = self._said_itself(own, asked)
            if said is not None:
                return said
        uid = event.involved.api_uid
        kept = None if own or asked.is_guarded else self._remembered.get(uid)
        if kept is not None and kept.within == asked.within and kept.is_true(asked.changes):
            return kept.resolution
        entry = asked.find(uid) if uid else self._named(event.involved, asked.resource.cluster.uid)
        return self._looked_up(event, own, asked, entry)

    def _looked_up(self, event: EventRecord, own: Have, asked: _Asked, entry: Entry | None) -> EventResolution:
        resource = asked.resource
        if entry is None:
            return self._unknown(event.involved.reference(resource.cluster.uid), asked, own)
        if asked.is_guarded and self._foreign(entry, resource):
            return EventResolution(notes=((MISMATCH, "cluster"), (UNKNOWN, WHAT, "other_cluster")))
        if entry.watched and not own and (found := self._straight(entry, event, asked)) is not None:
            return found
        return self._walked(entry, event, own, asked)

    def _said_itself(self, own: Have, asked: _Asked) -> EventResolution | None:
        """Take the word of the record, or else of its resource."""
        for key, source in self._own_ids if own else ():
            if own.get(key):
                return self._said(own[key], source, own)
        if own and asked.said is not None:
            return self._said(asked.said.composition_id.encode(), Source.ATTRIBUTE, own)
        return asked.said

    def _walked(self, entry: Entry, event: EventRecord, own: Have, asked: _Asked) -> EventResolution:
        finding = self._compositions.of(entry.known)
        refresh = finding.unwatched
        if not entry.watched:
            refresh = (*refresh, event.involved.reference(asked.resource.cluster.uid))
        return EventResolution(
            finding.composition_id,
            self._additions(finding.composition_id.encode(), own),
            finding.missing,
            refresh,
            tuple(notes_of(finding, WHAT, asked.why)),
            entry.known.cluster_uid,
            own,
        )

    def _straight(self, entry: Entry, event: EventRecord, asked: _Asked) -> EventResolution | None:
        """What is said of an object of single owners, of which there may be a thousand events."""
        kept = self._remembered.get(entry.known.uid)
        if kept is not None and kept.entry is entry and kept.is_true(asked.changes):
            return kept.resolution
        straight = self._compositions.straight(entry.known)
        if straight is None:
            return None
        finding = straight.finding
        additions = self._additions(finding.composition_id.encode(), names.NOTHING)
        resolution = EventResolution(
            finding.composition_id,
            additions,
            notes=((FOUND, WHAT, finding.source.value),),
            cluster_uid=entry.known.cluster_uid,
            written=names.written(type(event.record), additions),
        )
        self._remember(entry, straight.owners, resolution, asked)
        return resolution

    def _remember(self, entry: Entry, owners: Sequence[Entry], resolution: EventResolution, asked: _Asked) -> None:
        find = self._directory.finder(entry.known.cluster_uid)
        looks = ((asked.find, entry.known.uid, entry), *((find, owner.known.uid, owner) for owner in owners))
        if len(self._remembered) >= MOST:
            self._remembered.clear()
        # Not true as of any change yet: it was looked for by another path.
        self._remembered[entry.known.uid] = _Kept(entry, asked.within, _NEVER, resolution, looks)

    def _named(self, involved: Involved, cluster_uid: str) -> Entry | None:
        if not cluster_uid:
            return None
        reference = involved.reference(cluster_uid)
        named = (reference.group, reference.kind, reference.namespace, reference.name)
        known = self._directory.by_name(reference.cluster_uid, *named)
        return None if known is None else self._directory.entry(known.uid, known.cluster_uid)

    def _foreign(self, entry: Entry, resource: Resolution) -> bool:
        return self._identity.named(entry.known.cluster_uid).contradicts(resource.cluster)

    def _unknown(self, reference: Reference, asked: _Asked, own: Have) -> EventResolution:
        notes: list[Note] = []
        if asked.within and reference.uid and self._directory.entry(reference.uid) is not None:
            notes.append((MISMATCH, "cluster"))
        finding = self._compositions.of_unknown(reference)
        if not reference.cluster_uid and not finding.composition_id:
            return EventResolution(notes=(*notes, (UNKNOWN, WHAT, "cluster_unknown")))
        return EventResolution(
            finding.composition_id,
            self._additions(finding.composition_id.encode(), own),
            finding.missing if reference.cluster_uid else (),
            notes=(*notes, *notes_of(finding, WHAT, asked.why)),
            own=own,
        )

    def _said(self, composition_id: bytes, source: Source, own: Have) -> EventResolution:
        """Take the word of the record or its resource."""
        additions = self._additions(composition_id, own)
        text = composition_id.decode("utf-8", "replace")
        return EventResolution(text, additions, notes=((FOUND, WHAT, source.value),), own=own)

    def _additions(self, composition_id: bytes, own: Have) -> tuple[Addition, ...]:
        if not composition_id or own.get(names.EVENT_COMPOSITION_ID):
            return ()
        return ((names.EVENT_COMPOSITION_ID, composition_id),)
