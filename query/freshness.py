"""How fresh the stored telemetry is: by signal, the newest time that ClickHouse holds.

In: the signals that a question reads, and the asker's scope. Out: RFC 3339 texts by signal. A signal is left out where
nothing is stored, where the newest time lies ahead of our clock, and where ClickHouse does not say it in time: an
answer is right without it, so it never makes one fail and holds one up for `seconds` at most.

What was told holds for a second: a page of ten questions asks once for each signal. It was asked for before the rows
that it stands beside, so it promises nothing that they could not hold.

A reader with a scope is told of its own part alone. Parts of tables know their newest time as a whole and not that of
one cluster, so for such a reader rows are read: those of the last hour, where there are none those of the last day, and
once in a while for each scope. The same holds for who asks about one `cluster`: that others send says nothing of it.
What the house sends by itself, its canary and its own telemetry, is never counted: where it is the newest, rows are
read too.
One thread asks for all answers, so freshness takes one place at the store, however many questions there are.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace

from identity.reader import Scope
from query import errors, scopes
from sql import catalogue
from sql.parameter import iso_time
from sql.signals import Subject
from store.errors import StoreError
from store.port import Limits, Select, Store

log = logging.getLogger(__name__)

SECONDS = 2.0
"""The newest time of a table comes from its parts' own minimum and maximum, so this is plenty."""

NARROWED_SECONDS = 1.0
"""Reading takes longer, but must not keep the answers of others waiting."""

KEPT_SECONDS = 10.0
"""For how long what a narrowed reader was told holds, also that nothing could be told."""

KEPT_OF_ALL_SECONDS = 1.0
"""The same for who may see everything: to ask takes 10 ms of CPU for logs, 24 for metrics, and a short question 30."""

_MINUTE = 60 * 10**9
_LOOK_BACK = (3_600 * 10**9, 86_400 * 10**9)
"""Nanoseconds; the next only where the one before found nothing."""

_READS_ON_FOR = 300.0
"""Seconds after what was told of users holds no more."""

_MOST_KEPT = 1024
_EVERYTHING = Scope()
_Known = tuple[float, str | None]
"""Until when it holds (monotonic seconds), and what is told."""


class Freshness:
    """Asks one store. Safe to use from several threads."""

    def __init__(self, store: Store, now: Callable[[], int], *, seconds: float = SECONDS) -> None:
        self._store = store
        self._now = now
        self._seconds = seconds
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="freshness")
        self._kept: OrderedDict[tuple[Scope, Subject], _Known] = OrderedDict()
        self._of_users: dict[Subject, tuple[float, int]] = {}
        """Of signals whose newest row is the house's own: until when it holds, and the newest time of users' rows, 0
        for none in the last day."""

    def of(self, signals: Iterable[Subject], scope: Scope = _EVERYTHING, cluster: str = "") -> Mapping[str, str]:
        """By signal, the newest time stored; blocks for `seconds` at most.

        `cluster`: the name of the one that it is told of; empty for all that the scope has.
        """
        asked = self._ask(signals, scope, cluster)
        try:
            wait(asked.values(), self._seconds)
            return _known(asked)
        finally:
            _forget(asked)

    async def of_async(
        self, signals: Iterable[Subject], scope: Scope = _EVERYTHING, cluster: str = ""
    ) -> Mapping[str, str]:
        """The same beside the loop."""
        asked = self._ask(signals, scope, cluster)
        try:
            if asked:
                await asyncio.wait([asyncio.wrap_future(one) for one in asked.values()], timeout=self._seconds)
            return _known(asked)
        finally:
            _forget(asked)

    def _ask(self, signals: Iterable[Subject], scope: Scope, cluster: str) -> dict[str, Future[str | None]]:
        if cluster:
            if scope.clusters and cluster not in scope.clusters:
                return {}  # the scope names clusters by uid: what is that of this one is not known here
            scope = replace(scope, clusters=(cluster,))
        seen = [signal for signal in signals if not scope.signals or signal in scope.signals]
        return {signal.value: self._thread.submit(self._through_kept, signal, scope) for signal in seen}

    def _through_kept(self, signal: Subject, scope: Scope) -> str | None:
        """Look again only when what is known has become old. Runs on the one thread alone, so nothing locks."""
        until, told = self._kept.get((scope, signal), (float("-inf"), None))
        if until < time.monotonic():
            told = self._through(signal, scope)
            holds = KEPT_OF_ALL_SECONDS if scope.everything else KEPT_SECONDS
            self._kept[scope, signal] = time.monotonic() + holds, told
            if len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return told

    def _through(self, signal: Subject, scope: Scope) -> str | None:
        """The newest time stored of a signal, or None where that is not known or would mislead."""
        try:
            newest = self._newest(signal) if scope.everything else self._newest_lately(signal, scope)
        except (StoreError, errors.DeniedError) as error:
            log.warning("how fresh %s are is not known: %s", signal, error)
            return None
        # A sender whose clock runs ahead must not make the house look fresher than now.
        return iso_time(newest) if 0 < newest <= self._now() else None

    def _newest(self, signal: Subject) -> int:
        """Nanoseconds since 1970; 0 where there is none. Runs on the one thread alone, so nothing locks."""
        until, before = self._of_users.pop(signal, (0.0, None))
        # Users may have sent since nobody asked: then parts know, and reading on would take all that they sent.
        if before is None or time.monotonic() - until > _READS_ON_FOR:
            probe = Select(catalogue.probe(f"newest_{signal}"), limits=Limits(seconds=self._seconds, rows=1))
            newest, synthetic = self._told(probe)
            if not newest or not synthetic:
                return newest
            # What the house sent says nothing of what users sent. Nothing came behind it, so there is little to read.
            return self._keep_of_users(signal, self._newest_lately(signal, _EVERYTHING, (_MINUTE, *_LOOK_BACK)))
        if until >= time.monotonic():
            self._of_users[signal] = until, before
            return before
        # Behind what was the newest there is again little but the house's own, or users have begun to send.
        newest = self._newest_since(signal, _EVERYTHING, max(before, self._now() - _LOOK_BACK[-1]))
        return newest if newest > before else self._keep_of_users(signal, newest)

    def _keep_of_users(self, signal: Subject, newest: int) -> int:
        self._of_users[signal] = time.monotonic() + KEPT_SECONDS / 2, newest
        return newest

    def _newest_lately(self, signal: Subject, scope: Scope, look_back: Iterable[int] = _LOOK_BACK) -> int:
        """The same of a part, without what the house sent; 0 where there is none in the last day."""
        for nanoseconds in look_back:
            if newest := self._newest_since(signal, scope, self._now() - nanoseconds):
                return newest
        return 0

    def _newest_since(self, signal: Subject, scope: Scope, since: int) -> int:
        """The same of what is as new as a moment, included."""
        name = f"lately_{signal}"
        sql = catalogue.probe(name)
        settings = scopes.of_statement(name, sql, scope).settings
        limits = Limits(seconds=min(self._seconds, NARROWED_SECONDS), rows=1)
        return self._told(Select(sql, {"since": iso_time(max(0, since), " ", "")}, limits, settings))[0]

    def _told(self, probe: Select) -> tuple[int, int]:
        """The newest time, and whether the house sent it; the second is 0 where a probe leaves its rows out."""
        # Of the shards that answer: the answer that this stands beside says that others do not.
        rows = self._store.select(replace(probe, partial=True)).rows
        cells = [int(str(cell)) for cell in rows[0]] if rows else []
        return (cells[0] if cells else 0, cells[1] if len(cells) > 1 else 0)

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
