"""A row is known by what it holds and when it came; what may come again, by its identity alone."""

from sse_proxy import rows
from sse_proxy.feeds import EVENTS, LOGS
from sse_proxy.rows import Row


def answer(feed, *pairs):
    return [(moment, identity, *([""] * len(feed.columns)), "{}") for moment, identity in pairs]


def ids(feed, *pairs):
    return [one.id for one in rows.read(feed, answer(feed, *pairs))]


def test_rows_that_agree_in_everything_are_rows_of_their_own_and_the_same_when_read_again():
    found = ids(LOGS, (1, 7), (1, 7), (1, 8), (2, 7))
    assert len(set(found)) == 4
    assert ids(LOGS, (1, 7), (1, 7), (1, 7))[:2] == found[:2]


def test_an_event_is_the_same_at_any_moment():
    assert ids(EVENTS, (1, 7), (1, 7), (2, 7)) == [7, 7, 7]


def test_cells_stand_between_the_id_and_the_json():
    (one,) = rows.read(LOGS, [(5, 6, *range(len(LOGS.columns)), '{"a":1}')])
    assert (one.ingested, one.values, one.data) == (5, tuple(range(len(LOGS.columns))), '{"a":1}')


def test_a_mark_is_the_end_of_an_id():
    assert Row(1, 0xFFEE_0102_0304_0506, (), b"").mark == bytes([1, 2, 3, 4, 5, 6])
