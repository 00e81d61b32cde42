"""Nested attribute values and log bodies, as the JSON text that a String column holds.

In: one ResourceLogs, ResourceSpans or ResourceMetrics of `ingest.wire`'s classes, in which a message that has
an array or a map anywhere in it is not "initialized". Out: the same message, with strings for such values.
Refuses what protobuf would refuse to read of what becomes text (`errors.MalformedError`), since what stands in an
array or a map was not read with the request. Every value that protobuf reads has a text.

The text is what the reference exporter writes, that is Go's encoding/json without HTML escapes: compact, the
keys of a map in the order of their bytes, the last of equal keys, bytes as base64, an unset value as null,
doubles as ECMAScript writes numbers (but "-0" for negative zero, as Go does), ``\\ufffd`` for each byte that
is not UTF-8. In one thing it is better: NaN and the infinities become the strings "NaN", "Infinity" and
"-Infinity", where the reference loses the whole value around them.

Speed: a Kubernetes event holds some 60 values, and protobuf's Python object for a value costs more than its
text. So a value is read from its bytes as they came, one level at a time, and the text of short members is remembered:
most of an event (``"kind":"Pod"``, the managed fields) is like the one before. A member that is a short string,
which most others are, becomes text without a look at anything else.
"""

import binascii
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

from ingest import errors, schema_variant
from ingest.items import varint

_ANY_VALUE = "opentelemetry.proto.common.v1.AnyValue"
_KEY_VALUE = "opentelemetry.proto.common.v1.KeyValue"
_NESTED_KINDS = ("array_value", "kvlist_value")

_REMEMBERED_MEMBERS = 4096
_REMEMBERED_BYTES = 512
"""Bounds of the memory for members: 4096 of at most 512 bytes, a few MiB, 48 MiB for the most hostile. A full one is
emptied: to find out what was not needed for longest costs more, at each member, than to read some anew."""
_SEEN_ONCE = 4096
"""Members that were seen once of which is known that they were: a hash each."""
_REMEMBERED_NAMES = 1024
"""Keys of at most 127 bytes, with their quotes."""

TEXT_COST = 80
"""Bytes that one value takes for a moment while it becomes text, per byte of it: its parsed form, Python's objects
for its members, its text in several copies. Measured: 30 for a map with short keys, 43 for an array of small numbers,
22 for control characters, 74 for the same below 20 arrays."""
_LARGE_BYTES = 64 * 1024
"""Values up to this are not asked for: what one takes for a moment is gone before the next one."""
_SMALL_BYTES = 16 * 1024
"""Values up to this are read before it is known that they are not too deep: level by level, with a copy of the rest at
each, until Python goes no deeper; 16 MiB for the most hostile. The C runtime reads larger ones first, which takes a
fraction of what their text takes, and refuses such without a copy."""

_SURELY_SHALLOW = 30
"""Brackets in a text up to which its value is not nested deeper than protobuf reads, which is 100 messages: a map in a
map is three, and an attribute of an exemplar the ninth."""

_STRING_TAG = 0x0A  # AnyValue.string_value = 1 and KeyValue.key = 1, length-delimited
_MAP_TAG = 0x32  # AnyValue.kvlist_value = 6, length-delimited
_ARRAY_TAG = 0x2A  # AnyValue.array_value = 5, length-delimited
_VALUE_TAG = 0x12  # KeyValue.value = 2, length-delimited

_SHORT_TEXTS = tuple(bytes((_VALUE_TAG, size + 2, _STRING_TAG, size)) for size in range(126))
"""What stands between the key and the text of a member that is a short string, by the bytes of the text."""

_UNPAIRED = re.compile("[\udc80-\udcff]")
"""What a byte that is not UTF-8 was decoded to (PEP 383)."""


@dataclass(frozen=True, slots=True)
class _Ways:
    """The fields of a message class that lead to values, by what is behind them."""

    values: tuple[str, ...]
    """An AnyValue."""
    attributes: tuple[str, ...]
    """Many KeyValues."""
    single: "tuple[tuple[str, _Ways], ...]"
    """A message that leads on, and how."""
    repeated: "tuple[tuple[str, _Ways], ...]"
    """Many messages that lead on."""


Hold = Callable[[int], None]
"""Told the bytes that are needed for a moment, beside what is held already; refuses by raising."""


Tell = Callable[[Any, bytes], None]
"""Told each log record whose body is text by now, and the body: it is at hand here, and takes time to be got again."""


def hold_anything(_size: int) -> None:
    """Refuse nothing."""


def tell_nobody(_record: Any, _body: bytes) -> None:  # noqa: ANN401 - the class is made at run time
    """Let it be."""


def flatten(holder: Any, level: int, hold: Hold = hold_anything, tell: Tell = tell_nobody) -> int:  # noqa: ANN401 - the class is made at run time
    """Put JSON text in the place of each array and map value under `holder`; how many there were.

    `level`: how deep the holder stands among the messages of its request, which is 1.
    Raises `errors.MalformedError` where protobuf cannot read what stands in one.
    """
    return _flatten(holder, _ways(holder.DESCRIPTOR), level, _Watchers(hold, tell))


@dataclass(frozen=True, slots=True)
class _Watchers:
    """Who is told what while values become text."""

    hold: Hold
    tell: Tell


def _flatten(holder: Any, ways: _Ways, level: int, watchers: _Watchers) -> int:  # noqa: ANN401 - the class is made at run time
    replaced = sum([_replace_body(holder, getattr(holder, name), level, watchers) for name in ways.values])
    # Asking walks all that is below, and where there is something nested, that takes as long as to read it. So it pays
    # only for an item of which nothing is left but attributes, and not for what holds items.
    if ways.attributes and holder.IsInitialized():
        return replaced
    for name in ways.attributes:
        attributes = getattr(holder, name)
        replaced += sum([_replace_attribute(attribute.value, level + 1, watchers) for attribute in attributes])
    for name, onward in ways.repeated:
        replaced += sum([_flatten(child, onward, level + 1, watchers) for child in getattr(holder, name)])
    for name, onward in ways.single:
        if holder.HasField(name):
            replaced += _flatten(getattr(holder, name), onward, level + 1, watchers)
    return replaced


def _replace_body(holder: Any, body: Any, level: int, watchers: _Watchers) -> int:  # noqa: ANN401 - made at run time
    kind = body.WhichOneof("value")
    if kind in _NESTED_KINDS:
        watchers.tell(holder, _replace(body, level + 1, watchers.hold))
        return 1
    if kind == "string_value":
        watchers.tell(holder, body.string_value)
    return 0


def _replace_attribute(value: Any, level: int, watchers: _Watchers) -> int:  # noqa: ANN401 - the class is made at run time
    if value.WhichOneof("value") not in _NESTED_KINDS:
        return 0
    _replace(value, level + 1, watchers.hold)
    return 1


def text(value: bytes, level: int = 2) -> bytes:
    """The JSON text of one serialized AnyValue, in UTF-8.

    `level`: how deep it stands in its request, which is 1. Raises `errors.MalformedError` where it is no AnyValue, or
    nested deeper than protobuf reads.
    """
    try:
        json = _small(value, level) if len(value) <= _SMALL_BYTES else None
        return _utf8(_value(_whole(value, level)) if json is None else json)
    except message.DecodeError as error:
        raise unreadable() from error


def unreadable() -> errors.MalformedError:
    """Say it to the sender of what cannot be read; protobuf's own words name a message that OTLP does not have."""
    return errors.MalformedError(
        "an array or a map in the body cannot be read: either its bytes are broken, or it is nested deeper than the "
        "100 messages that protobuf reads (a map in a map is three); send it as protobuf writes it, and not so deep"
    )


def _small(value: bytes, level: int) -> str | None:
    """Give the text of a small value, or None where it has to be read as a whole first."""
    try:
        json = _value(value)
    except (_OddError, RecursionError):
        return None  # not to be read from here: the frames of what failed live as long as the exception
    # Members that lost to a later one of the same key are in no text, so their depth is not asked for.
    if json.count("{") + json.count("[") > _SURELY_SHALLOW:
        _whole(value, level)
    return json


def _replace(value: Any, level: int, hold: Hold) -> bytes:  # noqa: ANN401 - the class is made at run time
    serialized = value.SerializePartialToString()
    if len(serialized) > _LARGE_BYTES:
        hold(TEXT_COST * len(serialized))
    value.string_value = written = text(serialized, level)
    return written


class _OddError(message.DecodeError):
    """A field that may stand once stands more than once, which only the whole message tells how to read."""


def _whole(value: bytes, level: int) -> bytes:
    """Read a serialized AnyValue at its depth, all of it, and write it again with each singular field once."""
    field = b"\x12"
    for _ in range(level - 1):
        value = field + varint(len(value)) + value
        field = b"\x0a"
    holder: Any = _Holder.FromString(value)
    for _ in range(level - 2):
        holder = holder.inner
    return bytes(holder.value.SerializeToString())


@lru_cache(maxsize=64)
def _ways(descriptor: Any) -> _Ways:  # noqa: ANN401 - protobuf has one for each of its implementations
    leading = [field for field in descriptor.fields if _leads_to_values(field.message_type)]
    values = [field.name for field in leading if field.message_type.full_name == _ANY_VALUE]
    attributes = [field.name for field in leading if field.message_type.full_name == _KEY_VALUE]
    onward = [field for field in leading if field.name not in (*values, *attributes)]
    return _Ways(
        values=tuple(values),
        attributes=tuple(attributes),
        single=tuple((field.name, _ways(field.message_type)) for field in onward if not field.is_repeated),
        repeated=tuple((field.name, _ways(field.message_type)) for field in onward if field.is_repeated),
    )


def _leads_to_values(message_type: Any) -> bool:  # noqa: ANN401 - None, or a descriptor
    if message_type is None:
        return False
    if message_type.full_name == _ANY_VALUE:
        return True
    return any(_leads_to_values(field.message_type) for field in message_type.fields)


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


_Value, _Member, _Many = _shallow_classes()
_Holder = schema_variant.whole_value_class()

_Found = tuple[str, str]
"""Of a member: its key, a character for each byte, which Python sorts soonest; and its text, ``"key":value``."""

_remembered: dict[bytes, _Found] = {}
"""Member -> its key and text. Each step on it is one of the interpreter's, so threads need no lock for it."""
_seen = [0] * _SEEN_ONCE
"""Hashes of members, each at its place: one that is seen again soon is remembered. Names, ids and messages are not, and
would push out what comes in each event."""


def _value(value: bytes) -> str:
    """The text of a serialized AnyValue; bytes that are not UTF-8 are still lone surrogates in it."""
    if not value:
        return "null"
    rest = len(value) - 2
    # Less than 128 bytes, and nothing after them.
    start = rest >= 0 and (2 if value[1] == rest < 128 else _start_of_the_rest(value, 1))
    if start:
        if value[0] == _STRING_TAG:
            return encode_basestring(value[start:].decode("utf-8", "surrogateescape"))
        if value[0] == _MAP_TAG:
            return _map(value[start:])
        if value[0] == _ARRAY_TAG:
            return _array(value[start:])
    return _any_value(_read_whole(_Value, value))


def _start_of_the_rest(message: bytes, at: int) -> int:
    """Where the field whose length stands at `at` begins, if it is all that is left of `message`; else 0.

    Reads lengths of one and two bytes, up to 16 KiB: what is longer is left to the C runtime, at a microsecond more.
    """
    rest = len(message) - at
    low = message[at]
    if low < 128:
        return at + 1 if low == rest - 1 else 0
    if rest > 2 and message[at + 1] < 128 and (low & 127 | message[at + 1] << 7) == rest - 2:
        return at + 2
    return 0


def _read_whole(shallow_class: Any, serialized: bytes) -> Any:  # noqa: ANN401 - the class is made at run time
    """Read a message in which no field is lost: of two that may stand once, bytes replace, but messages merge."""
    shallow = shallow_class.FromString(serialized)
    if shallow.ByteSize() != len(serialized):
        raise _OddError
    return shallow


def _any_value(value: Any) -> str:  # noqa: ANN401, PLR0911 - the class is made at run time; one way out for each kind
    match value.WhichOneof("kind"):
        case "string":
            return encode_basestring(value.string.decode("utf-8", "surrogateescape"))
        case "map":
            return _map(value.map)
        case "array":
            return _array(value.array)
        case "int":
            return str(value.int)
        case "double":
            return _double(value.double)
        case "bool":
            return "true" if value.bool else "false"
        case "bytes":
            return f'"{binascii.b2a_base64(value.bytes, newline=False).decode()}"'
        case _:  # unset, or an index into a table of strings that only profiles have
            return "null"


def _array(items: bytes) -> str:
    """The text of a serialized ArrayValue."""
    return f"[{','.join([_value(item) for item in _Many.FromString(items).values])}]"


def _map(members: bytes) -> str:
    """The text of a serialized KeyValueList."""
    if not members:
        return "{}"
    texts: dict[str, str] = {}
    recall = _remembered.get
    for member in _Many.FromString(members).values[:]:
        found = recall(member) if len(member) <= _REMEMBERED_BYTES else _member(member)
        if found is None:
            found = _member(member)
            digest = hash(member)
            place = digest % _SEEN_ONCE
            if _seen[place] == digest:
                _remember(member, found)
            else:
                _seen[place] = digest
        key, keyed = found
        texts[key] = keyed
    return f"{{{','.join([texts[key] for key in sorted(texts)])}}}"


def _remember(member: bytes, found: _Found) -> None:
    if len(_remembered) >= _REMEMBERED_MEMBERS:
        _remembered.clear()
    _remembered[member] = found


def _member(member: bytes) -> _Found:
    """The key and the text (``"key":value``) of a serialized KeyValue."""
    size = len(member)
    if size > 3 and member[0] == _STRING_TAG:
        end = member[1] + 2
        rest = size - end - 4
        # A key of less than 128 bytes, then a short string, and nothing after it.
        if end < 130 and 0 <= rest < 126 and member[end : end + 4] == _SHORT_TEXTS[rest]:
            key, name = _name(member[2:end])
            return key, name + encode_basestring(member[end + 4 :].decode("utf-8", "surrogateescape"))
        # The same with another value.
        if end < 130 and end + 1 < size and member[end] == _VALUE_TAG:
            start = _start_of_the_rest(member, end + 1)
            if start:
                key, name = _name(member[2:end])
                return key, name + _value(member[start:])
    shallow = _read_whole(_Member, member)
    key, name = _named(shallow.key)
    return key, name + _value(shallow.value)


def _named(key: bytes) -> tuple[str, str]:
    """A key as it is sorted, and its text with the colon behind it."""
    return key.decode("latin-1"), f"{encode_basestring(key.decode('utf-8', 'surrogateescape'))}:"


_name = lru_cache(maxsize=_REMEMBERED_NAMES)(_named)
"""The same of a short key."""


def _double(number: float) -> str:
    """ECMAScript's Number::toString, but "-0" for negative zero; a string where JSON has no number."""
    if not math.isfinite(number):
        return '"NaN"' if math.isnan(number) else '"Infinity"' if number > 0 else '"-Infinity"'
    shortest = repr(number).removesuffix(".0")
    mantissa, _, exponent = shortest.partition("e")
    if not exponent:
        # Python goes over to exponents at 1e16 and below 1e-4, ECMAScript at 1e21 and below 1e-6.
        return shortest
    if -7 < int(exponent) < 21:
        return format(Decimal(shortest), "f")
    return f"{mantissa}e{int(exponent):+d}"


def _utf8(json: str) -> bytes:
    if json.isascii():
        return json.encode()
    try:
        encoded = json.encode()
    except UnicodeEncodeError:
        encoded = _UNPAIRED.sub(r"\\ufffd", json).encode()
    # U+2028 and U+2029 end a line in JavaScript, so Go escapes them; they stand only inside strings.
    return encoded.replace(b"\xe2\x80\xa8", rb"\u2028").replace(b"\xe2\x80\xa9", rb"\u2029")
