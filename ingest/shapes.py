"""The text of maps that look like one before: the same keys, with other texts and numbers.

In: a serialized AnyValue. Out: its JSON text, as `ingest.value_text` writes it, or None where it is like none before.
Refuses nothing. Who sends Kubernetes events may send few shapes of them, hundreds a second. A shape is learned from one
value (`ingest.shape_patterns`); then the interpreter's C does the work that is Python per map and member else. Keys
that come in another order each time are sorted first (`ingest.key_order`).

A pattern alone does not prove that a value was read right: the lengths must say what was found. So what each head
announces is held to what stands behind it. Where all of them agree, there is no other way to read the value.

Learning takes as long as to read some hundred values, so only so many bytes of what is like none before are learned
from.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from json.encoder import encode_basestring
from operator import itemgetter
from random import randrange

from google.protobuf.message import DecodeError

from ingest.key_order import in_order
from ingest.shape_patterns import OtherError, Pattern, Place, length

_LEAST, _MOST = 256, 4096
"""Bytes of a value that is learned: what is smaller is soon read, and a pattern takes ten times as much."""
_SHAPES = 8
_HEADS = 128
"""Heads that are remembered of each place: a short text has no more. All bounds together are 32 MiB for the most
hostile senders, and 20 MiB for the 512 patterns that Python's `re` keeps; a shape of an event takes 100 KiB."""
_SEEN_ONCE = 8
"""Patterns of which is known that they were seen: what is seen twice is learned."""
_PATIENCE = 512
"""How many times its bytes have to pass, of what is like none before, after one that was learned; after one that was
not, twice as many times as before, up to so many."""
_LONGEST_PAUSE = 31
"""Of so many values the keys are not sorted at most, since that was in vain: it takes a third of what reading takes."""


class _Shape:
    """One pattern, ready for use."""

    def __init__(self, pattern: Pattern) -> None:
        leaves = (*pattern.texts, *pattern.numbers)
        self.pattern = pattern.bytes
        self._match = re.compile(pattern.bytes, re.DOTALL).fullmatch
        self._places = (*leaves, *pattern.holders)
        self._heads = [place.head for place in self._places]
        self._leaves = [place.body for place in leaves]
        self._holders = [(place.head, place.body) for place in pattern.holders]
        self._texts = len(pattern.texts)
        self._announced: list[dict[bytes, int]] = [{} for _ in self._places]
        """Of each place: head -> bytes that have to stand behind it."""
        self._order: Callable[[list[str]], tuple[str, ...]] = itemgetter(*pattern.order)
        self._template = pattern.template

    def text(self, value: bytes) -> str | None:
        """Give the text of a value of this shape; bytes that are not UTF-8 are lone surrogates in it."""
        found = self._match(value)
        if found is None:
            return None
        leaves, heads, end = found.group(*self._leaves), found.group(*self._heads), found.end
        sizes = [*map(len, leaves), *[end(body) - end(head) for head, body in self._holders]]
        if list(map(dict.get, self._announced, heads)) != sizes and not self._is_proved(heads, sizes):
            return None
        number = self._texts
        joined = b"\n".join(leaves[:number]).decode("utf-8", "surrogateescape")
        parts = joined.split("\n")
        # Two quotes and a backslash for each line break, or else there is more to be escaped.
        if len(encode_basestring(joined)) != len(joined) + number + 1:
            parts = [encode_basestring(part)[1:-1] for part in parts]
        parts += map(_digits, leaves[number:])
        return self._template % self._order(parts)

    def _is_proved(self, heads: tuple[bytes, ...], sizes: list[int]) -> bool:
        """Whether each head announces so many bytes."""
        for place, known, head, size in zip(self._places, self._announced, heads, sizes, strict=True):
            said = known.get(head)
            if said is None:
                if len(known) >= _HEADS:
                    known.clear()
                said = known[head] = _announced(place, head)
            if said != size:
                return False
        return True


class Shapes:
    """The shapes that came last. Threads need no lock: one may overwrite counts of another, and what it learned."""

    def __init__(self) -> None:
        self._known: tuple[_Shape, ...] = ()
        self._seen: tuple[int, ...] = ()
        self._wait = 0
        """Bytes that have to pass until one is learned again."""
        self._patience = 1

    @property
    def are_there(self) -> bool:
        """Whether any was learned."""
        return bool(self._known)

    def text(self, value: bytes) -> str | None:
        """Give the text of a value that looks like one before."""
        for shape in self._known if _LEAST <= len(value) <= _MOST else ():
            text = shape.text(value)
            if text is not None:
                if shape is not self._known[0]:
                    self._put_first(shape)
                return text
        return None

    def saw(self, value: bytes, prepare: Callable[[bytes], bytes] = bytes) -> None:
        """Learn from a value that can be read and was like none before, once it is prepared, if it is time."""
        if not _LEAST <= len(value) <= _MOST:
            return
        self._wait -= len(value)
        if self._wait <= 0:
            learned = self._learn(prepare(value))
            self._wait = len(value) * (_PATIENCE if learned else self._patience)
            self._patience = 1 if learned else min(2 * self._patience, _PATIENCE)

    def _learn(self, value: bytes) -> bool:
        try:
            pattern = Pattern(value)
        except OtherError:
            return False
        if any(shape.pattern == pattern.bytes for shape in self._known):
            return True
        digest = hash(pattern.bytes)
        if digest in self._seen:
            self._put_first(_Shape(pattern))
            return True
        self._seen = (digest, *self._seen[: _SEEN_ONCE - 1])
        return False

    def _put_first(self, shape: _Shape) -> None:
        self._known = (shape, *[one for one in self._known if one is not shape])[:_SHAPES]


class Familiar:
    """Shapes of values as they come, and of values in which keys come in another order each time."""

    def __init__(self) -> None:
        self._as_they_came, self._in_order = Shapes(), Shapes()
        self._pass, self._pause = 0, 0
        """How many of which keys are not sorted, since that was in vain: now, and the mean when it is in vain again."""

    def text(self, value: bytes) -> str | None:
        """Give the text of a value that looks like one before."""
        text = self._as_they_came.text(value)
        if text is None and _LEAST <= len(value) <= _MOST and self._in_order.are_there:
            text = self._text_in_order(value)
        return text

    def saw(self, value: bytes) -> None:
        """Learn from a value that can be read and was like none before, if it is time."""
        self._as_they_came.saw(value)
        self._in_order.saw(value, _in_order)

    def _text_in_order(self, value: bytes) -> str | None:
        if self._pass > 0:
            self._pass -= 1
            return None
        text = self._in_order.text(_in_order(value))
        self._pause = min(2 * self._pause + 1, _LONGEST_PAUSE) if text is None else 0
        # As dice have it, or else each look may meet what comes between those that were learned.
        self._pass = randrange(2 * self._pause + 1)  # noqa: S311 - no secret
        return text


def _in_order(value: bytes) -> bytes:
    """Put the keys in order; gives nothing where that is not possible, and others say why."""
    try:
        return in_order(value)
    except DecodeError:
        return b""


def _announced(place: Place, head: bytes) -> int:
    """Say how many bytes have to stand behind a head, or -1 where its lengths contradict each other."""
    ends = ((length(head[at : at + size]), len(head) - at - size) for at, size in place.lengths)
    said = {all_of_it - rest for all_of_it, rest in ends}
    return said.pop() if len(said) == 1 else -1


@lru_cache(maxsize=4096)
def _digits(number: bytes) -> str:
    """Write a number that came in at most five bytes."""
    return str(sum((byte & 127) << 7 * place for place, byte in enumerate(number)))
