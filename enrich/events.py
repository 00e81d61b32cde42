"""Which log records are Kubernetes events, and which object each is about.

In: a parsed ResourceLogs. Out: `EventRecord`s. Three shapes come in: the k8sobjects receiver's body `{type, object}`
(or the Event alone, in pull mode) as a map, which is read once it has become text; the same as JSON text; the k8sevents
receiver's attributes. Plain logs cost a look at the first and the last record of each scope: nothing here looks at
every record, unless one of those two, or the scope's name, says that events are among them, or the request held nested
values. Refuses nothing: what is no event is left out.
Sources: https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/receiver/k8sobjectsreceiver and
.../k8seventsreceiver; https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from enrich import attributes as names
from enrich.attributes import OBJECT_KIND, OBJECT_NAME, Have, Message, text
from enrich.objects import Reference

_SCOPES = (b"k8sobjectsreceiver", b"k8seventsreceiver")
"""Ends of the scope names of the receivers that send events."""
_MARKS = (b'"involvedObject"', b'"regarding"')
"""Keys of the involved object: in the API v1, and in events.k8s.io/v1."""
_OBJECT_KEYS = ("involvedObject", "regarding")
_LARGEST = 1024 * 1024
"""Bytes of a JSON body that is still read; an API server takes no larger event."""
_HASH_LENGTH = 32

_WATCHED = b'{"object":{'
"""How a watch event begins, where keys are sorted."""
_WATCHED_MAP = len(_WATCHED) - 1
"""Where the event itself begins in it."""
_INVOLVED_V1 = b',"involvedObject":{'
"""A key in a text without blanks: inside a string its quotes had backslashes before them."""
_PLAIN = r'"[^"\\]*"'
_REFERENCE = re.compile(
    r'(?:"apiVersion":"([^"\\]*)",)?(?:"fieldPath":' + _PLAIN + r',)?"kind":"([^"\\]+)","name":"([^"\\]+)",?'
    r'(?:"namespace":"([^"\\]*)",?)?(?:"resourceVersion":' + _PLAIN + r',?)?(?:"uid":"([^"\\]*)")?\}',
)
"""What is in an involved object of API v1, where keys are sorted, as a map's are that became text."""
_FAR = 4_096
"""Bytes of an event in which its involved object has to stand, or else all of it is read."""


# Not frozen, as values that are made for each event are not: those set each field by a call.
@dataclass(slots=True)
class Involved:
    """The object that an event is about, as the event says. Not changed once it is made."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str

    @property
    def api_uid(self) -> str:
        """The uid, empty where it is none of the API's.

        The kubelet writes a node's name there, and of a static pod the hash of its file: then the object's name tells.
        """
        foreign = self.uid == self.name or (len(self.uid) == _HASH_LENGTH and "-" not in self.uid)
        return "" if foreign else self.uid

    def reference(self, cluster_uid: str) -> Reference:
        """Say which object of a cluster it is."""
        group, _, version = self.api_version.rpartition("/")
        namespace = "" if self.kind == "Node" else self.namespace
        return Reference(cluster_uid, group, version, self.kind, namespace, self.name, self.api_uid)


@dataclass(slots=True)
class EventRecord:
    """One log record that is an event. Not changed once it is made."""

    record: Message
    involved: Involved


def sieve(resource: Message, have: Have) -> list[Message]:
    """Give the scopes of a ResourceLogs among whose records there may be events that are text or attributes."""
    flat = OBJECT_KIND in have and OBJECT_NAME in have
    return [scoped for scoped in resource.scope_logs if scoped.log_records and (flat or _may_hold_events(scoped))]


def in_text_or_attributes(scopes: Iterable[Message], have: Have) -> Iterator[EventRecord]:
    """Give the events of scopes that came through the sieve."""
    flat = _flat(have)
    for record in chain.from_iterable(scoped.log_records for scoped in scopes):
        body: bytes = record.body.string_value
        found = None if flat is None else _of_attributes(record, flat, have)
        if found is None and body:
            found = of_body(body)
        if found is not None:
            yield EventRecord(record, found)


def in_text(resource: Message) -> Iterator[EventRecord]:
    """Give the events of a ResourceLogs whose bodies are, or have become, text. Looks at every record."""
    return in_text_or_attributes(resource.scope_logs, {})


def _may_hold_events(scoped: Message) -> bool:
    if scoped.scope.name.endswith(_SCOPES):
        return True
    records = scoped.log_records
    return _is_text(records[0].body.string_value) or _is_text(records[-1].body.string_value)


def _flat(have: Have) -> Involved | None:
    """The object that the k8sevents receiver wrote on the resource."""
    if not (have.get(OBJECT_KIND) and have.get(OBJECT_NAME)):
        return None
    return Involved(
        text(have, names.OBJECT_API_VERSION),
        text(have, OBJECT_KIND),
        text(have, names.NAMESPACE),
        text(have, OBJECT_NAME),
        text(have, names.OBJECT_UID),
    )


def _of_attributes(record: Message, flat: Involved, have: Have) -> Involved | None:
    own = names.read(record.attributes)
    if not any(key.startswith(b"k8s.event.") for key in own):
        return None
    if names.NAMESPACE in have or names.NAMESPACE not in own:
        return flat
    return Involved(flat.api_version, flat.kind, text(own, names.NAMESPACE), flat.name, flat.uid)


def _is_text(body: bytes) -> bool:
    return body.startswith(b"{") and any(mark in body for mark in _MARKS)


def of_body(body: bytes) -> Involved | None:
    """Say which object a record is about whose body is this text; None where it is no event."""
    if not body.startswith(b"{") or len(body) > _LARGEST:
        return None
    return _of_plain_text(body) or (_of_whole_text(body) if _is_text(body) else None)


def _of_plain_text(body: bytes) -> Involved | None:
    """Read an Event of API v1 with sorted keys and no map before its involved object: a third of its text."""
    at = body.find(_INVOLVED_V1, 0, _FAR)
    if at < 0 or not body.endswith(b"}"):
        return None
    # The map that was opened last is the event itself, and none was closed: it is a member of that one.
    opened = body.rfind(b"{", 0, at)
    if body.find(b"}", 0, at) >= 0 or opened != (_WATCHED_MAP if body.startswith(_WATCHED) else 0):
        return None
    # With both, the one in `object` counts, as for the view that stores the event.
    if not opened and b'"object":' in body:
        return None
    found = _REFERENCE.match(body[at + len(_INVOLVED_V1) : _FAR].decode(errors="replace"))
    if found is None:
        return None
    version, kind, name, namespace, uid = found.groups("")
    return Involved(version, kind, namespace, name, uid)


def _of_whole_text(body: bytes) -> Involved | None:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return None  # it only looked like one
    event = said.get("object", said)
    if not isinstance(event, dict):
        return None
    found = next((one for key in _OBJECT_KEYS if isinstance(one := event.get(key), dict)), None)
    return None if found is None else _involved(found)


def _involved(said: Mapping[str, Any]) -> Involved | None:
    """Read an ObjectReference; without kind and name it means nothing."""
    keys = ("apiVersion", "kind", "namespace", "name", "uid")
    words = [word if isinstance(word := said.get(key), str) else "" for key in keys]
    found = Involved(*words)
    return found if found.kind and found.name else None
