import threading

import pytest

from ingest.errors import BusyError, TooLargeError
from ingest.memory import LONGEST_PAUSE, Budget


def test_what_is_given_back_can_be_held_again():
    budget = Budget(100)
    lease = budget.reserve(100)
    lease.release()
    assert budget.reserve(100).size == 100


def test_a_request_that_does_not_fit_now_is_asked_to_come_back():
    budget = Budget(100)
    budget.reserve(60)
    with pytest.raises(BusyError) as refused:
        budget.reserve(41)
    assert refused.value.retry_after >= 1
    assert budget.used == 60


def test_a_request_that_can_never_fit_is_told_so_even_when_all_is_taken():
    budget = Budget(2**20)
    budget.reserve(2**20)
    with pytest.raises(TooLargeError, match=r"needs 2\.0 MiB .* raise the memory limit"):
        budget.reserve(2**21)


def test_the_pause_grows_with_refusals_in_a_row_up_to_a_bound_and_starts_again_after_a_success():
    budget = Budget(10)
    lease = budget.reserve(10)

    def pause() -> float:
        with pytest.raises(BusyError) as refused:
            budget.reserve(1)
        return refused.value.retry_after

    pauses = [pause() for _ in range(500)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE
    lease.release()
    budget.reserve(10)
    assert pause() == pauses[0]


def test_giving_back_twice_gives_back_once():
    budget = Budget(100)
    budget.reserve(30)
    lease = budget.reserve(50)
    lease.release()
    lease.release()
    assert budget.used == 30


def test_a_lease_that_shrinks_frees_the_difference_and_the_peak_is_remembered():
    budget = Budget(100)
    lease = budget.reserve(90)
    lease.resize(20)
    assert (budget.used, budget.peak) == (20, 90)


def test_a_lease_may_grow_over_the_limit_since_its_bytes_are_there_already():
    budget = Budget(100)
    budget.reserve(90).resize(120)
    assert budget.used == 120
    with pytest.raises(BusyError):
        budget.reserve(1)


def test_the_gauge_hears_every_change():
    heard: list[int] = []
    lease = Budget(100, watch=heard.append).reserve(10)
    lease.resize(5)
    lease.release()
    assert heard == [10, 5, 0]


def test_threads_that_reserve_and_release_leave_nothing_behind():
    budget = Budget(1_000_000)

    def work() -> None:
        for _ in range(2_000):
            budget.reserve(7).release()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert budget.used == 0


def test_a_lease_grows_for_bytes_to_come_only_where_they_are_free():
    budget = Budget(100)
    budget.reserve(40)
    lease = budget.reserve(20)
    lease.grow(60)
    with pytest.raises(BusyError):
        lease.grow(61)
    with pytest.raises(TooLargeError):
        lease.grow(101)
    lease.grow(5)
    assert (lease.size, budget.used) == (60, 100)


def test_a_lease_that_was_given_back_does_not_grow_again():
    budget = Budget(100)
    lease = budget.reserve(20)
    lease.release()
    with pytest.raises(BusyError, match="given up"):
        lease.grow(30)
    assert budget.used == 0
