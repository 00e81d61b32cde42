"""The JSON text of one array or map, from its bytes as they came.

In: a serialized AnyValue, and how deep it stands in its request. Out: its text in UTF-8. Refuses what protobuf would
refuse to read of what becomes text (`errors.MalformedError`). Every value that protobuf reads has a text.

The text is what the reference exporter writes, that is Go's encoding/json without HTML escapes: compact, the
keys of a map in the order of their bytes, the last of equal keys, bytes as base64, an unset value as null,
doubles as ECMAScript writes numbers (but "-0" for negative zero, as Go does), ``\\ufffd`` for each byte that
is not UTF-8. In one thing it is better: NaN and the infinities become the strings "NaN", "Infinity" and
"-Infinity", where the reference loses the whole value around them.

Speed: a Kubernetes event holds some 60 values, and protobuf's Python object for a value costs more than its text. What
is like a value before becomes text by the pattern of that one (`ingest.shapes`). All else is read from its bytes, one
level at a time, and the text of short members is remembered: most of an event (``"kind":"Pod"``, the managed fields) is
like the one before. A member that is a short string, which most are, becomes text without a look at anything else.
"""

import binascii
import math
import re
from decimal import Decimal
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any

from google.protobuf import message

from ingest import errors
from ingest.shallow import Many, Member, OddError, Value, canonical, read_level
from ingest.shapes import Familiar

_REMEMBERED_MEMBERS = 4096
_REMEMBERED_BYTES = 512
"""Bounds of the memory for members: 4096 of at most 512 bytes, a few MiB, 48 MiB for the most hostile. A full one is
emptied: to find out what was not needed for longest costs more, at each member, than to read some anew."""
_SEEN_ONCE = 4096
"""Members that were seen once of which is known that they were: a hash each."""
_REMEMBERED_NAMES = 1024
"""Keys of at most 127 bytes, with their quotes."""

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


def text(value: bytes, level: int = 2) -> bytes:
    """The JSON text of one serialized AnyValue, in UTF-8.

    `level`: how deep it stands in its request, which is 1. Raises `errors.MalformedError` where it is no AnyValue, or
    nested deeper than protobuf reads.
    """
    try:
        json = _small(value, level) if len(value) <= _SMALL_BYTES else None
        return _utf8(_value(canonical(value, level)) if json is None else json)
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
    json = _familiar.text(value)
    if json is not None:
        return json
    try:
        json = _value(value)
    except (OddError, RecursionError):
        return None  # not to be read from here: the frames of what failed live as long as the exception
    # Members that lost to a later one of the same key are in no text, so their depth is not asked for.
    if json.count("{") + json.count("[") > _SURELY_SHALLOW:
        canonical(value, level)
    _familiar.saw(value)
    return json


_familiar = Familiar()

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
    return _any_value(read_level(Value, value))


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
    return f"[{','.join([_value(item) for item in Many.FromString(items).values])}]"


def _map(members: bytes) -> str:
    """The text of a serialized KeyValueList."""
    if not members:
        return "{}"
    texts: dict[str, str] = {}
    recall = _remembered.get
    for member in Many.FromString(members).values[:]:
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
    shallow = read_level(Member, member)
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
