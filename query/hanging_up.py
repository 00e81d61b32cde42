"""Who asks may go away before the answer is there; then nobody waits for it.

In: a request and what is being done for it. Out: what came of it, or `HTTPException` 499 when the asker hung up; then
the work is cancelled, which stops its statement in ClickHouse.
"""

import asyncio
import logging
from collections.abc import Awaitable
from typing import TypeVar

from fastapi import Request
from starlette.exceptions import HTTPException

log = logging.getLogger(__name__)

T = TypeVar("T")


async def unless_gone(request: Request, asking: Awaitable[T]) -> T:
    """Wait for the answer as long as somebody waits for it; giving up stops the statement in ClickHouse."""
    answer = asyncio.ensure_future(asking)
    gone = asyncio.create_task(_hung_up(request), name="hung-up")
    try:
        await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        log.info("the asker hung up; %s is stopped", request.url.path)
        raise HTTPException(499, "The asker hung up")  # nobody reads it; nginx's number for it
    finally:
        for task in (answer, gone):
            task.cancel()
        await asyncio.gather(answer, gone, return_exceptions=True)


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
