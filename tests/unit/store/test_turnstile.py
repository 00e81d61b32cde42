"""The bound on how many do something at once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from store import errors
from store.turnstile import Turnstile


def test_no_more_than_the_bound_are_inside_at_once():
    turnstile, guard, inside, most = Turnstile(3, "visitors"), threading.Lock(), 0, 0
    meet = threading.Barrier(3)

    def visit(_: int) -> None:
        nonlocal inside, most
        with turnstile.turn(30):
            with guard:
                inside += 1
                most = max(most, inside)
            meet.wait(10)
            with guard:
                inside -= 1

    with ThreadPoolExecutor(9) as threads:
        list(threads.map(visit, range(9)))
    assert most == 3


def test_who_waits_too_long_is_told_to_ask_for_less():
    turnstile = Turnstile(1, "visitors")
    with (
        turnstile.turn(1),
        pytest.raises(errors.OverloadedError, match=r"1 visitors for 0\.01 s"),
        turnstile.turn(0.01),
    ):
        pass


def test_a_place_is_free_again_after_a_failure():
    turnstile = Turnstile(1, "visitors")
    with pytest.raises(RuntimeError, match="inside"), turnstile.turn(1):
        raise RuntimeError("inside")
    with turnstile.turn(0.01):
        pass


def test_closing_turns_away_who_waits_and_waits_for_who_is_inside():
    turnstile = Turnstile(1, "visitors")
    entered, leave = threading.Event(), threading.Event()

    def stay() -> None:
        with turnstile.turn(1):
            entered.set()
            leave.wait(10)

    def knock() -> None:
        with turnstile.turn(30):
            pass

    with ThreadPoolExecutor(2) as threads:
        staying = threads.submit(stay)
        assert entered.wait(5)
        knocking = threads.submit(knock)
        turnstile.close()
        with pytest.raises(errors.NotReachableError, match="closed"):
            knocking.result(5)
        assert not turnstile.wait_until_empty(0.01)
        leave.set()
        assert turnstile.wait_until_empty(5)
        staying.result(5)
