"""A set of marks in a fixed number of bytes, from which it can be told how another, similar set differs.

In: marks, put in and taken out. Out: bytes; and from the difference of two sketches, the marks that only one of them
has, as long as these are not many, however many both have. An invertible Bloom lookup table (Goodrich and Mitzenmacher,
2011, https://arxiv.org/abs/1101.2245). Where it cannot be told, it says so, and does not guess.
"""

import sys
from array import array
from dataclasses import dataclass, field
from operator import xor

_THIRD = 85
CELLS = 3 * _THIRD
"""Differences of up to 150 marks are told nearly always."""
_MARK_BITS = 48
_MARK = (1 << _MARK_BITS) - 1
_CHECK = 0xFFFF
_MIX = 0x9E3779B97F4A7C15
BYTES = CELLS * 10


@dataclass(frozen=True, slots=True)
class Difference:
    """The marks that one sketch has and the other has not."""

    only_first: frozenset[int]
    only_second: frozenset[int]


@dataclass(slots=True)
class Sketch:
    """Each mark stands in three cells: its XOR with the others there, a check of it, and how many they are."""

    sums: "array[int]" = field(default_factory=lambda: array("Q", bytes(8 * CELLS)))
    counts: "array[int]" = field(default_factory=lambda: array("h", bytes(2 * CELLS)))

    def add(self, mark: int, number: int = 1) -> None:
        """Put a mark of 48 bits in; with -1 as `number`, take it out."""
        sealed = _sealed(mark)
        for cell in _cells(mark):
            self.sums[cell] ^= sealed
            self.counts[cell] = _wrapped(self.counts[cell] + number)

    def to_bytes(self) -> bytes:
        """`BYTES` of them, little-endian."""
        return _little(self.sums).tobytes() + _little(self.counts).tobytes()

    @classmethod
    def from_bytes(cls, raw: bytes) -> "Sketch":
        """Raises ValueError if these are not `BYTES`."""
        if len(raw) != BYTES:
            raise ValueError(f"a sketch has {BYTES} bytes, and these are {len(raw)}")
        sums, counts = array("Q", raw[: 8 * CELLS]), array("h", raw[8 * CELLS :])
        return cls(_little(sums), _little(counts))

    def differs(self, other: "Sketch") -> Difference | None:
        """How this one differs from another; None where there is too much to tell."""
        left = Sketch(
            array("Q", map(xor, self.sums, other.sums)),
            array("h", (_wrapped(ours - theirs) for ours, theirs in zip(self.counts, other.counts, strict=True))),
        )
        return left.peeled()

    def peeled(self) -> Difference | None:
        """Take out, over and over, what stands alone in some cell; counts below 0 are the other sketch's."""
        found: dict[int, set[int]] = {1: set(), -1: set()}
        waiting = list(range(CELLS))
        while waiting:
            cell = waiting.pop()
            number, mark = self.counts[cell], self.sums[cell] & _MARK
            if number not in found or self.sums[cell] != _sealed(mark) or cell not in _cells(mark):
                continue
            if mark in found[number]:
                return None  # it turns in a circle: what looked like a mark was none
            found[number].add(mark)
            self.add(mark, -number)
            waiting += _cells(mark)
        if any(self.sums) or any(self.counts):
            return None
        return Difference(frozenset(found[1]), frozenset(found[-1]))


def _cells(mark: int) -> tuple[int, int, int]:
    """One in each third; marks are random numbers already."""
    return mark % _THIRD, _THIRD + mark // _THIRD % _THIRD, 2 * _THIRD + mark // (_THIRD * _THIRD) % _THIRD


def _sealed(mark: int) -> int:
    return ((mark * _MIX >> 40) & _CHECK) << _MARK_BITS | mark


def _wrapped(number: int) -> int:
    """Within 16 bits. Only differences matter, and those are small."""
    return (number + 0x8000 & 0xFFFF) - 0x8000


def _little(numbers: "array[int]") -> "array[int]":
    if sys.byteorder == "big":
        numbers = array(numbers.typecode, numbers)
        numbers.byteswap()
    return numbers
