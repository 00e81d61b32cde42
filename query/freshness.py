"""How fresh the stored telemetry is: by signal, the newest time that ClickHouse holds.

In: the signals that a question reads. Out: RFC 3339 texts by signal. A signal is left out where nothing is stored,
where the newest time lies ahead of our clock, and where ClickHouse does not say it in time: an answer is right without
it, so it never makes one fail and holds one up for `seconds` at most.

One thread asks for all answers, so freshness takes one place at the store, however many questions there are.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait

from sql import catalogue
from sql.parameter import iso_time
from sql.signals import Signal
from store.errors import StoreError
from store.port import Limits, Select, Store

log = logging.getLogger(__name__)

SECONDS = 2.0
"""The newest time of a table comes from its parts' own minimum and maximum, so this is plenty."""


class Freshness:
    """Asks one store. Safe to use from several threads."""

    def __init__(self, store: Store, now: Callable[[], int], *, seconds: float = SECONDS) -> None:
        self._store = store
        self._now = now
        self._seconds = seconds
        self._limits = Limits(seconds=seconds, rows=1)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="freshness")

    def of(self, signals: Iterable[Signal]) -> Mapping[str, str]:
        """By signal, the newest time stored; blocks for `seconds` at most."""
        asked = self._ask(signals)
        try:
            wait(asked.values(), self._seconds)
            return _known(asked)
        finally:
            _forget(asked)

    async def of_async(self, signals: Iterable[Signal]) -> Mapping[str, str]:
        """The same beside the loop."""
        asked = self._ask(signals)
        try:
            await asyncio.wait([asyncio.wrap_future(one) for one in asked.values()], timeout=self._seconds)
            return _known(asked)
        finally:
            _forget(asked)

    def _ask(self, signals: Iterable[Signal]) -> dict[str, Future[str | None]]:
        return {signal.value: self._thread.submit(self._through, signal) for signal in signals}

    def _through(self, signal: Signal) -> str | None:
        """The newest time stored of a signal, or None where that is not known or would mislead."""
        try:
            answer = self._store.select(Select(catalogue.probe(f"newest_{signal}"), limits=self._limits))
        except StoreError as error:
            log.warning("how fresh %s are is not known: %s", signal, error)
            return None
        newest = int(str(answer.rows[0][0])) if answer.rows else 0
        # A sender whose clock runs ahead must not make the house look fresher than now.
        return iso_time(newest) if 0 < newest <= self._now() else None

    def close(self) -> None:
        """Let go of the thread; what it asks at the moment is waited for."""
        self._thread.shutdown(wait=True, cancel_futures=True)


def _known(asked: Mapping[str, Future[str | None]]) -> dict[str, str]:
    told = {name: one.result() for name, one in asked.items() if one.done() and not one.cancelled()}
    return {name: through for name, through in told.items() if through}


def _forget(asked: Mapping[str, Future[str | None]]) -> None:
    """Take what never began out of the thread's queue; nobody waits for it any more."""
    for one in asked.values():
        one.cancel()
