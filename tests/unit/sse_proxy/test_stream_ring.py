"""The ring keeps the latest entries within its bounds, and knows since when."""

from sse_proxy.ring import Ring
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
