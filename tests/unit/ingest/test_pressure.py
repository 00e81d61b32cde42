"""While the event loop is busy one sender may have fewer requests at work beside others."""

import math

import pytest

from ingest.pressure import FEWEST, INTERVAL, Pressure, thread_seconds


class Loop:
    """A thread of which the clock and the time spent are known."""

    now = 0.0
    spent = 0.0

    def pass_by(self, seconds: float, busy: float) -> None:
        self.now += seconds
        self.spent += busy * seconds


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def pressure(loop) -> Pressure:
    pressure = Pressure(lambda: loop.now, lambda: loop.spent)
    pressure.requests_at_once(1000)
    return pressure


def look(pressure: Pressure, loop: Loop, busy: float, times: int = 1) -> float:
    for _ in range(times):
        loop.pass_by(INTERVAL, busy)
        width = pressure.requests_at_once(1000)
    return width


def test_a_loop_with_time_to_spare_narrows_nothing(pressure, loop):
    assert look(pressure, loop, 0.5, times=20) == 1000


def test_a_busy_loop_halves_the_number_down_to_the_fewest(pressure, loop):
    assert look(pressure, loop, 1.0) == 500
    assert look(pressure, loop, 1.0) == 250
    assert look(pressure, loop, 1.0, times=20) == FEWEST


def test_it_grows_again_once_there_is_time(pressure, loop):
    look(pressure, loop, 1.0, times=20)
    assert FEWEST < look(pressure, loop, 0.5) < 2 * FEWEST
    assert look(pressure, loop, 0.5, times=100) == 1000


def test_looks_are_not_taken_more_often_than_it_takes_to_tell(pressure, loop):
    loop.pass_by(INTERVAL / 2, 1.0)
    assert pressure.requests_at_once(1000) == 1000


def test_there_are_never_more_than_asked_for(pressure):
    assert pressure.requests_at_once(10) == 10


def test_the_time_of_this_thread_is_measured():
    before = thread_seconds()
    while thread_seconds() == before:
        math.factorial(1000)
    assert thread_seconds() > before
