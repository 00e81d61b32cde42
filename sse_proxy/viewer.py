"""One open stream: what its client gets next.

In: a channel, perhaps a cursor, and a place. Out: chunks, one after another; whoever writes them to the client comes
back for the next when the client has taken the last. So nothing waits here for a slow client but its place, and what it
falls behind beyond the ring it is told.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator

from identity.reader import Reader
from sse_proxy.channel import Channel
from sse_proxy.coding import Chunk
from sse_proxy.cursor import Cursor, Place, Window, read, write
from sse_proxy.figures import Figures
from sse_proxy.replay import TURN, Replay, Turn
from sse_proxy.rows import Row
from sse_proxy.settings import StreamSettings

AT_ONCE = 64
"""Messages of a replay that are written at once."""
Recheck = Callable[[], Awaitable[Reader]]
"""Says who the client is now, or raises an `IdentityError`."""


class Viewer:
    """Belongs to one event loop; `next` is called by one task."""

    def __init__(
        self,
        channel: Channel,
        cursor: Cursor | None,
        reader: Reader,
        settings: StreamSettings,
        figures: Figures,
        recheck: Recheck | None = None,
    ) -> None:
        """`cursor`: where to go on; None begins now."""
        self.channel = channel
        self.reader = reader
        self.recheck = recheck
        self.ended = ""
        """Why, once it has."""
        self.writing_since = 0.0
        """When the client was given something that it has not taken yet, by the loop's clock; 0 if it has all."""
        self.cut: Callable[[], object] | None = None
        """Ends the connection of a client that takes nothing; whoever writes sets it."""
        self._figures = figures
        self._delivered = figures.delivered.labels(channel.watch.feed.name)
        self._retry_ms = int(settings.retry_ms * random.uniform(1.0, 1.5))  # noqa: S311 - no secret
        self._seq = self._floor = 0
        self._came_at = 0
        """When it came, by our clock, if it came before there were rows; 0 once it has begun."""
        self._cursor = cursor
        self._replay: Replay | None = None
        self._replaying: Iterator[Chunk | Turn] | None = None
        self._says: deque[Chunk] = deque()
        self._quiet = False
        self._said_bye = False
        self._waiter: asyncio.Future[None] | None = None
        self._greet()

    async def next(self) -> Chunk | None:
        """What comes next; waits for it. None at the end."""
        while True:
            if self.ended:
                return self._bye()
            if self._says:
                return self._says.popleft()
            chunk = self._rows() if self.channel.tap.is_ready else None
            if chunk is TURN:
                async with self.channel.tap.turns:  # one after the other, however many come back at once
                    await asyncio.sleep(0)
            elif chunk is not None:
                self._quiet = False
                return chunk
            else:
                await self._wait()

    def wake(self) -> None:
        """There may be something."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def tell(self, message: Chunk) -> None:
        """Say this before what else there is."""
        self._says.append(message)
        self.wake()

    def keepalive(self, chunk: Chunk) -> None:
        """A while is over: say so, if nothing was said in it, and the client has all that `chunk` says it has."""
        has_all = self._cursor is None and not self._came_at and self.channel.pending(self._seq) == []
        waits = self._waiter is not None and not self._says
        if self._quiet and waits and (has_all or not self.channel.tap.is_ready):
            self.tell(chunk)
            self._quiet = False
        else:
            self._quiet = True

    def end(self, reason: str) -> None:
        """End the stream."""
        if not self.ended:
            self.ended = reason
            self.wake()

    def _greet(self) -> None:
        """Say where the stream begins, if that is known yet: who is cut off before the first row goes on from there."""
        tap = self.channel.tap
        place = b""
        if self._cursor is not None:
            place = write(self._cursor)
        elif tap.is_ready:
            self._seq, self._floor = tap.ring.last, tap.bound
            place = self.channel.place()
        else:
            self._came_at = time.time_ns()
        self._says.append(self.channel.coding.greeting(place, self._retry_ms))

    def _begin_where_it_came(self) -> None:
        """Now that rows are there: who came before them gets those that arrived since, and no others."""
        tap, came_at = self.channel.tap, self._came_at + self.channel.tap.ahead
        self._came_at = 0
        if tap.newest <= came_at:
            self._seq, self._floor = tap.began, self.channel.primed_at
            place = self.channel.first_place
        else:
            floor = min(self.channel.primed_at, came_at)
            window = Window()
            for entry in tap.ring.asked_since(floor - self.channel.overlap):
                before = isinstance(entry, Row) and entry.seq <= tap.began and floor < entry.ingested <= came_at
                if before and isinstance(entry, Row) and self.channel.match(entry.values):
                    window.add(entry)
            place = window.text(Place(tap.feed.name, 0, 0, floor))
            self._cursor = read(place.decode())
        self._says.append(self.channel.coding.position(place))

    def _rows(self) -> Chunk | Turn | None:
        """Rows that are there, `TURN` while they are looked for, else None."""
        if self._came_at:
            self._begin_where_it_came()
            return self._says.popleft()
        if self._cursor is not None and self._replay is None:
            self._replay = Replay(self.channel, self._cursor)
            self._replaying = self._replay.begin()
        if self._replay is not None and (chunk := self._replayed(self._replay)) is not None:
            return chunk
        if self._replay is not None:
            return None
        return self._together()

    def _replayed(self, replay: Replay) -> Chunk | Turn | None:
        """Some messages of the replay; None where it waits, or is over; `TURN` where it only looks for them."""
        chunks: list[Chunk] = []
        while len(chunks) < AT_ONCE:
            if self._replaying is None:
                if replay.is_over:
                    self._leave_replay(replay)
                    break
                if replay.seq >= self.channel.tap.ring.last:
                    break  # what it is owed may yet come
                self._replaying = replay.go_on()
            message = next(self._replaying, None)
            if message is None:
                self._replaying = None
            elif message is TURN:
                if not chunks:
                    return TURN
            else:
                chunks.append(message)
        self._count(replay.rows, replay.gaps)
        replay.rows = 0
        replay.gaps.clear()
        return self.channel.coding.join(chunks) if chunks else None

    def _leave_replay(self, replay: Replay) -> None:
        self._seq, self._floor = max(replay.seq, self.channel.tap.ring.last), self.channel.tap.bound
        self._replay = self._cursor = None

    def _together(self) -> Chunk | Turn | None:
        """What all viewers of the channel get."""
        batches = self.channel.pending(self._seq)
        if batches is None:
            tap = self.channel.tap
            self._cursor = Cursor(tap.feed.name, self._floor, tap.id, self._seq)
            self._replay = Replay(self.channel, self._cursor, slow=True)
            self._replaying = self._replay.begin()
            return self._replayed(self._replay)
        if not batches:
            return None
        self._seq, self._floor = batches[-1].last, batches[-1].floor
        for batch in batches:
            self._count(batch.rows, batch.gaps)
        if len(batches) == 1:
            return batches[0].chunk
        return self.channel.coding.join(batch.chunk for batch in batches)

    def _count(self, rows: int, gaps: "list[str] | tuple[str, ...]") -> None:
        if rows:
            self._delivered.inc(rows)
        for reason in gaps:
            self._figures.gaps.labels(self.channel.watch.feed.name, reason).inc()

    def _bye(self) -> Chunk | None:
        if self._said_bye:
            return None
        self._said_bye = True
        if self._says:
            self._says.append(self.channel.coding.farewell(self._retry_ms))
            return self.channel.coding.join(self._says)
        return self.channel.coding.farewell(self._retry_ms)

    async def _wait(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
