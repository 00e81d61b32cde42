"""How many questions one reader may have under way."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from identity.reader import Reader, Role
from query.errors import TooManyError
from query.fairness import Shares

ME, YOU, NOBODY = (Reader(name, Role.VIEWER) for name in ("me", "you", "anonymous"))
PATIENCE = 10.0


async def entered(shares: Shares, stack: AsyncExitStack, reader: Reader) -> None:
    await stack.enter_async_context(shares.turn(reader))


def test_a_question_beyond_the_share_waits_for_the_reader_s_own_and_for_nobody_else_s():
    async def scene() -> list[str]:
        shares, told, leave = Shares(1, 5, PATIENCE), asyncio.Queue(), asyncio.Event()

        async def ask(name: str, reader: Reader) -> None:
            async with shares.turn(reader):
                told.put_nowait(name)
                await leave.wait()

        asking = [asyncio.create_task(ask(name, reader)) for name, reader in (("1", ME), ("2", ME), ("3", YOU))]
        before = [await told.get(), await told.get()]
        leave.set()
        await asyncio.gather(*asking)
        return [*before, told.get_nowait()]

    assert asyncio.run(scene()) == ["1", "3", "2"]


def test_more_than_may_wait_are_refused_at_once():
    async def scene() -> str:
        shares = Shares(1, 1, PATIENCE)
        async with AsyncExitStack() as stack:
            await entered(shares, stack, ME)
            waiting = asyncio.create_task(entered(shares, stack, ME))
            await asyncio.sleep(0)
            with pytest.raises(TooManyError) as refused:
                await entered(shares, stack, ME)
            waiting.cancel()
            await asyncio.wait([waiting])
        return refused.value.message

    assert "2 questions of yours are under way or waiting" in asyncio.run(scene())


def test_one_that_waits_too_long_is_refused():
    async def scene() -> str:
        shares = Shares(1, 1, 0.01)
        async with shares.turn(ME):
            with pytest.raises(TooManyError) as refused:
                await shares.turn(ME).__aenter__()
        return refused.value.message

    assert "waiting for 0.01 seconds" in asyncio.run(scene())


def test_turns_come_back_also_from_those_who_fail_or_go_away_and_nothing_is_remembered():
    async def scene() -> int:
        shares = Shares(1, 1, PATIENCE)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                async with shares.turn(ME):
                    raise ZeroDivisionError
        async with shares.turn(ME):
            waiting = asyncio.create_task(shares.turn(ME).__aenter__())
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
        async with shares.turn(ME):
            pass
        return len(shares._queues)

    assert asyncio.run(scene()) == 0


@pytest.mark.parametrize(("at_once", "reader"), [(1, NOBODY), (0, ME)])
def test_who_is_nobody_in_particular_and_where_nothing_is_set_there_is_no_bound(at_once, reader):
    async def scene() -> int:
        shares = Shares(at_once, 0, PATIENCE)
        async with AsyncExitStack() as stack:
            for _ in range(5):
                await entered(shares, stack, reader)
            return 5

    assert asyncio.run(scene()) == 5
