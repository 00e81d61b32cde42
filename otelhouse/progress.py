"""Tells people what takes long: nothing for the first two seconds, then what is being done and for how
long."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

R = TypeVar("R")

PATIENCE = 2.0
"""Seconds after which somebody who waits wants to know why."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where progress is told."""

    say: Callable[[str], None]
    patience: float = PATIENCE

    async def during(self, what: str, work: Awaitable[R]) -> R:
        """Wait for `work`; while it takes longer than `patience`, say `what` is under way."""
        started = time.monotonic()
        task = asyncio.ensure_future(work)
        told = False
        pause = self.patience
        try:
            while not (await asyncio.wait({task}, timeout=pause))[0]:
                self.say(f"{what} ... {time.monotonic() - started:.0f} s")
                told, pause = True, pause * 2
        except asyncio.CancelledError:
            task.cancel()
            raise
        if told and not task.cancelled() and task.exception() is None:
            self.say(f"{what} took {time.monotonic() - started:.1f} s")
        return await task
