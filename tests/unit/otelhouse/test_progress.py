"""People are told what takes long, and are not bothered by what does not."""

import asyncio

import pytest

from otelhouse.progress import Progress


def test_what_ends_at_once_is_not_mentioned():
    told = []

    async def answer():
        return 42

    assert asyncio.run(Progress(told.append).during("thinking", answer())) == 42
    assert told == []


def test_what_takes_long_is_told_while_it_runs_and_when_it_ends():
    told = []

    async def scenario():
        done = asyncio.Event()

        def say(text):
            told.append(text)
            done.set()

        return await Progress(say, patience=0.001).during("thinking", done.wait())

    assert asyncio.run(scenario()) is True
    assert told[0].startswith("thinking ... ")
    assert told[-1].startswith("thinking took ")


def test_a_failure_is_passed_on():
    async def fail():
        raise LookupError("nothing there")

    with pytest.raises(LookupError, match="nothing there"):
        asyncio.run(Progress(print).during("looking", fail()))


def test_work_that_nobody_waits_for_any_more_is_cancelled():
    async def scenario():
        begun, cancelled = asyncio.Event(), asyncio.Event()

        async def work():
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()

        waiting = asyncio.ensure_future(Progress(print).during("working", work()))
        await asyncio.wait_for(begun.wait(), 5)
        waiting.cancel()
        await asyncio.wait_for(cancelled.wait(), 5)

    asyncio.run(scenario())
