"""Values with the keys of all their maps in order.

In: a serialized AnyValue. Out: the same value, with the members of each map in the order of their keys' bytes, the
last of equal keys alone, and each singular field once. Refuses what protobuf refuses (`DecodeError`).

Of a member with a field that nobody knows the order is not kept, and what it says may be that of another: its length
tells, and `ingest.shape_patterns` looks at it.

A Collector writes the members of a map in an order that is another each time, since Go's maps have none. Protobuf has
maps as well, which are written like lists of pairs; its C runtime sorts them where the same bytes are asked for again.
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_Field = descriptor_pb2.FieldDescriptorProto

_KINDS = {
    "string": (_Field.TYPE_BYTES, ""),
    "bool": (_Field.TYPE_BOOL, ""),
    "int": (_Field.TYPE_INT64, ""),
    "double": (_Field.TYPE_DOUBLE, ""),
    "array": (_Field.TYPE_MESSAGE, ".sorted.Array"),
    "map": (_Field.TYPE_MESSAGE, ".sorted.Map"),
    "bytes": (_Field.TYPE_BYTES, ""),
    "strindex": (_Field.TYPE_INT32, ""),
}
"""Of AnyValue, in the order of their numbers."""


def in_order(value: bytes) -> bytes:
    """Put the keys of a value's maps in order."""
    return bytes(_Value.FromString(value).SerializeToString(deterministic=True))


def _value_class() -> Any:  # noqa: ANN401 - the class is made at run time
    # As proto2 has it, a string may hold bytes that are not UTF-8.
    file = descriptor_pb2.FileDescriptorProto(name="sorted.proto", package="sorted", syntax="proto2")
    value = file.message_type.add(name="Value")
    value.oneof_decl.add(name="kind")
    for number, (name, (kind, of)) in enumerate(_KINDS.items(), start=1):
        field = value.field.add(name=name, number=number, type=kind, label=_Field.LABEL_OPTIONAL, oneof_index=0)
        if of:
            field.type_name = of
    items = file.message_type.add(name="Array")
    _add_messages(items, ".sorted.Value")
    members = file.message_type.add(name="Map")
    entry = members.nested_type.add(name="ValuesEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=_Field.TYPE_STRING, label=_Field.LABEL_OPTIONAL)
    last = entry.field.add(name="value", number=2, type=_Field.TYPE_MESSAGE, label=_Field.LABEL_OPTIONAL)
    last.type_name = ".sorted.Value"
    _add_messages(members, ".sorted.Map.ValuesEntry")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("sorted.Value"))


def _add_messages(holder: descriptor_pb2.DescriptorProto, type_name: str) -> None:
    label, kind = _Field.LABEL_REPEATED, _Field.TYPE_MESSAGE
    holder.field.add(name="values", number=1, type=kind, label=label, type_name=type_name)


_Value = _value_class()
