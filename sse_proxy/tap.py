"""One tap: it follows the new rows of one feed for everybody who watches, and asks ClickHouse as often for one as for
five hundred.

    census   how many rows there are of each moment of arrival, from the overlap on: one narrow column
    rows     those of the moments where the census found something new

In: a store and a feed. Out: entries in a ring, each handed on once, in an order that is this tap's own. A row is found
when it is visible, up to `overlap_s` after the moment that is written on it; whichever order rows become visible in,
and however many share a moment. What is more than this process can carry is left out, and a `Hole` says so; so does
one of what became visible later, as far as `late_s` reaches.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Sequence

from sse_proxy.asking import STOPPED, Asking, Census
from sse_proxy.book import Account
from sse_proxy.feeds import Feed
from sse_proxy.figures import Figures
from sse_proxy.listening import Listener, Nobody
from sse_proxy.looking_back import LookBack
from sse_proxy.ring import Ring
from sse_proxy.rows import Entry, Hole, Read, Row
from sse_proxy.seen import Group, Seen, batches, newest
from sse_proxy.settings import StreamSettings
from sse_proxy.watching import Values
from store.errors import LimitError, OverloadedError, ShardsMissingError, StoreError
from store.port import Store

_log = logging.getLogger(__name__)

SECOND = 10**9
"""In nanoseconds."""
_LONGEST_PAUSE = 10.0
_LOG_EVERY = 60.0


class Tap:
    """Runs between `start` and `close`, on one event loop."""

    def __init__(
        self, feed: Feed, store: Store, settings: StreamSettings, figures: Figures, history_s: float | None = None
    ) -> None:
        """`history_s`: seconds to read back at the beginning, where that is not what the settings say."""
        self.feed = feed
        self._history = int((settings.history_s if history_s is None else history_s) * SECOND)
        self.id = secrets.randbits(32) or 1
        self.ring = Ring(settings.ring_rows, settings.ring_bytes)
        self.bound = 0
        """All rows until this moment were seen, or came too late."""
        self.is_ready = False
        self.began = 0
        """The `seq` of the last entry that was read back at the beginning."""
        self.newest = 0
        """The latest moment (of `ingested`) among those."""
        self.ahead = 0
        """What ClickHouse's clock is ahead of ours, in nanoseconds; known once it is ready."""
        self.problem = ""
        self.missing_shards: tuple[str, ...] = ()
        """Shards that do not answer. Nothing is handed on meanwhile, so that what they hold is not passed over."""
        self.turns = asyncio.Lock()
        """For those who look through the ring, each for some milliseconds."""
        self._settings = settings
        self._listener: Listener = Nobody()
        self._figures = figures
        self._seen = Seen(comes_again=feed.comes_again)
        self._young: dict[int, Row] = {}
        """By id, those behind the bound that may come again."""
        self._full: dict[int, Row] = {}
        """Of these, the first that carried a composition."""
        self._overlap = int(settings.overlap_s * SECOND)
        self._asking = Asking(feed, store, settings, figures)
        self._back = LookBack(feed, settings, self._seen, self._asking, figures)
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._told_at = float("-inf")

    def start(self, listener: Listener) -> None:
        """Begin to look; `listener` hears what is found."""
        self._listener = listener
        self._task = asyncio.create_task(self._run(), name=f"tap-{self.feed.name}")

    def wake(self) -> None:
        """Look now: something was stored."""
        self._woken.set()

    async def close(self) -> None:
        """Look no more. Safe twice."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        self._asking.close()
        self._figures.ring_rows.labels(self.feed.name).set(0)
        self._figures.ring_bytes.labels(self.feed.name).set(0)

    @property
    def account(self) -> Account | None:
        """How many rows were given or told of, until `bound`; None before the first."""
        return self._back.account

    def more_than(self, account: Account) -> int:
        """How many rows more than by this account, of another process, were given or told of here; 0 if unknown."""
        return (self._back.book.more_than(account) or 0) if account.until <= self.bound else 0

    def now(self) -> int:
        """ClickHouse's clock, in nanoseconds since 1970; ours until it was asked once."""
        return time.time_ns() + self.ahead

    async def _run(self) -> None:
        failures = 0
        while True:
            began = time.monotonic()
            self._woken.clear()
            try:
                more = await (self._look() if self.is_ready else self._begin())
            except StoreError as error:
                failures += 1
                self.missing_shards = error.shards if isinstance(error, ShardsMissingError) else ()
                self._failed(str(error))
                await asyncio.sleep(min(_LONGEST_PAUSE, self._settings.poll_s * 2 ** min(failures, 10)))
                continue
            except Exception:  # noqa: BLE001 - the task ends here, and nobody waits for it: it must go on looking
                failures += 1
                _log.exception("the tap of %s broke; it goes on", self.feed.name)
                self._failed("the house made a mistake")
                await asyncio.sleep(_LONGEST_PAUSE)
                continue
            failures = 0
            self._recovered()
            await self._pause(began, more=more)

    async def _pause(self, began: float, *, more: bool) -> None:
        """Wait until the next look is due: at once if rows are left, else when woken or after `poll_s`."""
        least = began + self._settings.pause_s - time.monotonic()
        if least > 0:
            await asyncio.sleep(least)
        if not more:
            try:
                await asyncio.wait_for(self._woken.wait(), self._settings.poll_s)
            except TimeoutError:
                return

    async def _begin(self) -> bool:
        """Read back, so that clients of another process can go on here."""
        # A second more than promised, for what a client asks for while this begins.
        after = time.time_ns() - self._history - SECOND
        census = await self._census(after)
        clock, unseen = census.clock, self._unseen(census)
        skipped, groups = newest(census.groups, min(self._settings.ring_rows, self._settings.behind_rows))
        if unseen:  # what it did not count is newer than all that it counted
            skipped, groups = [*skipped, *groups], []
        self.ring.since = max([after, *(group.moment for group in skipped), *(hole.until for hole in unseen)])
        for group in skipped:
            self._seen.took(group)
        if self.feed.comes_again:
            self._seen.know(await self._asking.known(self.ring.since))
        self._back.begin(self.ring.since)
        left = groups
        while left:
            entries, left = await self._read(left, after, clock)
            self._add(entries)
        self._looked(clock)
        self.is_ready, self.began = True, self.ring.last
        self.newest = max((group.moment for group in groups), default=0)
        self._listener.ready()
        return False

    async def _look(self) -> bool:
        """Find what is new; tells whether there is more than was fetched."""
        census = await self._census(self._back.overdue.reach(self.bound))
        if census.after < self.bound:
            holes, asked = await self._back.holes(census, self.bound)
            self._publish(holes)
            if asked:  # one look asks for rows once: what is new has its turn in the next, which follows at once
                return True
        clock, unseen = census.clock, self._unseen(census)
        groups = [group for group in census.groups if group.moment > self.bound]
        skipped, news = newest(self._seen.news(groups), self._settings.behind_rows)
        if skipped:
            self._publish([self._left_out(skipped, self.bound, clock)])
        entries, left = await self._read(news, self.bound, clock)
        self._count_no_more(entries)  # or the account of this look has them
        if not left:  # before these are published, since their floors reach as far
            self._looked(clock)
        self._publish(entries)
        if left:
            return True
        self._publish(unseen)
        return False

    def _looked(self, clock: int) -> None:
        before, self.bound = self.bound, max(self.bound, clock - self._overlap)
        counted = given = self._seen.forget(self.bound)
        if self.feed.comes_again:
            young = [row for row in self._young.values() if not row.repeat]
            given = [(row.first, 1) for row in young if before < row.first <= self.bound]
        self._back.passed(counted, given, self.bound)
        self._young = {id_: row for id_, row in self._young.items() if row.ingested > self.bound}
        self._full = {id_: row for id_, row in self._full.items() if row.ingested > self.bound}

    async def _census(self, after: int) -> Census:
        """Count; looking back must not keep it from what is new."""
        why = "more moments than are counted"
        try:
            census = await self._asking.census(after, self.now())
            too_much = census.cut and after < self.bound
        except (LimitError, OverloadedError) as error:
            if after >= self.bound:
                raise
            too_much, why = True, str(error)
        if too_much:
            self._back.gave_up(self.bound, why)
            census = await self._asking.census(self.bound, self.now())
        self.ahead = census.clock - time.time_ns()
        return census

    def _unseen(self, census: Census) -> list[Hole]:
        """A hole where a census counted too little, and no later look would."""
        until = census.clock - self._overlap
        counted_until = max((group.moment for group in census.groups), default=census.after)
        if not census.cut or counted_until >= until:
            return []
        self._back.begin(until)
        return [Hole(counted_until, until, None, "flood", self.bound, census.clock)]

    async def _read(self, groups: Sequence[Group], floor: int, clock: int) -> tuple[list[Entry], list[Group]]:
        """Read the first of these groups, as many as fit into one answer; gives what is new, and the groups left."""
        some = next(iter(batches(groups, self._settings.rows_at_once)), [])
        while some:
            try:
                return await self._fetch(some, floor, clock), list(groups[len(some) :])
            except LimitError as error:
                if error.code in STOPPED:
                    raise
                if len(some) == 1:
                    _log.warning("%d %s of one moment are left out: %s", some[0].rows, self.feed.name, error)
                    return [self._left_out(some, floor, clock)], list(groups[1:])
                some = some[: len(some) // 2]
        return [], []

    async def _fetch(self, groups: Sequence[Group], floor: int, clock: int) -> list[Entry]:
        """Read the rows of these moments; gives what is new of them, oldest first, behind the holes among them.

        Raises `LimitError` where they are too large.
        """
        found, cut = await self._asking.rows(groups)
        entries: list[Entry] = [self._entry(one, floor, clock) for one in found if self._seen.is_new(one)]
        short = self._seen.read(groups, found)
        if cut:  # one moment has more rows than are ever read at once
            for group in groups:
                self._seen.took(group)
            return [*entries, Hole(groups[0].moment - 1, groups[-1].moment, None, "flood", floor, clock)]
        # Before rows whose floor says that all until there was given or told.
        return [*self._gave_up(short, floor, clock), *entries]

    def _gave_up(self, short: Sequence[Group], floor: int, clock: int) -> list[Entry]:
        """Holes for those that were counted and not given, and that no later look will count."""
        holes: list[Entry] = []
        for group in short:
            if group.moment <= clock - self._overlap:
                self._seen.took(group)
                holes.append(Hole(group.moment - 1, group.moment, None, "behind", floor, clock))
        return holes

    def _entry(self, one: Read, after: int, clock: int) -> Entry:
        # Rows come sorted, so all before this one are visible as far as the overlap reaches.
        floor = max(after, min(one.ingested - 1, clock - self._overlap))
        data = one.data.encode("utf-8", "replace")
        adds = self._seen.adds(one)
        repeat = self._seen.is_repeat(one)
        keep = len(data) <= self._settings.row_bytes and (adds or not repeat)
        row = Row(one.ingested, one.id, one.values, data if keep else b"", floor, clock, repeat=repeat)
        if self.feed.comes_again:
            row.plain = self._plain(row.values) if adds else None
            self._remember(row, composed=one.composed)
        return row

    def _plain(self, values: Values) -> Values:
        """These without the composition."""
        place = self.feed.columns.index("composition_id")
        return (*values[:place], "", *values[place + 1 :])

    def _remember(self, row: Row, *, composed: bool) -> None:
        """Keep the least moments of what comes again: of all copies, and of those with a composition."""
        known = self._young.setdefault(row.id, row)
        known.first = min(known.first, row.ingested)
        if composed:
            full = self._full.setdefault(row.id, row)
            full.first_full = min(full.first_full, row.ingested)
        elif row.id in self._full and not self._full[row.id].repeat:
            self._full[row.id].plain = row.values

    def _left_out(self, groups: Sequence[Group], floor: int, clock: int) -> Hole:
        for group in groups:
            self._seen.took(group)
        number = sum(group.rows for group in groups)
        return Hole(groups[0].moment - 1, groups[-1].moment, number, "flood", floor, clock)

    def _publish(self, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        self._add(entries)
        lag = self._figures.lag.labels(self.feed.name)
        now = self.now()
        for entry in entries:
            if isinstance(entry, Row) and not entry.repeat:
                lag.observe(max(0, now - entry.ingested) / SECOND)
        self._listener.more(entries)

    def _add(self, entries: Sequence[Entry]) -> None:
        self.ring.add(entries)
        self._figures.ring_rows.labels(self.feed.name).set(len(self.ring))
        self._figures.ring_bytes.labels(self.feed.name).set(self.ring.bytes)
        self._count_no_more(entries)

    def _count_no_more(self, entries: Sequence[Entry]) -> None:
        """Keep holes out of the account: how many events there are among the rows that were counted, nobody knows."""
        for entry in entries:
            if self.feed.comes_again and isinstance(entry, Hole) and not entry.is_late:
                self._back.book.begin(entry.until)

    def _failed(self, problem: str) -> None:
        self._figures.failures.labels(self.feed.name).inc()
        if time.monotonic() - self._told_at >= _LOG_EVERY:
            self._told_at = time.monotonic()
            _log.warning("new %s cannot be read for streams: %s", self.feed.name, problem)
        if not self.problem:
            self.problem = problem
            self._listener.trouble(problem)

    def _recovered(self) -> None:
        if self.problem:
            self.problem = ""
            _log.info("new %s can be read again", self.feed.name)
            self._listener.trouble("")
