"""One bounded thing is shared out so that nobody who wants little goes without."""

import pytest

from ingest import shares
from ingest.shares import ACTIVE_S, Shares, Verdict


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def take(table: Shares, key: str, size: int) -> bool:
    fits = table.verdict(key, size) is Verdict.FITS
    if fits:
        table.add(key, size)
    return fits


def fill(table: Shares, key: str, step: int = 1) -> int:
    while take(table, key, step):
        pass
    return table.held(key)


def test_a_sender_alone_may_have_all_but_an_eighth(clock):
    assert fill(Shares(800, clock=clock), "a") == 700


def test_a_newcomer_finds_an_eighth_free_beside_any_number_of_floods(clock):
    table = Shares(800, clock=clock)
    while sum(take(table, key, 1) for key in "abcdef"):
        pass
    assert table.used == 700
    assert fill(table, "new") == 100


def test_beside_others_a_sender_has_half_at_most_and_what_it_has_over_that_is_not_taken_away(clock):
    table = Shares(800, clock=clock)
    fill(table, "flood")
    assert table.verdict("polite", 1) is Verdict.FITS
    assert table.held("flood") == 700
    table.add("flood", -300)
    assert table.verdict("flood", 1) is Verdict.OVER_SHARE
    table.add("flood", -1)
    assert table.verdict("flood", 1) is Verdict.FITS


def test_the_share_is_a_setting(clock):
    table = Shares(800, 0.25, clock)
    take(table, "polite", 1)
    assert fill(table, "flood") == 266, "up to the even part of three, 800 / 3, a sender may always have"
    table = Shares(800, 1.0, clock)
    take(table, "polite", 1)
    assert fill(table, "flood") == 699


def test_a_senders_only_request_may_take_what_is_free(clock):
    table = Shares(800, clock=clock)
    take(table, "polite", 100)
    assert take(table, "large", 700)
    assert table.verdict("large", 1) is Verdict.OVER_SHARE


def test_a_request_that_grows_is_still_its_senders_only_one(clock):
    table = Shares(800, clock=clock)
    take(table, "polite", 100)
    take(table, "large", 300)
    assert table.verdict("large", 400, own=300) is Verdict.FITS
    assert table.verdict("large", 400) is Verdict.OVER_SHARE
    assert table.verdict("large", 401, own=300) is Verdict.FULL


def test_the_house_itself_has_no_share(clock):
    table = Shares(800, clock=clock)
    assert fill(table, "") == 0
    assert table.used == 800
    assert table.active == 0
    assert table.verdict("", 1) is Verdict.FULL


def test_what_is_full_without_ones_own_doing_is_told_apart_from_a_share(clock):
    table = Shares(800, clock=clock)
    table.add("", 800)
    assert table.verdict("a", 1) is Verdict.FULL
    alone = Shares(2, clock=clock)
    fill(alone, "a")
    assert alone.verdict("a", 1) is Verdict.FULL


def test_a_sender_that_was_refused_counts_as_active_until_it_is_silent_for_a_while(clock):
    table = Shares(800, clock=clock)
    fill(table, "flood")
    table.verdict("polite", 500)
    table.add("flood", -200)
    assert table.verdict("flood", 1) is Verdict.OVER_SHARE
    clock.now += ACTIVE_S + 1
    assert table.verdict("flood", 1) is Verdict.FITS


def test_senders_that_hold_nothing_are_forgotten_and_never_more_than_so_many_remembered(clock, monkeypatch):
    monkeypatch.setattr(shares, "MOST_IDLE", 10)
    table = Shares(800, clock=clock)
    take(table, "stays", 1)
    for number in range(100):
        take(table, str(number), 1)
        table.add(str(number), -1)
    assert table.active <= 12
    clock.now += ACTIVE_S + 1
    table.verdict("stays", 1)
    assert table.active == 1


def test_to_want_nothing_more_is_fine_however_much_is_taken(clock):
    table = Shares(800, clock=clock)
    fill(table, "flood")
    table.add("polite", 200)
    assert table.used > table.limit
    assert table.verdict("flood", 0) is Verdict.FITS
