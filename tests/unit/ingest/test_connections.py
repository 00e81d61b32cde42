"""A table of connections makes room by dropping those that are idle, and nobody who is at work."""

import asyncio

import pytest

from ingest.connections import Connections


class Line:
    """A connection that remembers what was done to it."""

    def __init__(self) -> None:
        self.dropped = False
        self.checks: list[tuple[float, float]] = []

    def drop(self) -> None:
        self.dropped = True

    def check_unread(self, now: float, patience: float) -> None:
        self.checks.append((now, patience))
        if len(self.checks) == 3:
            self.looked_at_thrice.set()


@pytest.fixture
def table() -> Connections:
    return Connections(3, 2)


def opened(table: Connections, address: str) -> Line:
    line = Line()
    assert table.opened(line, address)
    return line


def test_a_full_table_drops_the_longest_idle_for_a_newcomer(table):
    first, second, third = (opened(table, address) for address in "abc")
    table.working(first)
    table.resting(first)
    opened(table, "d")
    assert [line.dropped for line in (first, second, third)] == [False, True, False]
    assert len(table) == 3


def test_when_all_are_at_work_a_newcomer_is_refused(table):
    lines = [opened(table, address) for address in "abc"]
    for line in lines:
        table.working(line)
    assert not table.opened(Line(), "d")
    table.closed(lines[0])
    opened(table, "d")
    assert not any(line.dropped for line in lines)


def test_one_address_drives_out_its_own_connections_and_no_others(table):
    other, first, second = opened(table, "b"), opened(table, "a"), opened(table, "a")
    opened(table, "a")
    assert [line.dropped for line in (other, first, second)] == [False, True, False]
    table.working(second)


def test_an_address_with_all_its_connections_at_work_is_refused_while_there_is_room(table):
    for line in (opened(table, "a"), opened(table, "a")):
        table.working(line)
    assert not table.opened(Line(), "a")
    opened(table, "b")


def test_what_was_closed_is_forgotten_even_if_it_is_told_twice(table):
    line = opened(table, "a")
    for _ in range(2):
        table.closed(line)
        table.working(line)
        table.resting(line)
    assert len(table) == 0
    assert not table._idle
    assert not table._idle_of
    assert not table._counts


def test_every_connection_is_looked_at_again_and_again_until_that_is_stopped(table):
    line = opened(table, "a")

    async def play() -> None:
        line.looked_at_thrice = asyncio.Event()
        table.watch_unread(0.02)
        await asyncio.wait_for(line.looked_at_thrice.wait(), 10)
        timer = table._timer
        table.stop_watching()
        assert timer.cancelled()

    asyncio.run(play())
    assert {patience for _, patience in line.checks} == {0.02}
