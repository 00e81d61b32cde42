import threading

import pytest

from ingest.errors import BusyError, OverShareError, TooLargeError
from ingest.memory import LONGEST_PAUSE, WANTED_FOR, Budget, Lease


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


def test_a_flood_is_told_that_it_holds_its_share_while_another_still_gets_in():
    budget = Budget(8 * 2**20)
    polite = budget.reserve(2**20, "polite")
    flood = [budget.reserve(2**20, "flood") for _ in range(4)]
    with pytest.raises(OverShareError, match=r"holds 4\.0 MiB of this sender") as refused:
        budget.reserve(2**20, "flood")
    assert refused.value.retry_after >= 1
    budget.reserve(2**20, "polite").release()
    flood[0].release()
    budget.reserve(2**20, "flood")
    polite.release()
    assert (budget.held_by("flood"), budget.held_by("polite")) == (4 * 2**20, 0)


def test_the_share_is_a_setting_of_the_budget():
    budget = Budget(1000, share=0.75)
    budget.reserve(1, "polite")
    leases = [budget.reserve(250, "flood") for _ in range(3)]
    with pytest.raises(OverShareError):
        budget.reserve(1, "flood")
    assert sum(lease.size for lease in leases) == 750


def test_rows_that_wait_for_their_insert_count_for_their_sender():
    budget = Budget(1000)
    waiting = Lease(budget, 0, "flood")
    waiting.resize(600)
    budget.reserve(10, "polite")
    with pytest.raises(OverShareError):
        budget.reserve(10, "flood")
    waiting.release()
    budget.reserve(10, "flood")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_a_sender_was_refused_a_moment_ago_is_refused_before_it_is_read_again():
    clock = Clock()
    budget = Budget(1000, clock=clock)
    budget.reserve(10, "polite")
    held = budget.reserve(300, "flood")
    budget.expect("flood")
    with pytest.raises(OverShareError):
        budget.reserve(300, "flood")
    with pytest.raises(OverShareError):
        budget.expect("flood")
    budget.expect("polite")
    clock.now += WANTED_FOR
    budget.expect("flood")
    held.release()
    budget.expect("flood")


def test_a_senders_pause_grows_with_its_own_refusals_alone():
    budget = Budget(1000)
    budget.reserve(10, "polite")
    budget.reserve(500, "flood")

    def pause() -> float:
        with pytest.raises(OverShareError) as refused:
            budget.expect("flood")
        return refused.value.retry_after

    assert [pause() for _ in range(500)][-1] == LONGEST_PAUSE
    budget.reserve(484, "")
    with pytest.raises(BusyError) as refused:
        budget.reserve(100, "polite")
    assert refused.value.retry_after == 1
