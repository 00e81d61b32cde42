"""Runs a house until somebody asks it to stop.

SIGINT or SIGTERM: close in order, within a bounded time. A second signal ends the process at once: what was
not yet acknowledged is sent again by its sender, so nothing is lost.
"""

import asyncio
import logging
import os
import signal
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

import uvloop

_log = logging.getLogger(__name__)

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Runnable(Protocol):
    """What is opened, serves until it is told to stop, and is closed."""

    async def open(self) -> None:
        """Start; raises when it cannot, and has then let go of what it held."""

    async def close(self) -> None:
        """Stop in order."""


def run(make: Callable[[], Runnable], *, close_within: float, opened: Callable[[Runnable], None]) -> None:
    """Open what `make` gives on a loop of its own, call `opened`, and close it when a signal comes.

    Raises what `open` raises, and `TimeoutError` when closing took longer than `close_within` seconds.
    """
    uvloop.run(_run(make, close_within, opened))


async def _run(make: Callable[[], Runnable], close_within: float, opened: Callable[[Runnable], None]) -> None:
    stop = asyncio.Event()
    _on_signals(stop)
    house = make()
    if not await _unless(stop, house.open()):
        return
    try:
        opened(house)
        await stop.wait()
        _log.info("stopping; a second signal ends at once")
    finally:
        async with asyncio.timeout(close_within):
            await house.close()
    _log.info("stopped")


def threads_left(within: float) -> list[str]:
    """Wait up to `within` seconds for the threads that Python would wait for at its exit; the names of those left."""
    deadline = time.monotonic() + within
    others = [thread for thread in threading.enumerate() if thread is not threading.main_thread() and not thread.daemon]
    for thread in others:
        thread.join(max(0.0, deadline - time.monotonic()))
    return [thread.name for thread in others if thread.is_alive()]


def _on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def told(number: int) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, told, number)


async def _unless(stop: asyncio.Event, work: Awaitable[None]) -> bool:
    """Do `work`, or give it up when `stop` comes first. Tells whether it was done."""
    task = asyncio.ensure_future(work)
    stopped = asyncio.ensure_future(stop.wait())
    await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
        return False
    await task
    return True
