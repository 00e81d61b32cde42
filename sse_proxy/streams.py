"""All streams of one process: their taps, channels and viewers.

In: who wants to see what, from where. Out: a `Viewer`. A tap runs while somebody watches its feed, and a while longer;
without viewers there is nothing that runs. Refused, with a `query.errors.QuestionError`: more streams than the settings
allow, of one reader (429) or of all (503).
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry

from identity.errors import IdentityError, KeysUnavailableError
from identity.reader import Reader
from query import errors
from query.fairness import UNNAMED
from sql import scopes as table_scopes
from sse_proxy.channel import Channel
from sse_proxy.coding import Coding
from sse_proxy.cursor import Cursor
from sse_proxy.feeds import FEEDS, Feed
from sse_proxy.figures import Figures
from sse_proxy.rows import Entry
from sse_proxy.settings import StreamSettings
from sse_proxy.tap import SECOND, Tap
from sse_proxy.viewer import Recheck, Viewer
from sse_proxy.watching import Watch
from store.port import Store

_log = logging.getLogger(__name__)

CLOSING, REVOKED, DEAD, GONE, BROKEN = "closing", "revoked", "dead", "gone", "broken"
"""Why a stream ends: the house does, its token does, its client takes nothing, its client left, we made a mistake."""
_AT_ONCE = 100
"""Viewers that are looked at before others have their turn."""
_SWEEP_SECONDS = 1.0


@dataclass(slots=True)
class _Live:
    """What is there of one feed while it is watched."""

    tap: Tap
    channels: dict[tuple[Watch, str], Channel] = field(default_factory=dict)
    viewers: int = 0
    ending: asyncio.TimerHandle | None = None
    lingers_until: float = 0.0
    """By the loop's clock: for those that left and may come back."""

    def ready(self) -> None:
        for channel in self.channels.values():
            channel.prime()
            for viewer in channel.viewers:
                viewer.wake()

    def more(self, entries: Sequence[Entry]) -> None:
        for channel in self.channels.values():
            try:
                channel.more(entries)
            except Exception:  # noqa: BLE001 - a stream ends here; its clients come back, and others must not suffer
                _log.exception("a stream of %s broke; its clients have to come back", self.tap.feed.name)
                for viewer in channel.viewers:
                    viewer.end(BROKEN)

    def trouble(self, problem: str) -> None:
        for channel in self.channels.values():
            message = status(channel.coding, failing=bool(problem), missing_shards=self.tap.missing_shards)
            for viewer in channel.viewers:
                viewer.tell(message)


def status(coding: Coding, *, failing: bool, missing_shards: Sequence[str] = ()) -> object:
    """Say whether rows can be read. ClickHouse's own words are in the log: they may quote what is not for everybody."""
    told: dict[str, object] = {"state": "live"}
    if failing:
        told = {"state": "failing", "message": "new rows cannot be read now"}
    if failing and missing_shards:
        told |= {"partial": True, "missing_shards": list(missing_shards)}
    return coding.message("status", b"", json.dumps(told).encode())


class Streams:
    """Made anywhere; all else happens on the event loop of `start`, but for `stored`."""

    def __init__(self, store: Store, settings: StreamSettings, registry: CollectorRegistry) -> None:
        self.settings = settings
        self.figures = Figures(registry)
        self.store = store
        self._overlap = int(settings.overlap_s * SECOND)
        self._live: dict[str, _Live] = {}
        self._viewers: set[Viewer] = set()
        self._by_reader: dict[str, int] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._chores: list[asyncio.Task[None]] = []
        self._ends: set[asyncio.Task[None]] = set()
        self._closed = False

    def start(self) -> None:
        """Begin the chores."""
        self._loop = asyncio.get_running_loop()
        settings = self.settings
        chores = (
            (self._keep_alive, settings.keepalive_s / 2, "keepalive"),
            (self._recheck, settings.recheck_s, "recheck"),
            (self._sweep, min(_SWEEP_SECONDS, settings.send_timeout_s), "sweep"),
        )
        self._chores = [
            asyncio.create_task(self._again(seconds, chore), name=f"streams-{name}") for chore, seconds, name in chores
        ]

    async def close(self) -> None:
        """End all streams, then all taps. Safe twice."""
        self._closed = True
        for viewer in tuple(self._viewers):
            viewer.end(CLOSING)
        for chore in self._chores:
            chore.cancel()
        if self._chores:
            await asyncio.wait(self._chores)
        self._chores = []
        for live in self._live.values():
            if live.ending is not None:
                live.ending.cancel()
            await live.tap.close()
        self._live.clear()
        if self._ends:
            await asyncio.wait(self._ends)

    def stored(self, table: str) -> None:
        """Rows were inserted into this table. From any thread; costs nothing where nobody watches."""
        if self._loop is not None and any(live.tap.feed.source == table for live in tuple(self._live.values())):
            try:
                self._loop.call_soon_threadsafe(self._wake, table)
            except RuntimeError:
                _log.debug("the loop of the streams is closed")  # the house ends, and nobody watches any more

    def open(
        self, watch: Watch, coding: Coding, cursor: Cursor | None, reader: Reader, recheck: Recheck | None
    ) -> Viewer:
        """Open a stream. Raises a `QuestionError`; whoever opens it calls `left` at its end."""
        self._check_room(reader)
        self._check_channels(watch, coding)
        live = self._of(watch.feed, self._history_s(watch, cursor))
        channel = live.channels.get((watch, coding.name))
        if channel is None:
            channel = live.channels[watch, coding.name] = Channel(watch, coding, live.tap, self._overlap)
        viewer = Viewer(channel, cursor, reader, self.settings, self.figures, recheck)
        channel.viewers.add(viewer)
        if live.tap.problem:
            viewer.tell(status(coding, failing=True, missing_shards=live.tap.missing_shards))
        self._viewers.add(viewer)
        self._by_reader[reader.name] = self._by_reader.get(reader.name, 0) + 1
        live.viewers += 1
        self._tell(live)
        return viewer

    def left(self, viewer: Viewer) -> None:
        """A stream is over, and nothing of it is written any more. Safe twice."""
        if viewer not in self._viewers:
            return
        self._viewers.remove(viewer)
        name = viewer.reader.name
        self._by_reader[name] -= 1
        if not self._by_reader[name]:
            del self._by_reader[name]
        channel = viewer.channel
        self.figures.ended.labels(channel.watch.feed.name, viewer.ended or GONE).inc()
        channel.viewers.discard(viewer)
        live = self._live.get(channel.watch.feed.name)
        if live is None or live.tap is not channel.tap:
            return
        if not channel.viewers:
            live.channels.pop((channel.watch, channel.coding.name), None)
        live.viewers -= 1
        self._tell(live)
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        # The canary begins anew each time, and what it leaves behind should cost nothing.
        if table_scopes.SYNTHETIC not in channel.watch.asked:
            live.lingers_until = loop.time() + self.settings.linger_s
        if not live.viewers:
            live.ending = loop.call_at(max(loop.time(), live.lingers_until), self._let_go, live)

    def _check_room(self, reader: Reader) -> None:
        if self._closed:
            raise errors.BusyError("The house is closing", mend="Come back in a few seconds.")
        most = self.settings.max_per_reader
        if most and reader.name not in UNNAMED and self._by_reader.get(reader.name, 0) >= most:
            self._refuse("reader")
            raise errors.TooManyError(
                f"One reader may have {most} streams open", mend="Close one, or watch several things in one stream."
            )
        if len(self._viewers) >= self.settings.max_streams:
            self._refuse("house")
            raise errors.BusyError(
                f"This house holds {self.settings.max_streams} streams, and no more", mend="Come back in a few seconds."
            )

    def _check_channels(self, watch: Watch, coding: Coding) -> None:
        """Before there is a tap for it: one that nobody watches would look for ever."""
        live = self._live.get(watch.feed.name)
        if live is not None and (watch, coding.name) in live.channels:
            return
        if sum(len(one.channels) for one in self._live.values()) >= self.settings.max_channels:
            self._refuse("channels")
            raise errors.BusyError(
                "Too many different streams are watched", mend="Watch one without filters, or come back later."
            )

    def _refuse(self, reason: str) -> None:
        self.figures.refused.labels(reason).inc()

    def _history_s(self, watch: Watch, cursor: Cursor | None) -> float:
        """Seconds to read back where nobody watches yet.

        The canary goes on from nowhere: all that a busy house stored in two minutes would be read anew each beat for
        nothing. Who comes while it is there and goes on from further back gets that from ClickHouse.
        """
        of_canary = cursor is None and table_scopes.SYNTHETIC in watch.asked
        return min(self.settings.history_s, self.settings.overlap_s) if of_canary else self.settings.history_s

    def _of(self, feed: Feed, history_s: float) -> _Live:
        live = self._live.get(feed.name)
        if live is None:
            live = self._live[feed.name] = _Live(Tap(feed, self.store, self.settings, self.figures, history_s))
            live.tap.start(live)
        if live.ending is not None:
            live.ending.cancel()
            live.ending = None
        return live

    def _let_go(self, live: _Live) -> None:
        """Nobody came back."""
        self._live.pop(live.tap.feed.name, None)
        ending = asyncio.create_task(live.tap.close(), name="tap-end")
        self._ends.add(ending)
        ending.add_done_callback(self._ends.discard)

    def _tell(self, live: _Live) -> None:
        self.figures.viewers.labels(live.tap.feed.name).set(live.viewers)
        self.figures.channels.labels(live.tap.feed.name).set(len(live.channels))

    def _wake(self, table: str) -> None:
        for live in self._live.values():
            if live.tap.feed.source == table:
                live.tap.wake()

    async def _again(self, seconds: float, chore: Callable[[], Awaitable[None]]) -> None:
        """Do it every so many seconds, whatever becomes of it."""
        while True:
            await asyncio.sleep(seconds)
            try:
                await chore()
            except Exception:  # noqa: BLE001 - nobody waits for it, and all streams need the next time
                _log.exception("a chore of the streams broke; it comes again")

    async def _keep_alive(self) -> None:
        for live in tuple(self._live.values()):
            for channel in tuple(live.channels.values()):
                with _telling_mistakes("tell that a stream is alive"):
                    place = channel.place() if live.tap.is_ready else b""
                    chunk = channel.coding.keepalive(place)
                    for viewer in tuple(channel.viewers):
                        viewer.keepalive(chunk)

    async def _recheck(self) -> None:
        """End the streams of those whose tokens were taken back, have run out or say something else now.

        And of those of whom it cannot be told, for a mistake of ours: they come back, and the door looks at them.
        """
        for number, viewer in enumerate(tuple(self._viewers)):
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
            if viewer.recheck is None or viewer.ended:
                continue
            known = False
            with _telling_mistakes("look at a token again"):
                if await _is_another(viewer, viewer.recheck):
                    viewer.end(REVOKED)
                known = True
            if not known:
                viewer.end(BROKEN)

    async def _sweep(self) -> None:
        """Cut off clients that take nothing."""
        late = asyncio.get_running_loop().time() - self.settings.send_timeout_s
        for viewer in tuple(self._viewers):
            if 0 < viewer.writing_since < late and viewer.cut is not None:
                with _telling_mistakes("cut off a client"):
                    viewer.end(DEAD)
                    viewer.cut()


@contextmanager
def _telling_mistakes(doing: str) -> Iterator[None]:
    """What goes wrong with one stream is told, and the others have their turn."""
    try:
        yield
    except Exception:  # noqa: BLE001 - a chore's work for one stream ends here, and all others need the chore
        _log.exception("could not %s", doing)


async def _is_another(viewer: Viewer, recheck: Recheck) -> bool:
    try:
        reader = await recheck()
    except KeysUnavailableError:
        return False  # nobody can say now; whether it has run out was seen before keys were asked for
    except IdentityError:
        return True
    return (reader.name, reader.role, reader.scope) != (viewer.reader.name, viewer.reader.role, viewer.reader.scope)


def feed_of(name: str) -> Feed:
    """The feed of that name. Raises `BadParameterError`."""
    if name not in FEEDS:
        raise errors.BadParameterError(
            f"There is no stream of {name[:80]!r}", field="signal", mend=f"Give one of {', '.join(FEEDS)}."
        )
    return FEEDS[name]
