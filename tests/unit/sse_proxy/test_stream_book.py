"""The book knows how many rows there were between two moments, in whichever order it heard of them, and is bounded."""

import random

from sse_proxy import book
from sse_proxy.book import Account, Book


def test_an_account_is_of_the_rows_between_two_moments():
    here = Book()
    here.add([(5, 1), (7, 2)])
    here.add([(9, 4)])
    assert here.account(5, 7) == Account(5, 7, 2)
    assert here.account(0, 100) == Account(0, 100, 7)


def test_late_rows_count_at_their_own_moment():
    dice, here = random.Random(1), Book()
    rows = [(moment, dice.randrange(5)) for moment in range(1, 200)]
    dice.shuffle(rows)
    for begin in range(0, len(rows), 20):
        here.add(rows[begin : begin + 20])
    for after in range(0, 200, 7):
        assert here.account(after, 150).rows == sum(n for moment, n in rows if after < moment <= 150)


def test_what_is_not_known_is_not_compared():
    here = Book()
    here.begin(10)
    here.add([(5, 1), (11, 3)])
    assert here.account(0, 20) == Account(10, 20, 3)
    assert here.more_than(Account(9, 20, 0)) is None
    assert here.more_than(Account(10, 20, 1)) == 2
    assert here.more_than(Account(10, 20, 5)) == 0


def test_it_forgets_what_is_too_much(monkeypatch):
    monkeypatch.setattr(book, "MOST_MOMENTS", 100)
    here = Book()
    for moment in range(1, 1_000):
        here.add([(moment, 1)])
    assert len(here._moments) == len(here._sums) <= 100
    account = here.account(0, 999)
    assert account.rows == 999 - account.after
    assert 49 <= account.rows <= 100


def test_an_account_that_ends_before_what_is_known_is_empty():
    here = Book()
    here.begin(100)
    assert here.account(10, 50) == Account(50, 50, 0)
