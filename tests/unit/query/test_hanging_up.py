"""Nobody works for an asker who hung up."""

import asyncio

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from query.hanging_up import unless_gone

PATIENCE = 20.0


class Line:
    """A connection whose other end may hang up."""

    def __init__(self) -> None:
        self.hung_up = asyncio.Event()
        self._body_was_read = False

    async def receive(self):
        if not self._body_was_read:
            self._body_was_read = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.hung_up.wait()
        return {"type": "http.disconnect"}

    def request(self) -> Request:
        return Request({"type": "http", "method": "GET", "path": "/q", "headers": []}, self.receive)


def run(scene):
    asyncio.run(asyncio.wait_for(scene(), PATIENCE))


def others():
    return asyncio.all_tasks() - {asyncio.current_task()}


def test_who_waits_gets_the_answer_and_nothing_is_left_running():
    async def scene():
        async def answer():
            return "rows"

        before = others()
        assert await unless_gone(Line().request(), answer()) == "rows"
        assert others() == before

    run(scene)


def test_a_failure_is_told_to_who_waits():
    async def scene():
        async def answer():
            raise LookupError("no such table")

        with pytest.raises(LookupError, match="no such table"):
            await unless_gone(Line().request(), answer())

    run(scene)


def test_when_the_asker_hangs_up_the_work_is_cancelled_and_its_end_is_waited_for():
    async def scene():
        line, begun, stopped = Line(), asyncio.Event(), []

        async def answer():
            begun.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                await asyncio.sleep(0)  # to stop a statement takes a moment of its own
                stopped.append(True)
                raise

        async def hang_up():
            await begun.wait()
            line.hung_up.set()

        hanging = asyncio.create_task(hang_up())
        before = others()
        with pytest.raises(HTTPException) as gone:
            await unless_gone(line.request(), answer())
        await hanging

        assert gone.value.status_code == 499
        assert stopped == [True]
        assert others() <= before

    run(scene)


def test_when_the_server_itself_gives_up_the_work_is_cancelled_too():
    async def scene():
        begun, stopped = asyncio.Event(), []

        async def answer():
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                stopped.append(True)

        asking = asyncio.create_task(unless_gone(Line().request(), answer()))
        await begun.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert stopped == [True]

    run(scene)
