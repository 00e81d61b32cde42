"""Clients move between two processes at random, thousands of times, while rows become visible late, shuffled, and some
of them again under another moment: each client gets what it asked for, once.

Taps, channels, viewers and cursors are those of the house; ClickHouse is a list with a clock of the test's own.
"""

import asyncio
import random
from collections import Counter

import pytest
from stream_process import ANNA, Database, Process, Stored

from sse_proxy import watching
from sse_proxy.feeds import EVENTS, LOGS
from sse_proxy.tap import SECOND

LATE_S = 5.0
"""With the clocks' and the steps' error, less than the overlap."""
STEPS = 300


class Client:
    """Reads a little, is cut anywhere, and goes on at any process."""

    def __init__(self, watch, dice):
        self._watch, self._dice = watch, dice
        self.place, self.got, self.gaps = "", Counter(), 0
        self._viewer, self._unread = None, []

    def connect(self, process):
        if self._viewer is not None:
            self._viewer.channel.viewers.discard(self._viewer)
        self._viewer, self._unread = process.open(self._watch, self.place), []

    async def read(self, most):
        """Take so many blocks of those that are there; None for all."""
        while most is None or most > 0:
            if not self._unread:
                waiting = asyncio.ensure_future(self._viewer.next())
                await asyncio.sleep(0)
                if not waiting.done():
                    waiting.cancel()
                    await asyncio.wait([waiting])
                    return
                self._unread = [block for block in waiting.result().decode().split("\n\n") if block]
            self._take(self._unread.pop(0))
            most = most if most is None else most - 1

    async def any_step(self, processes, most):
        """Read some, perhaps nothing for a while, perhaps be cut."""
        await self.read(self._dice.randrange(most))
        if self._dice.random() < 0.1:
            self.silence()
        if self._dice.random() < 0.4:
            self.connect(self._dice.choice([one for one in processes if one.tap.is_ready]))

    def silence(self):
        self._viewer.keepalive(self._viewer.channel.coding.keepalive(self._viewer.channel.place()))

    def _take(self, block):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
        self.place = fields.get("id", self.place)
        if fields.get("event") == "gap":
            self.gaps += 1
        elif "data" in fields:
            self.got[fields.get("event", ""), int(fields["data"])] += 1


class Writers:
    """Three, whose clocks are wrong; what they write is seen at once, or late; some of it is written again soon."""

    def __init__(self, database, dice, *, late_compositions):
        self._database, self._dice, self._late_compositions = database, dice, late_compositions
        self._skews = [dice.randrange(-SECOND, SECOND // 2) for _ in range(3)]
        self.numbers = 0

    def write(self, rows):
        for _ in range(rows):
            self.numbers += 1
            again = self._database.feed is EVENTS and self._dice.random() < 0.3
            for copy in range(2 if again else 1):
                late = self._late_compositions and again and copy == self.numbers % 2
                self._database.rows.append(self._stored(self.numbers, late=late))

    def _stored(self, number, *, late):
        dice, now = self._dice, self._database.clock
        delay = dice.randrange(int(LATE_S * SECOND)) if dice.random() < 0.4 else 0
        moment = now + dice.choice(self._skews)
        if dice.random() < 0.5:
            moment -= moment % SECOND  # as many others
        return Stored(moment, now + delay, number, late_composition=late)


async def scene(feed, seed, filters, *, by_topic, rate, late_compositions=False):
    """Gives the clients at the end, and the numbers of what was written."""
    dice, database = random.Random(seed), Database(feed)
    watches = [watching.watch(feed, wanted, ANNA) for wanted in filters]
    processes = [Process(database, watches, by_topic=by_topic) for _ in range(2)]
    writers, clients = (
        Writers(database, dice, late_compositions=late_compositions),
        [Client(watch, dice) for watch in watches],
    )
    await processes[0].look()
    for client in clients:
        client.connect(processes[0])
        await client.read(None)
    for _ in range(STEPS):
        database.clock += dice.randrange(SECOND // 5)
        writers.write(dice.randrange(2 * rate + 1))
        database.lag = dice.choice([0, SECOND // 2])
        if feed is EVENTS and not late_compositions and dice.random() < 0.2:
            database.merge()
        database.forget(60)
        for process in processes:
            if dice.random() < 0.5:
                await process.look()
        for client in clients:
            await client.any_step(processes, 4 * rate)
    database.clock += int(LATE_S * SECOND)
    database.lag = 0
    for process in processes:
        await process.look()
    for client in clients:
        await client.read(None)
    return clients, range(1, writers.numbers + 1)


def expected(numbers, composition=""):
    """What belongs to this composition, or to any."""
    found = Counter((Stored(0, 0, number).composition, number) for number in numbers)
    return Counter({key: 1 for key in found if key[0] and composition in {"", key[0]}})


SEEDS = range(3)


@pytest.mark.parametrize("rate", [1, 4], ids=["few rows", "more rows than a cursor lists"])
@pytest.mark.parametrize("seed", SEEDS)
def test_events_come_once_for_each_topic_wherever_a_client_is_cut(seed, rate):
    filters = [{}, {"composition_id": ["c-1"]}]
    clients, numbers = asyncio.run(scene(EVENTS, seed, filters, by_topic=True, rate=rate))
    everything, one = clients
    assert (everything.gaps, one.gaps) == (0, 0)
    assert everything.got == Counter(("krateo", number) for number in numbers) + expected(numbers)
    assert one.got == expected(numbers, "c-1")


@pytest.mark.parametrize("rate", [1, 4], ids=["few rows", "more rows than a cursor lists"])
@pytest.mark.parametrize("seed", SEEDS)
def test_rows_come_once_wherever_a_client_is_cut(seed, rate):
    clients, numbers = asyncio.run(scene(LOGS, seed, [{}, {"composition_id": ["c-2"]}], by_topic=False, rate=rate))
    everything, one = clients
    assert (everything.gaps, one.gaps) == (0, 0)
    assert everything.got == Counter(("", number) for number in numbers)
    assert one.got == Counter(("", number) for _, number in expected(numbers, "c-2"))


@pytest.mark.parametrize("seed", SEEDS)
def test_who_watches_a_composition_gets_each_event_once_whichever_copy_carries_it(seed):
    filters = [{}, {"composition_id": ["c-1"]}]
    late = {"by_topic": True, "rate": 2, "late_compositions": True}
    (everything, one), numbers = asyncio.run(scene(EVENTS, seed, filters, **late))
    assert (everything.gaps, one.gaps) == (0, 0)
    assert Counter({key: n for key, n in everything.got.items() if key[0] == "krateo"}) == Counter(
        ("krateo", number) for number in numbers
    )
    assert one.got == expected(numbers, "c-1")
