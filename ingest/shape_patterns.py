"""How a map looks: a pattern for the bytes of all that have the same keys in the same order, and their text's template.

In: a serialized AnyValue that can be read. Out: a `Pattern`, in which each text, number, array and map is a place.
Refuses what would not be found again or needs another look (`OtherError`): fields that stand twice or that nobody
knows, keys that stand twice, doubles, bytes, texts with line breaks, and what is nested deep.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from json.encoder import encode_basestring

MOST_PLACES = 80
_DEEPEST = 10
"""Levels, far from the depth that protobuf refuses."""

_FIELD, _VALUE, _STRING, _NUMBER, _ARRAY, _MAP = b"\n", b"\x12", b"\n", b"\x18", b"\x2a", b"\x32"
"""Tags: of a key, a member or an item, of a member's value, and of the kinds of AnyValue."""
_FIXED = {b"": "null", b"\x10\x00": "false", b"\x10\x01": "true", b"\x2a\x00": "[]", b"\x32\x00": "{}"}
"""Values that stand in the pattern as they are."""
_LENGTHS = {1: rb"[\x00-\x7f]", 2: rb"[\x80-\xff][\x00-\x7f]"}
_TEXT, _DIGITS = rb"([^\n]*+)", rb"([\x80-\xff]{0,4}+[\x00-\x7f])"
"""What follows a text is the tag of a member or an item, which is a line break, or the end."""
_MARK = re.compile("\0([0-9]+)\0")
"""A place in a template; no text that JSON has written holds such a character."""


class OtherError(Exception):
    """This value is none to be learned."""


@dataclass(frozen=True, slots=True)
class Head:
    """What stands before a text, a number, or the members of a map: tags, key, and all lengths that end with it."""

    written: bytes = b""
    lengths: tuple[tuple[int, int], ...] = ()
    """Where the lengths are in it, and their bytes."""

    def then(self, more: bytes) -> "Head":
        """Go on with something that is always the same."""
        return Head(self.written + more, self.lengths)

    def then_length(self, tag: bytes, size: int) -> "Head":
        """Go on with a tag and a length."""
        at = len(self.written) + 1
        length = bytes((size,)) if size < 128 else bytes((size & 127 | 128, size >> 7))
        return Head(self.written + tag + length, (*self.lengths, (at, len(length))))

    def pattern(self) -> bytes:
        """Give the pattern for heads like this one, with whatever lengths."""
        out, at = b"(", 0
        for begin, size in self.lengths:
            out += re.escape(self.written[at:begin]) + _LENGTHS[size]
            at = begin + size
        return out + re.escape(self.written[at:]) + b")"


@dataclass(frozen=True, slots=True)
class Place:
    """A text, a number, an array or a map."""

    head: int
    """The group of its head."""
    body: int
    """The group of what it says; of an array or a map an empty one where it ends."""
    lengths: tuple[tuple[int, int], ...]
    """Where in its head the lengths are, and their bytes."""


class Pattern:
    """What is learned from one value."""

    def __init__(self, value: bytes) -> None:
        """Raises `OtherError`."""
        self.texts: list[Place] = []
        self.numbers: list[Place] = []
        self.holders: list[Place] = []
        """Arrays and maps."""
        self._parts: list[bytes] = []
        self._groups = 0
        pieces = _MARK.split(self._value(value, Head(), 0))
        self.bytes = b"".join(self._parts)
        self.template = "%s".join([piece.replace("%", "%%") for piece in pieces[::2]])
        bodies = [place.body for place in (*self.texts, *self.numbers)]
        self.order = [bodies.index(int(body)) for body in pieces[1::2]]
        """Of texts and numbers, in the template."""
        if len(self.texts) < 2 or len(bodies) + len(self.holders) > MOST_PLACES:
            raise OtherError

    def _value(self, value: bytes, head: Head, level: int) -> str:
        """Take one value in, and give its template."""
        if value in _FIXED:
            self._parts.append(re.escape(head.written + value))
            return _FIXED[value]
        tag = value[:1]
        if tag == _NUMBER:
            return self._leaf(self.numbers, head.then(tag), _DIGITS, value[1:])
        inside = _behind_length(value)
        head = head.then_length(tag, len(inside))
        if tag == _STRING:
            return f'"{self._leaf(self.texts, head, _TEXT, inside)}"'
        if level == _DEEPEST or tag not in {_MAP, _ARRAY}:
            raise OtherError
        return self._holder(tag, head, inside, level + 1)

    def _leaf(self, places: list[Place], head: Head, pattern: bytes, inside: bytes) -> str:
        if not re.fullmatch(pattern, inside):
            raise OtherError
        self._parts += (head.pattern(), pattern)
        self._groups += 2
        places.append(Place(self._groups - 1, self._groups, head.lengths))
        return f"\0{self._groups}\0"

    def _holder(self, tag: bytes, head: Head, inside: bytes, level: int) -> str:
        self._parts.append(head.pattern())
        self._groups += 1
        begin = self._groups
        text = self._members(inside, level) if tag == _MAP else self._items(inside, level)
        self._parts.append(b"()")
        self._groups += 1
        self.holders.append(Place(begin, self._groups, head.lengths))
        return text

    def _members(self, members: bytes, level: int) -> str:
        texts: dict[bytes, str] = {}
        for member in _fields(members):
            if len(member) < 2 or member[:1] != _FIELD or member[1] > 127:
                raise OtherError
            end = member[1] + 2
            key, value = member[2:end], member[end:]
            if value[:1] != _VALUE or key in texts:
                raise OtherError
            inside = _behind_length(value)
            head = Head().then_length(_FIELD, len(member)).then(member[:end]).then_length(_VALUE, len(inside))
            name = encode_basestring(key.decode("utf-8", "surrogateescape"))
            texts[key] = f"{name}:{self._value(inside, head, level)}"
        return f"{{{','.join([texts[key] for key in sorted(texts)])}}}"

    def _items(self, items: bytes, level: int) -> str:
        texts = [self._value(item, Head().then_length(_FIELD, len(item)), level) for item in _fields(items)]
        return f"[{','.join(texts)}]"


def length(said: bytes) -> int:
    """Read a length of one or two bytes."""
    return said[0] if len(said) == 1 else said[0] & 127 | said[1] << 7


def _fields(message: bytes) -> Iterator[bytes]:
    """Give all fields of a message that has but one, many times."""
    while message:
        if message[:1] != _FIELD:
            raise OtherError
        begin, end = _span(message)
        yield message[begin:end]
        message = message[end:]


def _behind_length(field: bytes) -> bytes:
    """Give what is in a field of which a message consists."""
    begin, end = _span(field)
    if end != len(field):
        raise OtherError
    return field[begin:end]


def _span(message: bytes) -> tuple[int, int]:
    """Say where what is in the first field begins and ends; its length has to be as short as it can be written."""
    low, high = message[1:2], message[2:3]
    if not low:
        raise OtherError
    if low[0] < 128:
        begin, size = 2, low[0]
    else:
        begin, size = 3, length(low + high) if high else 0
        if not 128 <= size < 128 * 128:
            raise OtherError
    if begin + size > len(message):
        raise OtherError
    return begin, begin + size
