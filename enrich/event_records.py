"""One event record: which composition the object belongs to that it is about. Looks into memory alone.

In: an event, and what is known of its resource. Out: an `EventResolution`: the id, what to count, and which objects
were not known and might say more. What was said of an object is remembered as long as it and its owners are the same.
Refuses nothing.
"""

from collections.abc import Sequence
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

WHAT = "event_composition"
MOST = 8_192
"""Objects of which is remembered what their events say; a full memory is emptied."""


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


@dataclass(slots=True)
class _Kept:
    """What was said of an object."""

    entry: Entry
    owners: Sequence[Entry]
    resolution: EventResolution


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
        self._remembered: dict[tuple[str, str], _Kept] = {}

    def resolve(self, event: EventRecord, resource: Resolution, why: Why) -> EventResolution:
        """Say what is known of an event whose resource was resolved."""
        own = names.read_if_any(event.record.attributes, self._own_keys)
        for key, source in self._own_ids if own else ():
            if own.get(key):
                return self._said(own[key], source, own)
        if resource.composition_id:
            return self._said(resource.composition_id.encode(), Source.ATTRIBUTE, own)
        within = resource.cluster.uid if resource.is_certain else ""
        entry = self._entry(event.involved, resource.cluster.uid, within)
        if entry is not None and resource.is_bound and self._foreign(entry, resource):
            return EventResolution(notes=((MISMATCH, "cluster"), (UNKNOWN, WHAT, "other_cluster")))
        if entry is None:
            return self._unknown(event.involved.reference(resource.cluster.uid), within, own, why)
        if entry.watched and not own and (found := self._straight(entry)) is not None:
            return found
        finding = self._compositions.of(entry.known)
        refresh = finding.unwatched
        if not entry.watched:
            refresh = (*refresh, event.involved.reference(resource.cluster.uid))
        return EventResolution(
            finding.composition_id,
            self._additions(finding.composition_id.encode(), own),
            finding.missing,
            refresh,
            tuple(notes_of(finding, WHAT, why)),
            entry.known.cluster_uid,
            own,
        )

    def _straight(self, entry: Entry) -> EventResolution | None:
        """What is said of an object of single owners, of which there may be a thousand events."""
        key = (entry.known.cluster_uid, entry.known.uid)
        kept = self._remembered.get(key)
        if kept is not None and kept.entry is entry and all(map(self._is_same, kept.owners)):
            return kept.resolution
        straight = self._compositions.straight(entry.known)
        if straight is None:
            return None
        finding = straight.finding
        resolution = EventResolution(
            finding.composition_id,
            self._additions(finding.composition_id.encode(), {}),
            notes=((FOUND, WHAT, finding.source.value),),
            cluster_uid=entry.known.cluster_uid,
        )
        if len(self._remembered) >= MOST:
            self._remembered.clear()
        self._remembered[key] = _Kept(entry, straight.owners, resolution)
        return resolution

    def _is_same(self, owner: Entry) -> bool:
        return self._directory.entry(owner.known.uid, owner.known.cluster_uid) is owner

    def _entry(self, involved: Involved, cluster_uid: str, within: str) -> Entry | None:
        if uid := involved.api_uid:
            return self._directory.entry(uid, within)
        if not cluster_uid:
            return None
        reference = involved.reference(cluster_uid)
        named = (reference.group, reference.kind, reference.namespace, reference.name)
        known = self._directory.by_name(reference.cluster_uid, *named)
        return None if known is None else self._directory.entry(known.uid, known.cluster_uid)

    def _foreign(self, entry: Entry, resource: Resolution) -> bool:
        return self._identity.named(entry.known.cluster_uid).contradicts(resource.cluster)

    def _unknown(self, reference: Reference, within: str, own: Have, why: Why) -> EventResolution:
        notes: list[Note] = []
        if within and reference.uid and self._directory.entry(reference.uid) is not None:
            notes.append((MISMATCH, "cluster"))
        finding = self._compositions.of_unknown(reference)
        if not reference.cluster_uid and not finding.composition_id:
            return EventResolution(notes=(*notes, (UNKNOWN, WHAT, "cluster_unknown")))
        return EventResolution(
            finding.composition_id,
            self._additions(finding.composition_id.encode(), own),
            finding.missing if reference.cluster_uid else (),
            notes=(*notes, *notes_of(finding, WHAT, why)),
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
