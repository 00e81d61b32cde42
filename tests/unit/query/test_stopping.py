"""Stopping what nobody waits for: said until it is so, for a bounded time."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from query import stopping
from store.errors import MisconfiguredError
from store.port import Answer

NOTHING = Answer((), [], 0.0, 0, 0, "")
PATIENCE = 20.0


@pytest.fixture
def statement():
    """A statement that runs in a thread until it is let go."""
    begun, may_end = threading.Event(), threading.Event()

    def run():
        begun.set()
        assert may_end.wait(PATIENCE)
        return NOTHING

    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(run)
        assert begun.wait(PATIENCE)
        yield answer, may_end
        may_end.set()


def test_a_kill_that_finds_nothing_is_said_again(statement):
    answer, may_end = statement
    said = []

    def cancel(query_id):
        said.append(query_id)
        if len(said) == 3:
            may_end.set()

    assert asyncio.run(stopping.stop(answer, cancel, "a")) is None
    assert said == ["a"] * 3
    assert answer.done()


def test_a_statement_that_goes_on_is_told_after_a_while(statement, monkeypatch, caplog):
    answer, _ = statement
    monkeypatch.setattr(stopping, "BOUND_S", 0.0)

    problem = asyncio.run(stopping.stop(answer, lambda _: None, "a"))

    assert "runs on" in str(problem)
    assert "query id a could not be stopped" in caplog.text
    assert not answer.done()


def test_a_kill_that_is_refused_is_told_and_not_said_again(statement):
    answer, _ = statement
    said = []

    def cancel(query_id):
        said.append(query_id)
        raise MisconfiguredError("may not kill", code=497)

    problem = asyncio.run(stopping.stop(answer, cancel, "a"))

    assert isinstance(problem, MisconfiguredError)
    assert said == ["a"]


def test_stopping_goes_on_when_who_waits_for_it_is_cancelled_again(statement):
    answer, may_end = statement
    said = []

    def cancel(query_id):
        said.append(query_id)
        if len(said) == 3:
            may_end.set()

    async def go_away_twice():
        waiting = asyncio.ensure_future(stopping.stop(answer, cancel, "a"))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await asyncio.wait_for(asyncio.to_thread(answer.result), PATIENCE)

    asyncio.run(go_away_twice())

    assert len(said) == 3


def test_what_waits_in_the_queue_is_taken_out_of_it():
    busy, may_end = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as threads:
        threads.submit(lambda: (busy.set(), may_end.wait(PATIENCE)))
        assert busy.wait(PATIENCE)
        queued = threads.submit(lambda: NOTHING)

        assert asyncio.run(stopping.stop(queued, pytest.fail, "a")) is None
        may_end.set()

    assert queued.cancelled()
