"""Nothing lost and nothing twice: a client is cut at random places and goes on in this process or another, while three
writers with clocks of their own bring rows late and shuffled.
"""

import asyncio
import random
import time
from collections import Counter
from functools import partial

import pytest
from stream_world import PATIENCE, SECOND, event, house, log, make_tables, put

CUTS = 200
LATE_S = 3.0
"""Rows come this late at most, besides what the writers' clocks are wrong by."""
OVERLAP_S = 8.0
SEED = 20_261_121
AHEAD, EACH_CUT = 40, 2
"""Rows of one writer that are there before they are needed, and rows that one cut needs."""
LAST = "the-end"


class Writer:
    """Writes rows with a clock that is wrong, some late, in any order, many for the same moment."""

    def __init__(self, store, table, rows_of, copies, dice):
        self._store, self._table, self._rows_of, self._copies, self._dice = store, table, rows_of, copies, dice
        self.may_write = AHEAD
        self._skew = dice.randrange(-SECOND, SECOND // 2)
        self.written = set()

    async def run(self, stop, name):
        waiting = []
        number = 0
        while not stop.is_set() or waiting:
            if not stop.is_set():
                for _ in range(min(self._dice.randrange(1, 12), self.may_write - number)):
                    number += 1
                    times = 2 if self._copies and self._dice.random() < 0.3 else 1  # another collector, sooner or later
                    waiting += [self._made(f"{name}-{number}") for _ in range(times)]
            due = [one for one in waiting if stop.is_set() or one[0] <= time.monotonic()]
            waiting = [one for one in waiting if one not in due]
            self._dice.shuffle(due)
            if due:
                rows = [row for _, key, moment in due for row in self._rows_of(key, moment)]
                await asyncio.to_thread(put, self._store, self._table, rows)
                self.written.update(key for _, key, _ in due)
            await asyncio.sleep(self._dice.uniform(0.0, 0.02))

    def _made(self, key):
        """When it becomes visible, what it is, and the moment that is written on it."""
        delay = self._dice.uniform(0.0, LATE_S) if self._dice.random() < 0.3 else 0.0
        moment = time.time_ns() + self._skew
        if self._dice.random() < 0.5:
            moment -= moment % SECOND  # as many others
        return time.monotonic() + delay, key, moment


async def cut_again_and_again(houses, path, dice, done):
    """Read a few messages, be cut, go on elsewhere; gives the stream that is open at the end, and what was read."""
    read = []
    watcher = await houses[0].follow(path)
    for cut in range(CUTS):
        done(cut)
        for _ in range(dice.randrange(6)):
            message = await asyncio.wait_for(watcher.block(), PATIENCE)
            assert message.event != "gap", message.data
            read.append(message)
        place = watcher.cut()
        watcher = await dice.choice(houses).watch(path, Last_Event_ID=place)
        assert watcher.status == 200
    return watcher, read


async def scene(store, table, rows_of, paths, *, copies=False):
    dice = random.Random(SEED)
    stop = asyncio.Event()
    writers = [Writer(store, table, rows_of, copies, dice) for _ in range(3)]
    cuts = dict.fromkeys(paths, 0)

    def done(path, cut):
        """Writers stay a little ahead of the slowest client, whatever this machine is."""
        cuts[path] = cut
        for writer in writers:
            writer.may_write = AHEAD + EACH_CUT * min(cuts.values())

    settings = {"overlap_s": OVERLAP_S}
    async with house(store, **settings) as one, house(store, **settings) as two:
        clients = [
            asyncio.create_task(cut_again_and_again([one, two], path, random.Random(path), partial(done, path)))
            for path in paths
        ]
        await one.until(lambda: one.figure("viewers", feed=_feed(table)) == len(paths))
        writing = [asyncio.create_task(writer.run(stop, f"w{number}")) for number, writer in enumerate(writers)]
        ends = await asyncio.gather(*clients)
        stop.set()
        await asyncio.gather(*writing)
        await asyncio.to_thread(put, store, table, rows_of(LAST, time.time_ns() + SECOND))
        for watcher, read in ends:
            while not read or LAST not in read[-1].data:
                read.append(await asyncio.wait_for(watcher.block(), PATIENCE))
        return [read for _, read in ends], set().union(*(writer.written for writer in writers))


def is_one_of_some(key):
    """Half of the rows, and the last."""
    return key == LAST or int(key.rpartition("-")[2]) % 2 == 1


def _feed(table):
    return {"otel_k8s_events": "events", "otel_logs": "logs"}[table]


@pytest.fixture
def tables(embedded_store):
    make_tables(embedded_store)
    return embedded_store


def test_events_reach_a_client_that_is_cut_200_times_once_each(tables):
    def rows_of(key, moment):
        row = event(key, ingested=moment, CompositionId="c-1" if is_one_of_some(key) else "")
        return [row, row] if key.endswith("7") else [row]  # two collectors

    paths = ["/notifications/", "/notifications/?composition_id=c-1", "/api/v1/tail?signal=events&kind=Pod"]
    (all_topics, one_topic, tail), written = asyncio.run(scene(tables, "otel_k8s_events", rows_of, paths, copies=True))
    in_composition = [key for key in written if rows_of(key, 0)[0]["CompositionId"]]
    assert _names(all_topics, "krateo") == Counter(written)
    assert _names(all_topics, "c-1") - Counter([LAST]) == Counter(in_composition)
    assert _names(one_topic, "c-1") - Counter([LAST]) == Counter(in_composition)
    assert _names(tail, "message") - Counter([LAST]) == Counter(written)


def test_log_records_reach_it_too_those_that_agree_in_everything_each(tables):
    def rows_of(key, moment):
        row = log(key, ingested=moment, ServiceName="shop" if is_one_of_some(key) else "other")
        return [row] * (3 if key.endswith("7") else 1)

    paths = ["/api/v1/tail?signal=logs", "/api/v1/tail?service=shop"]
    (everything, shop), written = asyncio.run(scene(tables, "otel_logs", rows_of, paths))
    expected = Counter({key: len(rows_of(key, 0)) for key in written})
    of_shop = Counter({key: n for key, n in expected.items() if rows_of(key, 0)[0]["ServiceName"] == "shop"})
    bodies = [Counter(one.json["body"] for one in read) - Counter([LAST]) for read in (everything, shop)]
    assert bodies == [expected, of_shop]


def _names(read, topic):
    found = Counter(one.json["metadata"]["name"] for one in read if one.event == topic)
    return found - Counter([LAST]) if topic == "krateo" else found
