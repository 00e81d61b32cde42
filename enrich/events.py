"""Which log records are Kubernetes events, and which object each is about.

In: a parsed ResourceLogs. Out: `EventRecord`s. Three shapes come in: the k8sobjects receiver's body `{type, object}`
(or the Event alone, in pull mode) as a map; the same as JSON text; the k8sevents receiver's attributes. Plain logs cost
a look at the first and the last record of each scope: nothing here looks at every record, unless one of those two, or
the scope's name, says that events are among them. Maps are only looked for where a request holds nested values at all.
Refuses nothing: what is no event is left out.
Sources: https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/receiver/k8sobjectsreceiver and
.../k8seventsreceiver; https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
"""

import json
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
_MAP = "kvlist_value"
_LARGEST = 1024 * 1024
"""Bytes of a JSON body that is still read; an API server takes no larger event."""
_HASH_LENGTH = 32


@dataclass(frozen=True, slots=True)
class Involved:
    """The object that an event is about, as the event says."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str

    def reference(self, cluster_uid: str) -> Reference:
        """Say which object of a cluster it is.

        Where the uid is none of the API's, the name tells: the kubelet writes a node's name there, and of a static pod
        the hash of its file.
        """
        group, _, version = self.api_version.rpartition("/")
        foreign = self.uid == self.name or (len(self.uid) == _HASH_LENGTH and "-" not in self.uid)
        namespace = "" if self.kind == "Node" else self.namespace
        return Reference(cluster_uid, group, version, self.kind, namespace, self.name, "" if foreign else self.uid)


@dataclass(frozen=True, slots=True)
class EventRecord:
    """One log record that is an event."""

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
        found = _of_attributes(record, flat, have) if flat is not None else None
        if found is None and _is_text(record):
            found = _of_text(record.body.string_value)
        if found is not None:
            yield EventRecord(record, found)


def in_maps(resource: Message) -> Iterator[EventRecord]:
    """Give the events of a ResourceLogs whose bodies are maps. Looks at every record."""
    for scoped in resource.scope_logs:
        for record in scoped.log_records:
            if record.body.HasField(_MAP) and (found := _of_map(record.body.kvlist_value)) is not None:
                yield EventRecord(record, found)


def _may_hold_events(scoped: Message) -> bool:
    records = scoped.log_records
    return scoped.scope.name.endswith(_SCOPES) or _is_text(records[0]) or _is_text(records[-1])


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


def _is_text(record: Message) -> bool:
    body: bytes = record.body.string_value
    return body.startswith(b"{") and any(mark in body for mark in _MARKS)


def _of_text(body: bytes) -> Involved | None:
    if len(body) > _LARGEST:
        return None
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return None  # it only looked like one
    event = said.get("object", said)
    if not isinstance(event, dict):
        return None
    found = next((one for key in _OBJECT_KEYS if isinstance(one := event.get(key), dict)), None)
    return None if found is None else _involved({key: one for key, one in found.items() if isinstance(one, str)})


def _of_map(body: Message) -> Involved | None:
    event = _member(body, b"object") or body
    found = _member(event, b"involvedObject") or _member(event, b"regarding")
    if found is None:
        return None
    return _involved({one.key.decode(errors="replace"): _text(one.value) for one in found.values})


def _member(map_: Message, key: bytes) -> Message | None:
    """The map in a map at a key; the last of several."""
    return next(
        (one.value.kvlist_value for one in reversed(map_.values) if one.key == key and one.value.HasField(_MAP)), None
    )


def _text(value: Any) -> str:  # noqa: ANN401 - the class is made at run time
    return str(value.string_value.decode(errors="replace"))


def _involved(said: Mapping[str, str]) -> Involved | None:
    """Read an ObjectReference; without kind and name it means nothing."""
    if not (said.get("kind") and said.get("name")):
        return None
    return Involved(
        said.get("apiVersion", ""), said["kind"], said.get("namespace", ""), said["name"], said.get("uid", "")
    )
