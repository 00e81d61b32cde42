"""A stream over two replicas that answer in turn, neither of which has all rows of the other, gives each row once."""

import asyncio
import json
import os
import random
import threading
from collections import Counter

import pytest
from stream_world import PATIENCE, event, house, make_tables, put

from store.opening import open_store
from store.port import Select
from store.settings import StoreSettings

ROUNDS = 10
OVERLAP_S = 60.0
"""A replica is behind by one round, and a round may take some seconds on a machine that is busy."""
LAST = "the-end"


class Replicas:
    """One question is answered by this one, the next by that one, as behind a load balancer."""

    def __init__(self, stores, seed):
        self._stores, self._dice, self._lock = stores, random.Random(seed), threading.Lock()
        self.asked = Counter()

    def select(self, select):
        with self._lock:
            number = self._dice.randrange(len(self._stores))
            self.asked[number] += 1
        return self._stores[number].select(select)


@pytest.fixture
def replicas(engine_folder):
    outside = open_store(StoreSettings(path=engine_folder))
    names = [f"replica_{os.getpid()}_{number}" for number in range(2)]
    stores = []
    for name in names:
        outside.select(Select(f"CREATE DATABASE {name}"))
        stores.append(open_store(StoreSettings(path=engine_folder, database=name)))
        make_tables(stores[-1])
    yield stores
    for store, name in zip(stores, names, strict=True):
        store.close()
        outside.select(Select(f"DROP DATABASE {name} SYNC"))
    outside.close()


async def written(stores, late, number):
    """A round's rows: one in the first replica alone, one in the second alone, one in both; the rest a round later."""
    here, there, both = (event(f"{number}-{place}") for place in ("here", "there", "both"))
    for store, rows in zip(stores, ([*late[0], here, both], [*late[1], there, both]), strict=True):
        await asyncio.to_thread(put, store, "otel_k8s_events", rows)
    return [there], [here]


async def name_of_the_next(watcher):
    message = await asyncio.wait_for(watcher.block(), PATIENCE)
    assert message is not None, "the stream ended"
    assert message.event != "gap", message.data
    return json.loads(message.data)["metadata"]["name"]


def test_who_is_cut_and_goes_on_elsewhere_has_each_event_once_whichever_replica_answers(replicas):
    answering = [Replicas(replicas, seed) for seed in (1, 2)]
    in_both = {f"{number}-{place}" for number in range(ROUNDS) for place in ("here", "there", "both")}
    wanted = in_both | {f"{ROUNDS}-both", LAST}

    async def scene():
        async with (
            house(answering[0], overlap_s=OVERLAP_S) as one,
            house(answering[1], overlap_s=OVERLAP_S) as another,
        ):
            await another.follow()  # so that it looks as well, and finds other rows first
            watcher, found, late = await one.follow(), [], ([], [])
            for number in range(ROUNDS):
                late = await written(replicas, late, number)
                found += [await name_of_the_next(watcher) for _ in range(2)]
                place = watcher.cut()
                watcher = await (another, one)[number % 2].follow(Last_Event_ID=place)
            await written(replicas, late, ROUNDS)
            for store in replicas:
                await asyncio.to_thread(put, store, "otel_k8s_events", [event(LAST)])
            while not wanted <= set(found):
                found.append(await name_of_the_next(watcher))
            return found

    found = asyncio.run(scene())

    last_round = {f"{ROUNDS}-{place}" for place in ("here", "there", "both")}
    assert [name for name, times in Counter(found).items() if times > 1] == []
    assert wanted <= set(found) <= wanted | last_round
    assert all(min(one.asked[0], one.asked[1]) >= ROUNDS // 3 for one in answering), "both replicas answered"
