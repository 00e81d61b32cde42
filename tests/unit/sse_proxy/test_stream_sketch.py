"""Two sets that differ a little are told apart by a few thousand bytes; where they differ too much, nobody guesses."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sse_proxy.sketch import BYTES, Sketch

MARKS = st.sets(st.integers(0, 2**48 - 1), max_size=40)


def sketch_of(marks):
    sketch = Sketch()
    for mark in marks:
        sketch.add(mark)
    return sketch


@given(MARKS, MARKS, MARKS)
def test_what_only_one_of_two_sets_has_is_told(both, first, second):
    one, other = both | first, both | second
    difference = sketch_of(one).differs(sketch_of(other))
    if difference is not None:
        assert difference.only_first == one - other
        assert difference.only_second == other - one
    else:
        assert len(one ^ other) > 30


def test_a_hundred_of_five_thousand_are_told():
    dice = random.Random(1)
    both = {dice.getrandbits(48) for _ in range(5_000)}
    late = {dice.getrandbits(48) for _ in range(100)}
    difference = sketch_of(both | late).differs(sketch_of(both))
    assert difference.only_first == late
    assert not difference.only_second


@pytest.mark.parametrize("number", [400, 3_000])
def test_too_many_are_not_guessed(number):
    dice = random.Random(2)
    assert sketch_of({dice.getrandbits(48) for _ in range(number)}).differs(Sketch()) is None


def test_what_is_taken_out_was_never_there():
    sketch = sketch_of([1, 2, 3])
    sketch.add(2, -1)
    assert sketch == sketch_of([1, 3])


def test_bytes_are_the_sketch():
    sketch = sketch_of(range(0, 10**9, 10**7))
    assert len(sketch.to_bytes()) == BYTES
    assert Sketch.from_bytes(sketch.to_bytes()) == sketch
    with pytest.raises(ValueError, match="has 2550 bytes"):
        Sketch.from_bytes(b"few")


def test_garbage_is_no_difference():
    dice = random.Random(3)
    for _ in range(200):
        assert Sketch.from_bytes(dice.randbytes(BYTES)).differs(Sketch()) is None
