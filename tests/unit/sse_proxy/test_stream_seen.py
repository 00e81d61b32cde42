"""A tap reads what is new, once."""

from sse_proxy.rows import Read
from sse_proxy.seen import Group, Seen


def read(ingested, number):
    return Read(ingested, number, (), "{}")


def test_only_moments_with_something_new_are_read():
    seen = Seen(comes_again=False)
    first, second = Group(1, 2, 0), Group(2, 5, 0)
    assert seen.news([first, second]) == [first, second]
    seen.took(first)
    assert seen.news([first, second]) == [second]
    grown = Group(1, 3, 0)
    assert seen.news([grown]) == [grown]


def test_of_a_moment_that_grew_only_new_rows_are_new():
    seen = Seen(comes_again=False)
    assert [seen.is_new(read(1, number)) for number in (7, 8, 7)] == [True, True, False]
    assert seen.is_new(read(1, 9))
    assert seen.is_new(read(2, 7))  # the same at another moment is another row


def test_what_comes_again_is_a_repeat_at_any_moment():
    seen = Seen(comes_again=True)
    seen.know([(5, False)])
    assert seen.is_repeat(read(1, 5))
    assert not seen.is_repeat(read(1, 6))
    assert seen.is_repeat(read(9, 6))


def test_memory_of_repeats_is_bounded_and_the_oldest_goes():
    seen = Seen(comes_again=True, most_known=2)
    seen.know([(one, False) for one in (1, 2, 1, 3)])
    assert [seen.is_repeat(read(0, number)) for number in (1, 3)] == [True, True]
    assert not seen.is_repeat(read(0, 2))


def test_moments_that_are_over_are_forgotten():
    seen = Seen(comes_again=False)
    seen.took(Group(1, 1, 0))
    seen.is_new(read(1, 7))
    seen.forget(1)
    assert seen.news([Group(1, 1, 0)])
    assert seen.is_new(read(1, 7))
