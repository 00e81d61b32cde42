"""The ring keeps the latest entries within its bounds, and knows since when."""

from sse_proxy.ring import MOST_DROPPED, Ring
from sse_proxy.rows import Hole, Row


def row(ingested, data=b"", clock=0):
    return Row(ingested, ingested, (), data, clock=clock)


def test_entries_get_their_places_in_order():
    ring = Ring(10, 10**6)
    assert (ring.first, ring.last) == (1, 0)
    ring.add([row(5), Hole(5, 6, None, "flood"), row(3)])
    assert [entry.seq for entry in ring.after(0)] == [1, 2, 3]
    assert [entry.seq for entry in ring.after(2)] == [3]
    assert ring.after(3) == []


def test_the_oldest_go_first_and_leave_their_moment():
    ring = Ring(2, 10**6)
    ring.add([row(5), row(9), row(7), row(8)])
    assert (ring.first, ring.last, ring.since) == (3, 4, 9)


def test_bytes_bound_it_too_but_for_the_newest():
    ring = Ring(1_000, 5_000)
    ring.add([row(moment, b"x" * 1_000) for moment in range(1, 10)])
    assert len(ring) == 3
    assert ring.bytes <= 5_000
    ring.add([row(10, b"x" * 9_000)])
    assert (len(ring), ring.since) == (1, 9)


def test_entries_are_found_by_when_they_were_asked_for():
    ring = Ring(10, 10**6)
    ring.add([row(1, clock=10), row(2, clock=20), row(3, clock=20), row(4, clock=30)])
    assert [entry.ingested for entry in ring.asked_since(20)] == [2, 3, 4]


def test_what_filters_look_at_counts_as_well():
    ring = Ring(1_000, 100_000)
    ring.add([Row(moment, moment, ("", "x" * 30_000), b"") for moment in range(1, 6)])
    assert len(ring) == 3


def test_a_clock_that_goes_back_hides_nothing():
    ring = Ring(10, 10**6)
    ring.add([row(1, clock=10), row(2, clock=30), row(3, clock=20), row(4, clock=40)])
    assert [entry.ingested for entry in ring.asked_since(25)] == [2, 3, 4]


def late(moment, seen_at, rows=1):
    return Hole(moment - 1, moment, rows, "overdue", seen_at, seen_at, heard_by=seen_at + 10)


def test_late_holes_are_kept_on_when_they_have_left_the_ring_and_others_are_not():
    ring = Ring(1, 10**6)
    ring.add([late(5, 100), Hole(100, 110, None, "flood"), row(120)])
    assert [(hole.after, hole.until, hole.seq) for hole in ring.dropped] == [(4, 5, 1)]


def test_of_many_late_holes_the_oldest_become_one():
    ring = Ring(1, 10**6)
    ring.add([late(moment, 1_000 + moment) for moment in range(MOST_DROPPED + 11)])
    oldest, next_one, *_ = ring.dropped
    assert len(ring.dropped) == MOST_DROPPED
    assert (oldest.after, oldest.until, oldest.rows, oldest.seq, oldest.heard_by) == (-1, 10, 11, 11, 1_020)
    assert (next_one.after, next_one.seq) == (10, 12)


def test_a_floor_that_goes_back_opens_nothing_again():
    ring = Ring(10, 10**6)
    ring.add([Row(5, 5, (), b"", floor=4), Hole(5, 6, None, "flood", floor=2)])
    ring.add([Row(7, 7, (), b"", floor=3), Row(9, 9, (), b"", floor=8)])
    assert [entry.floor for entry in ring.after(0)] == [4, 4, 4, 8]
