"""A ClickHouse that is not there when the house opens is tried for until it is."""

import asyncio
import logging

import pytest

from otelhouse import receiving
from otelhouse.opening import NotYetError, StartError
from otelhouse.receiving import Arrival

PATIENCE = 20.0


@pytest.fixture(autouse=True)
def attempts_are_close(monkeypatch):
    monkeypatch.setattr(receiving, "PAUSE", 0.0)


class ClickHouse:
    """Comes up after it failed as often as it is told to."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.attempts = 0
        self.arrivals = 0
        self.there = asyncio.Event()

    async def bring_up(self) -> None:
        self.attempts += 1
        if self.failures:
            raise self.failures.pop(0)

    def arrived(self) -> None:
        self.arrivals += 1
        self.there.set()


def told(caplog) -> list[logging.LogRecord]:
    return [one for one in caplog.records if one.levelno >= logging.WARNING]


def arrive(*failures: Exception) -> ClickHouse:
    """Wait for a ClickHouse with these failures before it."""

    async def play() -> ClickHouse:
        clickhouse = ClickHouse(*failures)
        arrival = Arrival(clickhouse.bring_up, clickhouse.arrived)
        arrival.start()
        await asyncio.wait_for(clickhouse.there.wait(), PATIENCE)
        await arrival.close()
        return clickhouse

    return asyncio.run(play())


def test_it_is_tried_for_until_it_is_there_and_that_is_told_once():
    clickhouse = arrive(*(NotYetError("down") for _ in range(5)))
    assert (clickhouse.attempts, clickhouse.arrivals) == (6, 1)


def test_that_it_does_not_answer_is_told_once_in_a_while(caplog):
    arrive(*(NotYetError("down") for _ in range(2 * receiving.LOG_EVERY)))
    assert [one.getMessage() for one in told(caplog)] == ["telemetry waits in the spool: down"] * 2


def test_what_somebody_has_to_mend_is_told_at_every_attempt(caplog):
    arrive(*(StartError("an old version") for _ in range(3)))
    assert len(told(caplog)) == 3


def test_what_nobody_expected_is_told_with_its_traceback_and_does_not_end_the_attempts(caplog):
    assert arrive(ZeroDivisionError("a bug")).arrivals == 1
    assert [bool(one.exc_info) for one in told(caplog)] == [True]


def test_a_house_that_closes_before_does_not_hear_of_an_arrival():
    async def play() -> None:
        clickhouse, tried = ClickHouse(), asyncio.Event()

        async def never() -> None:
            tried.set()
            await asyncio.Event().wait()

        arrival = Arrival(never, clickhouse.arrived)
        await arrival.close()
        arrival.start()
        await asyncio.wait_for(tried.wait(), PATIENCE)
        await arrival.close()
        await arrival.close()
        assert clickhouse.arrivals == 0

    asyncio.run(play())
