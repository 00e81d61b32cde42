"""Brings sightings to whoever writes them, for as long as the house runs.

In: the sightings that wait. Out: portions of them, given to a `Recorder` one after the other. What could not be written
is offered again after a pause that grows; meanwhile the queue fills up, and what it has no room for is counted. Now and
then everything that is there is written again, so that the table's last-seen times, which retention counts from, keep
up with objects that live long without a change. Refuses nothing. Used on one event loop.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterator
from itertools import islice

from enrich.directory import Directory
from enrich.indexes import Entry
from enrich.recording import Recorder, Sightings

_log = logging.getLogger(__name__)

EVERY_S = 2.0
"""Seconds between two looks at what waits."""
PORTION = 2_000
CLOSE_S = 10.0
"""Seconds that the end may take."""
LONGEST_PAUSE_S = 60.0
AGAIN_S = 6 * 3600.0
"""Seconds after which everything that is there is written again."""


class RecordingTask:
    """Takes sightings and has them written."""

    def __init__(
        self,
        sightings: Sightings,
        directory: Directory,
        recorder: Recorder,
        every_s: float = EVERY_S,
        again_s: float = AGAIN_S,
    ) -> None:
        """`every_s`, `again_s`: seconds between two looks, and between two times that everything is written."""
        self._sightings = sightings
        self._directory = directory
        self._recorder = recorder
        self._every = every_s
        self._again = again_s
        self._task: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name="recording")

    async def close(self, within_s: float = CLOSE_S) -> bool:
        """Write what waits, once, and end within some seconds; gives whether it came to its end. Safe twice."""
        task, self._task = self._task, None
        self._stop.set()
        if task is None:
            return True
        try:
            ended, _ = await asyncio.wait([task], timeout=within_s)
        finally:
            task.cancel()  # also where nobody waits any more: it must not write into a store that closes
        with contextlib.suppress(asyncio.CancelledError):
            await task
        return bool(ended)

    async def _run(self) -> None:
        due = time.monotonic() + self._again
        everything: Iterator[Entry] = iter(())
        pause = self._every
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), pause)
            if time.monotonic() >= due and not self._stop.is_set():
                due = time.monotonic() + self._again
                everything = self._directory.everything()
            well = True
            while well and (self._sightings.waiting or self._refill(everything)):
                well = await self._write()
            pause = self._every if well else min(2 * pause, LONGEST_PAUSE_S)

    def _refill(self, everything: Iterator[Entry]) -> bool:
        """Offer the next of what is written again; gives whether there was any."""
        portion = list(islice(everything, PORTION))
        self._sightings.offer(portion, time.time())
        return bool(portion)

    async def _write(self) -> bool:
        portion = await asyncio.to_thread(self._sightings.take, PORTION)
        try:
            await self._recorder.record(portion)
        except Exception as error:  # noqa: BLE001 - the portion ends here, and comes again
            _log.warning("%d objects cannot be written to otel_k8s_objects, trying again: %s", len(portion), error)
            self._sightings.give_back(portion)
            return False
        return True
