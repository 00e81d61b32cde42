"""A cursor is a short text that says what its client has, and any other text is none."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sse_proxy import cursor
from sse_proxy.book import MOST_ROWS, Account
from sse_proxy.cursor import Cursor, Older, Place, Window
from sse_proxy.rows import Row
from sse_proxy.sketch import Sketch

MARKS = st.frozensets(st.binary(min_size=6, max_size=6), max_size=20)
HERE = Place("events", 7, 12, 1_000)


def row(ingested, number, seq=0):
    return Row(ingested, number, (), b"{}", seq=seq)


@given(
    st.builds(
        Cursor,
        st.sampled_from(["events", "logs", "spans"]),
        st.integers(0, 2**63 - 1),
        st.integers(0, 2**32 - 1),
        st.integers(0, 2**64 - 1),
        MARKS,
        st.frozensets(st.binary(min_size=6, max_size=6), max_size=cursor.MOST_HALVES),
        st.none() | st.builds(Older, st.integers(0, 2**63 - 1), st.just(Sketch())),
        st.none() | st.builds(Account, st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1), st.integers(0, MOST_ROWS)),
    )
)
def test_it_is_read_as_it_was_written(made):
    text = cursor.write(made).decode()
    assert all(letter.isalnum() or letter in "-_" for letter in text)
    assert cursor.read(text) == made


@given(st.text(max_size=60) | st.binary(max_size=200).map(lambda raw: raw.hex()))
def test_any_other_text_is_none_or_one(text):
    assert cursor.read(text) is None or isinstance(cursor.read(text), Cursor)


@pytest.mark.parametrize(
    "text", ["", "17", "krateo", "A" * 50_000, "é", "AQEAAB", "%00", "AgEAABNfUo8AAAAAAAAAABjp_E6uJBRc"]
)
def test_what_is_none_is_refused(text):
    assert cursor.read(text) is None


def test_it_covers_what_lies_at_its_floor_what_it_lists_and_its_own_taps_past():
    known = row(2_000, 5)
    made = Cursor("events", 1_000, tap=7, seq=12, marks=frozenset({known.mark}))
    assert made.covers(row(1_000, 1), 8)
    assert made.covers(known, 8)
    assert made.covers(row(2_000, 6, seq=12), 7)
    assert not made.covers(row(2_000, 6, seq=12), 8)
    assert not made.covers(row(2_000, 6, seq=13), 7)
    assert not made.covers(row(1_001, 6, seq=13), 8)


def test_a_window_lists_what_lies_behind_the_floor_and_forgets_the_rest():
    window = Window()
    rows = [row(moment, moment) for moment in (1_500, 3_000, 2_000)]
    for one in rows:
        window.add(one)
    assert cursor.read(window.text(HERE).decode()).marks == {one.mark for one in rows}
    window.advance(2_000)
    assert cursor.read(window.text(HERE).decode()).marks == {rows[1].mark}


def test_what_comes_again_counts_from_its_later_moment():
    window = Window()
    window.add(row(1_500, 1))
    window.add(row(4_000, 1))
    window.advance(2_000)
    assert cursor.read(window.text(HERE).decode()).marks == {row(0, 1).mark}
    window.advance(4_000)
    assert not cursor.read(window.text(HERE).decode()).marks


def test_a_window_of_any_size_makes_a_cursor_that_a_proxy_takes_in_a_header():
    window = Window()
    dice = random.Random(1)
    rows = [row(dice.randrange(2_000, 10**9), dice.getrandbits(64)) for _ in range(10_000)]
    for one in rows:
        window.add(one)
        assert len(window.text(HERE)) < 6_000
    made = cursor.read(window.text(HERE).decode())
    older = [one for one in rows if one.mark not in made.marks]
    assert all(one.ingested <= made.older.until for one in older)
    sketch = Sketch()
    for one in older:
        sketch.add(cursor.number_of(one.mark))
    assert sketch == made.older.sketch
    window.advance(10**9)
    assert window.text(HERE) == Window().text(HERE)


def test_a_mark_stands_in_a_cursor_once_also_when_it_comes_again_after_it_was_sketched():
    window = Window(most=4)
    for moment in (1_500, 1_600, 1_700, 1_800, 1_900):
        window.add(row(moment, moment))
    older = {1_500, 1_600, 1_700}
    again = row(5_000, 1_500)
    window.add(again)
    made = cursor.read(window.text(HERE).decode())
    assert again.mark in made.marks
    assert made.older.sketch == _sketch(older - {1_500})
    window.add(row(1_000, 1_600))  # with an earlier moment it stays where it is
    window.advance(1_500)
    assert cursor.read(window.text(HERE).decode()).older.sketch == _sketch(older - {1_500})
    window.advance(1_700)
    made = cursor.read(window.text(HERE).decode())
    assert (made.older, again.mark in made.marks) == (None, True)


def _sketch(numbers):
    sketch = Sketch()
    for number in numbers:
        sketch.add(number)
    return sketch


def test_a_row_counts_from_the_least_of_its_moments():
    """Another process may know it by that one alone."""
    known = row(2_000, 5)
    known.first = 900
    assert Cursor("events", 1_000).covers(known, 8)


def marks(number):
    return frozenset(index.to_bytes(6, "big") for index in range(number))


@pytest.mark.parametrize(
    ("marks_", "halves", "is_one"),
    [(2 * cursor.MOST_MARKS, cursor.MOST_HALVES, True), (2 * cursor.MOST_MARKS + 1, 0, False), (0, 9, False)],
)
def test_one_that_says_more_than_any_process_writes_is_none(marks_, halves, is_one):
    written = cursor.write(Cursor("events", 1_000, marks=marks(marks_), halves=marks(halves))).decode()
    assert (cursor.read(written) is not None) is is_one


def test_a_window_leaves_room_for_the_marks_of_a_client_who_was_elsewhere():
    window = Window()
    for number in range(cursor.MOST_MARKS):
        window.add(row(2_000 + number, 10**6 + number))
    more = marks(350)
    window.leave_room(len(more))
    made = cursor.read(window.text(HERE, more=more).decode())
    assert made is not None
    assert more <= made.marks
    assert made.older is not None


def test_a_row_whose_composition_came_late_counts_from_then_for_those_who_saw_no_copy_before():
    known = Row(2_000, 5, ("c-1",), b"{}", first=900, plain=("",))
    here = Cursor("events", 1_000)
    assert here.covers(known, 8, lambda values: True)
    assert not here.covers(known, 8, lambda values: values == ("c-1",))
