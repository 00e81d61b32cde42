"""Serialized AnyValues as protobuf reads them: one level at a time, or all of one at its depth.

In: bytes of an AnyValue, a KeyValue, or the list that an ArrayValue or a KeyValueList is. Out: a message whose children
are still bytes; or the same value, written again with each singular field once. Refuses what protobuf refuses
(`DecodeError`), and at one level a field that may stand once and stands more than once (`OddError`).
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

from ingest import schema_variant
from ingest.items import varint


class OddError(message.DecodeError):
    """A field that may stand once stands more than once, which only the whole message tells how to read."""


def read_level(shallow_class: Any, serialized: bytes) -> Any:  # noqa: ANN401 - the class is made at run time
    """Read a message in which no field is lost: of two that may stand once, bytes replace, but messages merge."""
    shallow = shallow_class.FromString(serialized)
    if shallow.ByteSize() != len(serialized):
        raise OddError
    return shallow


def canonical(value: bytes, level: int) -> bytes:
    """Read a serialized AnyValue at its depth, all of it, and write it again with each singular field once."""
    field = b"\x12"
    for _ in range(level - 1):
        value = field + varint(len(value)) + value
        field = b"\x0a"
    holder: Any = _Holder.FromString(value)
    for _ in range(level - 2):
        holder = holder.inner
    return bytes(holder.value.SerializeToString())


def _shallow_classes() -> tuple[Any, Any, Any]:
    """AnyValue, KeyValue, and the list that ArrayValue and KeyValueList are; their children stay bytes."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="shallow.proto", package="shallow", syntax="proto2")
    value = file.message_type.add(name="Value")
    value.oneof_decl.add(name="kind")
    kinds = {
        "string": 12,
        "bool": 8,
        "int": 3,
        "double": 1,
        "array": 12,
        "map": 12,
        "bytes": 12,
        "strindex": 5,
    }
    for number, (name, wire_type) in enumerate(kinds.items(), start=1):
        value.field.add(name=name, number=number, type=wire_type, label=field.LABEL_OPTIONAL, oneof_index=0)
    member = file.message_type.add(name="Member")
    member.field.add(name="key", number=1, type=field.TYPE_BYTES, label=field.LABEL_OPTIONAL)
    member.field.add(name="value", number=2, type=field.TYPE_BYTES, label=field.LABEL_OPTIONAL)
    many = file.message_type.add(name="Many")
    many.field.add(name="values", number=1, type=field.TYPE_BYTES, label=field.LABEL_REPEATED)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    made = (pool.FindMessageTypeByName(f"shallow.{name}") for name in ("Value", "Member", "Many"))
    shallow_value, shallow_member, shallow_many = map(message_factory.GetMessageClass, made)
    return shallow_value, shallow_member, shallow_many


Value, Member, Many = _shallow_classes()
_Holder = schema_variant.whole_value_class()
