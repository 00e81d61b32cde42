"""A statement whose answer nobody waits for is stopped in ClickHouse, and it is looked whether it stopped.

In: the answer on which a thread works, how its statement is cancelled, its id. Out: what was in the way, or None.
ClickHouse can stop only what it knows: a statement that is on its way there (a connection is made, others go before)
is found by no KILL. So KILL is said again and again until the thread has ended, `BOUND_S` long.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Future

from store.errors import RetryableError, StoreError
from store.port import Answer

log = logging.getLogger(__name__)

EVERY_S = 0.2
"""Seconds from one KILL to the next."""

BOUND_S = 10.0
"""Seconds after which it is told that the statement goes on; its own limit of time ends it then."""


async def stop(answer: Future[Answer], cancel: Callable[[str], None], query_id: str) -> StoreError | None:
    """Stop a statement: in the queue if it never began, else in ClickHouse. Gives what was in the way.

    Whoever is cancelled while this goes on goes at once, and the stopping goes on without.
    """
    if answer.cancel() or answer.done():
        return None
    return await asyncio.shield(asyncio.ensure_future(_kill(answer, cancel, query_id)))


async def _kill(answer: Future[Answer], cancel: Callable[[str], None], query_id: str) -> StoreError | None:
    ended = asyncio.wrap_future(answer)
    ended.add_done_callback(_nobody_s)
    begun = time.monotonic()
    problem: StoreError | None = None
    while problem is None:
        problem = await _say_once(cancel, query_id)
        await asyncio.wait({ended}, timeout=0 if problem else EVERY_S)
        if ended.done():
            return None
        if time.monotonic() - begun > BOUND_S:
            problem = RetryableError(f"it runs on {BOUND_S:g} seconds after it was to stop", query_id=query_id)
    log.warning("the statement with query id %s could not be stopped: %s", query_id, problem)
    return problem


def _nobody_s(ended: asyncio.Future[Answer]) -> None:
    """Take note of the outcome, so that nobody is told that it was lost."""
    if not ended.cancelled():
        ended.exception()


async def _say_once(cancel: Callable[[str], None], query_id: str) -> StoreError | None:
    try:
        await asyncio.to_thread(cancel, query_id)
    except StoreError as problem:
        return problem
    return None
