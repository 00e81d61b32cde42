"""Protobuf's wire format, read and written by hand, so that the oracle leans on no protobuf library.

`read` gives a message as a dict of what was sent: a field that was not sent is not in it, text is bytes.
The rules are those of https://protobuf.dev/programming-guides/encoding/: the last of a repeated singular field wins,
embedded messages merge, a member of a oneof clears the others, packed and single elements mix, unknown fields and
fields of the wrong wire type are skipped.
"""

import struct

from oracle.fields import MESSAGES

VARINT, FIXED64, LENGTH, GROUP, GROUP_END, FIXED32 = range(6)

WIRE_TYPES = {
    "bool": VARINT, "enum": VARINT, "int32": VARINT, "int64": VARINT,
    "uint32": VARINT, "uint64": VARINT, "sint32": VARINT,
    "double": FIXED64, "fixed64": FIXED64, "sfixed64": FIXED64,
    "fixed32": FIXED32,
}  # fmt: skip
"""Everything else, so bytes, strings and messages, has its length before it."""


def varint(number):
    """Encode; a negative number is its two's complement of 64 bits, as protobuf has it."""
    number &= 2**64 - 1
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def tag(number, wire_type):
    return varint(number << 3 | wire_type)


def delimited(number, payload):
    return tag(number, LENGTH) + varint(len(payload)) + payload


def read(message, data):
    """`data` as the message named `message`."""
    return merge({}, message, data)


def merge(found, message, data):
    for number, wire_type, raw in split(data):
        name, kind, oneof = MESSAGES[message].get(number, ("", "", ""))
        element = kind.removeprefix("*")
        expected = WIRE_TYPES.get(element, LENGTH)
        if name and kind.startswith("*") and wire_type == LENGTH and expected != LENGTH:
            found.setdefault(name, []).extend(unpack(element, raw))
        elif not name or wire_type != expected:
            continue
        elif kind.startswith("*"):
            value = read(element, raw) if element in MESSAGES else scalar(element, raw)
            found.setdefault(name, []).append(value)
        else:
            clear_others(found, message, name, oneof)
            found[name] = merge(found.get(name, {}), kind, raw) if kind in MESSAGES else scalar(kind, raw)
    return found


def clear_others(found, message, name, oneof):
    for other, _, group in MESSAGES[message].values():
        if oneof and group == oneof and other != name:
            found.pop(other, None)


def split(data):
    """(number, wire type, raw value) of each field; a varint's raw value is an int, all others' are bytes."""
    at = 0
    while at < len(data):
        key, at = read_varint(data, at)
        raw, at = read_raw(data, at, key & 7, key >> 3)
        yield key >> 3, key & 7, raw


def read_raw(data, at, wire_type, number):
    if wire_type == VARINT:
        return read_varint(data, at)
    if wire_type == FIXED64:
        return data[at : at + 8], at + 8
    if wire_type == FIXED32:
        return data[at : at + 4], at + 4
    if wire_type == LENGTH:
        size, at = read_varint(data, at)
        return data[at : at + size], at + size
    assert wire_type == GROUP, f"wire type {wire_type}"
    start = at
    while True:
        before = at
        key, at = read_varint(data, at)
        if key & 7 == GROUP_END:
            assert key >> 3 == number
            return data[start:before], at
        _, at = read_raw(data, at, key & 7, key >> 3)


def read_varint(data, at):
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return number & 2**64 - 1, at


def unpack(element, raw):
    if WIRE_TYPES[element] == VARINT:
        at = 0
        while at < len(raw):
            number, at = read_varint(raw, at)
            yield scalar(element, number)
    else:
        size = 8 if WIRE_TYPES[element] == FIXED64 else 4
        for at in range(0, len(raw), size):
            yield scalar(element, raw[at : at + size])


def scalar(kind, raw):  # noqa: PLR0911 - one way out for each kind
    if kind in ("string", "bytes"):
        return raw
    if kind == "bool":
        return raw != 0
    if kind == "uint64":
        return raw
    if kind == "uint32":
        return raw & 2**32 - 1
    if kind == "int64":
        return signed(raw, 64)
    if kind in ("int32", "enum"):
        return signed(raw & 2**32 - 1, 32)
    if kind == "sint32":
        raw &= 2**32 - 1
        return raw >> 1 if raw & 1 == 0 else -(raw >> 1) - 1
    formats = {"double": "<d", "fixed64": "<Q", "sfixed64": "<q", "fixed32": "<I"}
    return struct.unpack(formats[kind], raw)[0]


def signed(number, bits):
    return number - 2**bits if number >= 2 ** (bits - 1) else number
