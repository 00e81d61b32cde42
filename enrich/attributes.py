"""Attributes of OTLP messages: their names, read as a dictionary, and added without touching what a sender wrote.

In: repeated KeyValue fields of parsed messages whose strings are bytes (`ingest.schema_variant`). Out: a dictionary
from key to text, empty where the value is no text; and the same message with more attributes. Refuses nothing.
Source of the names: https://opentelemetry.io/docs/specs/semconv/resource/k8s/ and
https://opentelemetry.io/docs/specs/semconv/resource/container/
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any

Message = Any
"""A parsed message: protobuf builds the classes at run time, untyped."""
Have = Mapping[bytes, bytes]
"""The attributes that a sender wrote, by key; of equal keys the last."""
NOTHING: Have = MappingProxyType({})
"""What there is where no attribute matters."""
Addition = tuple[bytes, bytes]
"""Key and value of an attribute to write."""

SERVICE_NAME = b"service.name"

CLUSTER_UID = b"k8s.cluster.uid"
CLUSTER_NAME = b"k8s.cluster.name"
COMPOSITION_ID = b"krateo.composition.id"
"""On resources."""
EVENT_COMPOSITION_ID = b"krateo.io/composition-id"
"""On event records; Krateo's pipeline writes it so, and tables and questions know it, whatever the label is called."""

POD_UID = b"k8s.pod.uid"
POD_IP = b"k8s.pod.ip"
POD_NAME = b"k8s.pod.name"
NAMESPACE = b"k8s.namespace.name"
NODE = b"k8s.node.name"
CONTAINER_ID = b"container.id"
CONTAINER_NAME = b"k8s.container.name"

POD_LABELS = b"k8s.pod.labels."
"""Before a label's key. This is how Krateo's pipeline and the Collector's presets have always written it; tables and
questions know it. The semantic conventions came to say `k8s.pod.label.` later, which is read as well."""
POD_LABEL = b"k8s.pod.label."
POD_ANNOTATIONS = b"k8s.pod.annotations."
POD_ANNOTATION = b"k8s.pod.annotation."

OBJECT_KIND = b"k8s.object.kind"
OBJECT_NAME = b"k8s.object.name"
OBJECT_UID = b"k8s.object.uid"
OBJECT_API_VERSION = b"k8s.object.api_version"


_SHORT = 128
"""Bytes of a text whose serialized form is remembered: a sender may write a composition id of any length."""


def read(attributes: Iterable[Message]) -> dict[bytes, bytes]:
    """Give key and text of every attribute; an empty text where the value is none."""
    return {one.key: one.value.string_value for one in attributes}


def read_if_any(attributes: Iterable[Message], wanted: frozenset[bytes]) -> Have:
    """The same as `read` where one of the keys is wanted; else nothing: texts take longer to get than keys."""
    return NOTHING if wanted.isdisjoint([one.key for one in attributes]) else read(attributes)


def add(attributes: Message, additions: Sequence[Addition], have: Have) -> None:
    """Write `additions`; a key that the sender left empty gets the value in its place, one with a value keeps its."""
    for key, text in additions:
        if key in have:
            place = next((one for one in attributes if one.key == key and _is_empty(one)), None)
            if place is None:
                continue
        else:
            place = attributes.add()
            place.key = key
        place.value.string_value = text


def add_to_record(record: Message, additions: tuple[Addition, ...], have: Have) -> None:
    """The same for a log record, in one call of protobuf where it has none of these keys and the texts are short."""
    extra = b"" if have else written(type(record), additions)
    if extra:
        record.MergeFromString(extra)
    else:
        add(record.attributes, additions, have)


def written(record_class: Any, additions: tuple[Addition, ...]) -> bytes:  # noqa: ANN401 - the class is made at run time
    """Serialize a log record that has these attributes alone; gives nothing where a text is long."""
    if max((len(text) for _, text in additions), default=0) > _SHORT:
        return b""
    return _serialized(record_class, additions)


@lru_cache(maxsize=4096)
def _serialized(record_class: Any, additions: tuple[Addition, ...]) -> bytes:  # noqa: ANN401 - the class is made at run time
    record = record_class()
    add(record.attributes, additions, {})
    return bytes(record.SerializePartialToString())


def put(attributes: Message, key: bytes, text: bytes) -> None:
    """Write one attribute in place of all that have this key."""
    drop(attributes, key)
    add(attributes, [(key, text)], {})


def drop(attributes: Message, key: bytes) -> None:
    """Take all attributes with this key away."""
    for at in reversed([at for at, one in enumerate(attributes) if one.key == key]):
        del attributes[at]


def _is_empty(attribute: Message) -> bool:
    kind = attribute.value.WhichOneof("value")
    return kind is None or (kind == "string_value" and not attribute.value.string_value)


def text(have: Have, key: bytes) -> str:
    """The text of an attribute, empty where there is none."""
    found = have.get(key)
    return found.decode("utf-8", "replace") if found else ""
