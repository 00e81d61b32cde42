"""How entries of the spool become INSERTs: what shares a token, when it may be taken, and in which order."""

import pytest

from ingest.spool.entry import SpoolEntry
from ingest.units import Queue, Unit, UnitLimits

LIMITS = UnitLimits(max_bytes=1_000, max_items=10, max_age=0.5)


class Disk:
    """Gives entries their numbers, as the spool does."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        self.number = 0

    def entry(self, token: str, items: int = 1, size: int = 10) -> SpoolEntry:
        self.number += 1
        return SpoolEntry(self.number, "logs", token, items, size, 0.0)

    def commit(self, now: float, items: int = 1, size: int = 10) -> Unit:
        unit = self.queue.begin(now)
        self.queue.end(unit, self.entry(unit.token, items, size))
        return unit


@pytest.fixture
def disk() -> Disk:
    return Disk(Queue("logs", LIMITS))


def test_commits_of_one_moment_are_one_insert(disk: Disk):
    first, second = disk.commit(0.0), disk.commit(0.1)
    assert first is second
    assert disk.queue.take(0.4) is None, "company may still come"
    assert disk.queue.next_try() == 0.5
    assert disk.queue.take(0.5) is first
    assert [entry.token for entry in first.entries] == [first.token] * 2


@pytest.mark.parametrize(("items", "size"), [(10, 1), (1, 1_000)])
def test_a_full_unit_may_be_taken_at_once_and_the_next_commit_has_another_token(disk: Disk, items: int, size: int):
    full = disk.commit(0.0, items, size)
    assert disk.queue.take(0.0) is full
    assert disk.commit(0.0).token != full.token


def test_a_unit_is_not_taken_while_a_commit_to_it_is_under_way(disk: Disk):
    unit = disk.commit(0.0)
    assert disk.queue.begin(0.1) is unit
    assert disk.queue.take(9.0) is None
    assert disk.queue.next_try() is None, "the end of the commit tells, no clock"
    assert disk.commit(9.0) is not unit, "a closed unit does not grow"
    disk.queue.offered.clear()
    disk.queue.end(unit, disk.entry(unit.token))
    assert disk.queue.offered.is_set()
    assert disk.queue.take(9.0) is unit
    assert len(unit.entries) == 2


def test_a_commit_that_fails_leaves_nothing_behind(disk: Disk):
    unit = disk.queue.begin(0.0)
    disk.queue.end(unit, None)
    assert disk.queue.units == 0
    assert disk.queue.take(9.0) is None
    assert disk.queue.next_try() is None


def test_units_are_taken_in_the_order_in_which_they_were_written(disk: Disk):
    units = [disk.commit(0.0, items=10) for _ in range(5)]
    taken = disk.queue.take(0.0)
    assert taken is units[0]
    disk.queue.offer(taken)
    assert [disk.queue.take(0.0) for _ in range(6)] == [*units, None]


def test_a_unit_that_must_wait_lets_the_others_go_before_it(disk: Disk):
    first, second = disk.commit(0.0, items=10), disk.commit(0.0, items=10)
    assert disk.queue.take(0.0) is first
    first.not_before = 7.0
    disk.queue.offer(first)
    assert disk.queue.take(1.0) is second
    assert disk.queue.take(1.0) is None
    assert disk.queue.next_try() == 7.0
    assert disk.queue.take(7.0) is first


def test_the_queue_counts_what_is_in_the_spool_whoever_holds_it(disk: Disk):
    disk.commit(0.0)
    disk.commit(0.0)
    own = Unit("logs", "own", entries=[disk.entry("own")])
    disk.queue.hold(own)
    assert disk.queue.units == 2
    disk.queue.take(9.0)
    assert disk.queue.units == 2
    disk.queue.forget()
    assert (disk.queue.units, disk.queue.stored) == (1, 1)
