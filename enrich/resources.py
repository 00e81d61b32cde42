"""One resource: which cluster, which pod and workload, which composition. Pure: looks into memory, writes nothing.

In: the attributes that a sender wrote. Out: a `Resolution`: what to add, what to count, and which objects were not
known and might say more. Asked again after they were looked up, it gives more, or the same with the reasons why not.
Refuses nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from enrich import attributes as names
from enrich.attributes import Addition, Have, text
from enrich.cluster_identity import NOBODY, ClusterIdentity, ClusterSource, Decision
from enrich.clusters import Cluster
from enrich.composition import Compositions, Finding, Source
from enrich.counters import CUT, CYCLE, FOUND, MISMATCH, UNKNOWN, Note
from enrich.objects import Reference
from enrich.service_name import ServiceNames
from enrich.subject import Subject, Subjects
from enrich.workload import Described, Workloads

NO_OBJECT: Note = (UNKNOWN, "composition", "no_object")
"""The note on a resource that names no object."""

_CERTAIN = frozenset({ClusterSource.TOKEN, ClusterSource.SENDER, ClusterSource.OBJECT})

Why = Callable[[Reference], str]
"""Says why an object is not known."""


@dataclass(slots=True)
class Origin:
    """Who sent a request. Not changed once it is made."""

    address: str = ""
    """Network address of the sender."""
    cluster: Cluster = NOBODY
    """The one that its token is bound to; it stands on the resources already."""


@dataclass(slots=True)
class Resolution:
    """What is known of one resource. Not changed once it is given out."""

    cluster: Cluster = NOBODY
    additions: list[Addition] = field(default_factory=list)
    replacements: list[Addition] = field(default_factory=list)
    """What is written in place of the sender's word."""
    missing: list[Reference] = field(default_factory=list)
    refresh: list[Reference] = field(default_factory=list)
    """Objects that may have changed since they were looked up; nobody waits for them."""
    notes: list[Note] = field(default_factory=list)
    composition_id: str = ""
    """From an attribute of the resource itself, for its records."""
    source: ClusterSource = ClusterSource.NONE
    """Who said which cluster it is."""

    @property
    def is_bound(self) -> bool:
        """Whether its cluster is its token's."""
        return self.source is ClusterSource.TOKEN

    @property
    def is_certain(self) -> bool:
        """Whether its cluster was said or proven, so that nothing else may be found out about it."""
        return self.source in _CERTAIN


class Resources:
    """Resolves resources."""

    def __init__(
        self,
        identity: ClusterIdentity,
        subjects: Subjects,
        workloads: Workloads,
        compositions: Compositions,
        services: ServiceNames,
        *,
        by_peer_address: bool = False,
    ) -> None:
        """The key of the composition's label may also be that of an attribute."""
        label = compositions.label
        self._identity = identity
        self._subjects = subjects
        self._workloads = workloads
        self._compositions = compositions
        self._services = services
        self._by_peer_address = by_peer_address
        self._own_ids = (names.COMPOSITION_ID, names.EVENT_COMPOSITION_ID, label.encode())
        self._label_ids = (names.POD_LABELS + label.encode(), names.POD_LABEL + label.encode())

    def relevant(self, origin: Origin) -> tuple[str, str, str]:
        """Give what of an origin makes a difference."""
        cluster = origin.cluster
        return cluster.uid, cluster.name, origin.address if self._by_peer_address else ""

    def resolve(self, have: Have, origin: Origin, why: Why) -> Resolution:
        """Say what is known of a resource with these attributes."""
        out = Resolution()
        claim = Cluster(text(have, names.CLUSTER_UID), text(have, names.CLUSTER_NAME))
        bound = origin.cluster.known
        first = self._identity.decide(claim, bound=bound).cluster
        within = first.uid if self._identity.believed(claim, bound=bound) else ""
        found = self._subjects.of(have, within, first.uid, self._peer(have, origin))
        found = self._checked(found, claim, out, bound=bound)
        subject_ = found.pod or found.other
        proof = self._identity.named(subject_.cluster_uid) if subject_ is not None else NOBODY
        decision = self._identity.decide(claim, bound=bound, proof=proof)
        self._write_cluster(decision, claim, out)
        described = self._describe_pod(found, have, out, why)
        self._name_service(found, described, have, out, why)
        self._find_composition(found, have, out, why)
        return out

    def _peer(self, have: Have, origin: Origin) -> str:
        """The sender's address, if it may mean a pod, and the resource says nothing of Kubernetes itself."""
        if not self._by_peer_address or any(key.startswith((b"k8s.", b"container.")) for key in _but_cluster(have)):
            return ""
        return origin.address

    def _checked(self, found: Subject, claim: Cluster, out: Resolution, *, bound: bool) -> Subject:
        """Count what does not fit together; a token's cluster sees no other cluster's objects."""
        known = found.pod or found.other
        if found.disagrees:
            out.notes.append((MISMATCH, "pod"))
        elsewhere = found.elsewhere
        if known is not None and self._identity.named(known.cluster_uid).contradicts(claim):
            elsewhere = True
            if bound:
                found = Subject(unknown="other_cluster")
        if elsewhere:
            out.notes.append((MISMATCH, "cluster"))
        return found

    def prove(self, have: Have, origin: Origin, resolution: Resolution, cluster_uid: str) -> Resolution:
        """Take the cluster of all objects that a resource's events are about for its own, unless it has one for sure.

        What is to be written in place of what there is are the replacements.
        """
        if resolution.is_certain or resolution.cluster.uid == cluster_uid:
            return replace(resolution, replacements=[])
        claim = Cluster(text(have, names.CLUSTER_UID), text(have, names.CLUSTER_NAME))
        proof = self._identity.named(cluster_uid)
        decision = self._identity.decide(claim, bound=origin.cluster.known, proof=proof)
        proven = Resolution(composition_id=resolution.composition_id)
        self._write_cluster(decision, claim, proven)
        proven.replacements += proven.additions
        proven.additions = resolution.additions
        proven.notes += [note for note in resolution.notes if note[1:2] != ("cluster",)]
        return proven

    def _write_cluster(self, decision: Decision, claim: Cluster, out: Resolution) -> None:
        out.source = decision.source
        cluster = out.cluster = decision.cluster
        halves = ((names.CLUSTER_UID, claim.uid, cluster.uid), (names.CLUSTER_NAME, claim.name, cluster.name))
        for key, said, known in halves:
            if known and known != said:
                (out.replacements if said else out.additions).append((key, known.encode()))
        if cluster.uid:
            out.notes.append((FOUND, "cluster", decision.source.value))
        elif decision.source is ClusterSource.NONE:
            out.notes.append((UNKNOWN, "cluster", self._identity.why_unknown()))
        else:
            out.notes.append((UNKNOWN, "cluster", "name_only"))

    def _describe_pod(self, found: Subject, have: Have, out: Resolution, why: Why) -> Described:
        if found.pod is None:
            if found.missing is not None:
                out.missing.append(found.missing)
            if found.unknown:
                out.notes.append((UNKNOWN, "pod", _reason(found, why)))
            return Described(())
        described = self._workloads.describe(found.pod, found.container)
        out.additions += [one for one in described.additions if _lacking(one[0], have)]
        out.notes.append((FOUND, "pod", found.source))
        self._note_workload(described, out, why)
        return described

    def _note_workload(self, described: Described, out: Resolution, why: Why) -> None:
        out.missing += described.missing
        if described.missing:
            out.notes.append((UNKNOWN, "workload", why(described.missing[0])))
        else:
            out.notes.append((FOUND, "workload", "owners"))

    def _name_service(self, found: Subject, described: Described, have: Have, out: Resolution, why: Why) -> None:
        if not self._services.wanted(have, found.pod):
            return
        whole = found.pod is not None and not described.missing
        named = self._services.of(found.pod, have, dict(described.additions), whole=whole)
        if named.name:
            unnamed = bool(have.get(names.SERVICE_NAME))  # by a word that an SDK has for it
            (out.replacements if unnamed else out.additions).append((names.SERVICE_NAME, named.name))
            out.notes.append((FOUND, "service", named.source))
        elif described.missing:
            out.notes.append((UNKNOWN, "service", why(described.missing[0])))
        else:
            out.notes.append((UNKNOWN, "service", _reason(found, why) or "no_object"))

    def _find_composition(self, found: Subject, have: Have, out: Resolution, why: Why) -> None:
        for keys, source in ((self._own_ids, Source.ATTRIBUTE), (self._label_ids, Source.POD_LABEL)):
            own = next((have[key] for key in keys if have.get(key)), b"")
            if own:
                out.composition_id = own.decode("utf-8", "replace")
                out.notes.append((FOUND, "composition", source.value))
                self._write_composition(own, have, out)
                return
        known = found.pod or found.other
        if known is None:
            out.notes.append((UNKNOWN, "composition", _reason(found, why)) if found.unknown else NO_OBJECT)
            return
        finding = self._compositions.of(known)
        out.missing += finding.missing
        out.refresh += finding.unwatched
        out.notes += notes_of(finding, "composition", why)
        if finding.composition_id:
            self._write_composition(finding.composition_id.encode(), have, out)

    def _write_composition(self, composition_id: bytes, have: Have, out: Resolution) -> None:
        if not have.get(names.COMPOSITION_ID):
            out.additions.append((names.COMPOSITION_ID, composition_id))


def notes_of(finding: Finding, what: str, why: Why) -> list[Note]:
    """What to count of a walk."""
    notes: list[Note] = [(CYCLE,)] if finding.cycle else []
    if finding.cut:
        notes.append((CUT,))
    if finding.composition_id or not finding.missing:
        return [*notes, (FOUND, what, finding.source.value)]
    return [*notes, (UNKNOWN, what, why(finding.missing[0]))]


def _but_cluster(have: Have) -> list[bytes]:
    return [key for key in have if not key.startswith(b"k8s.cluster.")]


def _reason(found: Subject, why: Why) -> str:
    return why(found.missing) if found.missing is not None else found.unknown


def _lacking(key: bytes, have: Have) -> bool:
    """Whether a sender said nothing of this; labels and annotations are spelled in two ways."""
    if have.get(key):
        return False
    if key.startswith(names.POD_LABELS):
        return not have.get(names.POD_LABEL + key[len(names.POD_LABELS) :])
    if key.startswith(names.POD_ANNOTATIONS):
        return not have.get(names.POD_ANNOTATION + key[len(names.POD_ANNOTATIONS) :])
    return True
