"""One event record: which composition the object belongs to that it is about. Pure: looks into memory, writes nothing.

In: an event, and what is known of its resource. Out: an `EventResolution`: the id, what to count, and which objects
were not known and might say more. Refuses nothing.
"""

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


class Events:
    """Resolves event records."""

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
