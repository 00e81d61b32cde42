"""Two processes of the house without a clock of their own, and a ClickHouse that is a list, for tests of streams."""

import random
import time
from dataclasses import dataclass, field, replace
from functools import cache

from prometheus_client import CollectorRegistry

from identity.reader import Reader, Role
from sse_proxy import cursor, statements
from sse_proxy.channel import Channel
from sse_proxy.coding import SseCoding
from sse_proxy.figures import Figures
from sse_proxy.settings import StreamSettings
from sse_proxy.tap import SECOND, Tap
from sse_proxy.viewer import Viewer
from store.errors import LimitError
from store.port import Answer

OVERLAP_S = 8.0
ANNA = Reader("anna", Role.VIEWER)


@dataclass(frozen=True, order=True)
class Stored:
    """The moment that is written on a row, when it can be seen, and what it is."""

    ingested: int
    visible: int
    number: int
    late_composition: bool = field(default=False, kw_only=True)
    """It does not carry its composition; another copy may."""

    @property
    def composition(self):
        return "" if self.late_composition else ("", "c-1", "c-2")[self.number % 3]


@dataclass
class Database:
    """Answers a feed's statements as ClickHouse would at `clock`."""

    feed: object
    clock: int = field(default_factory=time.time_ns)
    rows: list[Stored] = field(default_factory=list)
    lag: int = 0
    """Nanoseconds by which the replica that gives rows is behind the one that counts them."""
    cut: int | None = None
    """Groups that a census gives at most."""
    holds: int | None = None
    """Rows of an answer at most; more are too large."""
    questions: list[str] = field(default_factory=list)
    """What it was asked for: census, rows or known."""

    def select(self, select):
        names = {statements.statement(f"{self.feed.name}_{name}"): name for name in ("census", "rows")}
        name = names.get(select.sql, "known")
        self.questions.append(name)
        now = self.clock - self.lag if name == "rows" else self.clock
        seen = sorted((row.ingested, row.number, row) for row in self.rows if row.visible <= now)
        answer = {"census": self._census, "rows": self._rows, "known": self._known}[name]
        found = answer([row for _, _, row in seen], select.parameters)
        if name == "rows" and self.holds is not None and len(found) > self.holds:
            assert select.limits.result_bytes > 0
            raise LimitError("too large", code=396)
        cut = name == "census" and self.cut is not None and len(found) > self.cut + 1
        return Answer((), found[: self.cut + 1] if cut else found, 0.0, 0, 0, "", cut)

    def merge(self):
        """Copies become one, with the first of their moments and the composition of any."""
        seen = [row for row in self.rows if row.visible <= self.clock]
        firsts = {}
        for row in seen:
            before = firsts.get(row.number, row)
            late = before.late_composition and row.late_composition
            firsts[row.number] = replace(min(before, row), late_composition=late)
        self.rows = [row for row in self.rows if row.visible > self.clock] + list(firsts.values())

    def forget(self, seconds):
        """Let go of old rows, which nobody asks for any more."""
        self.rows = [row for row in self.rows if row.ingested > self.clock - seconds * SECOND]

    def _census(self, seen, bound):
        moments = {}
        for row in seen:
            if row.ingested > bound["after"]:
                number, mix = moments.get(row.ingested, (0, 0))
                moments[row.ingested] = (number + 1, mix ^ self._mixed(row))
        return [(0, 0, 0, self.clock), *((moment, *told, 0) for moment, told in sorted(moments.items()))]

    def _known(self, seen, bound):
        known = [row for row in seen if bound["after"] < row.ingested <= bound["until"]]
        return [(_hash(row.number), row.composition != "") for row in known]

    def _mixed(self, row):
        """As sql/streams/NAME_census.sql does."""
        if not self.feed.comes_again:
            return 0
        return _hash(row.number) * (11400714819323198485 if row.composition else 1) % 2**64

    def _rows(self, seen, bound):
        wanted = set(bound["moments"])
        return [self._cells(row) for row in seen if row.ingested in wanted]

    def _cells(self, row):
        known = {"composition_id": row.composition, "about_object": False, "level": 0}
        cells = [known.get(column, "") for column in self.feed.columns]
        return (row.ingested, _hash(row.number), *cells, str(row.number))


@cache
def _hash(number):
    return random.Random(number).getrandbits(64)


class Process:
    """One process of the house, without its clock: it looks when it is told to."""

    def __init__(self, database, watches, *, by_topic=True, **settings):
        settings = StreamSettings(**{"overlap_s": OVERLAP_S, "history_s": 3600, **settings})
        self.tap = Tap(database.feed, database, settings, Figures(CollectorRegistry()))
        self.tap._listener = self
        self._settings, self._by_topic = settings, by_topic
        self.channels = {watch: self._channel(watch) for watch in watches}

    def _channel(self, watch):
        return Channel(watch, SseCoding("x", watch, by_topic=self._by_topic), self.tap, int(OVERLAP_S * SECOND))

    async def look(self):
        await (self.tap._look() if self.tap.is_ready else self.tap._begin())

    def open(self, watch, place):
        if not self.channels[watch].viewers:  # as when the last viewer left
            self.channels[watch] = self._channel(watch)
        known = cursor.read(place)
        assert known is not None or not place
        viewer = Viewer(self.channels[watch], known, ANNA, self._settings, self.tap._figures)
        viewer.channel.viewers.add(viewer)
        return viewer

    def ready(self):
        for channel in self.channels.values():
            channel.prime()

    def more(self, entries):
        for channel in self.channels.values():
            channel.more(entries)
