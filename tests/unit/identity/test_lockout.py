"""Counting wrong credentials by address."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokens_made import Clock

from identity.lockout import Lockout
from identity.settings import LockoutSettings


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def lockout(clock):
    return Lockout(LockoutSettings(failures=3, window_s=60, lock_s=100, addresses=100), clock)


def fail(lockout, peer, times):
    for _ in range(times):
        lockout.failed(peer)


def test_the_last_failure_of_the_allowed_number_locks_the_address_and_no_other(lockout):
    fail(lockout, "10.0.0.1", 2)
    assert lockout.remaining("10.0.0.1") == 0

    lockout.failed("10.0.0.1")

    assert lockout.remaining("10.0.0.1") == 100
    assert lockout.remaining("10.0.0.2") == 0


def test_a_lock_ends_by_itself_and_is_not_made_longer_by_more_failures(lockout, clock):
    fail(lockout, "10.0.0.1", 3)
    clock.now += 99
    fail(lockout, "10.0.0.1", 50)
    assert lockout.remaining("10.0.0.1") == 1

    clock.now += 1

    assert lockout.remaining("10.0.0.1") == 0
    fail(lockout, "10.0.0.1", 2)
    assert lockout.remaining("10.0.0.1") == 0


def test_failures_that_lie_far_apart_do_not_lock(lockout, clock):
    for _ in range(20):
        lockout.failed("10.0.0.1")
        clock.now += 31

    assert lockout.remaining("10.0.0.1") == 0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2001:db8::1", "2001:db8::ffff:2"),
        ("10.0.0.1", "::ffff:10.0.0.1"),
        ("fe80::1%eth0", "fe80::1%eth1"),
        ("[2001:db8::1]", "2001:db8::1"),
    ],
)
def test_addresses_that_one_party_has_count_together(lockout, one, other):
    fail(lockout, one, 3)

    assert lockout.remaining(other) > 0


def test_another_network_of_ipv6_counts_apart(lockout):
    fail(lockout, "2001:db8:0:1::1", 3)

    assert lockout.remaining("2001:db8:0:2::1") == 0


def test_the_table_is_bounded_and_forgets_who_was_not_seen_for_longest(lockout):
    fail(lockout, "10.9.9.9", 3)
    fail(lockout, "10.8.8.8", 2)
    for number in range(98):
        lockout.failed(f"10.0.0.{number}")
    lockout.failed("10.8.8.8")
    lockout.failed("10.0.1.1")

    assert len(lockout) == 100
    assert lockout.remaining("10.9.9.9") == 0
    assert lockout.remaining("10.8.8.8") > 0


@given(st.text())
def test_any_text_counts_as_an_address(peer):
    lockout = Lockout(LockoutSettings(failures=1))

    lockout.failed(peer)

    assert lockout.remaining(peer) > 0
