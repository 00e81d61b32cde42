"""SIGKILL of the ingester at a random moment under load, and again while it starts, every third time.

Every other kill is aimed: it comes the moment a batch got its name in the spool, or some milliseconds later. Then the
requests in it are kept and their senders do not know it yet; or its INSERT runs, or has just ended.

Senders repeat what had no answer, as SDKs do. With the spool always in use and a window for repeated requests nothing
may stand twice. Without, what was cut off between ClickHouse's OK and the sender's may: the protocol's own duplicate.
"""

import contextlib
import random
import time
from collections.abc import Mapping

from bench.chaos import file_events, ground
from bench.chaos.fault import Plan, Verdict
from bench.chaos.ground import Ground
from bench.chaos.ledger import Balance

LATEST = 2.0
"""Seconds after the first OK within which the kill comes."""
AIMED = 0.5
"""Share of the kills that wait for an arrival in the spool."""
ARRIVES_WITHIN = 1.0
SOON_AFTER = 0.05
"""Seconds that an INSERT of such a batch takes."""
AGAIN = 1 / 3
"""Share of the rounds in which the next process is killed as well, before it has settled."""
REQUESTS_AFTER = 24
"""Requests to be acknowledged after the last kill before the load ends."""


def exactly_once(plan: Plan) -> Verdict:
    """Spool always, resend window on: nothing lost, nothing twice."""
    return _run(plan, ground.ONCE, even_interrupted=True)


def by_default(plan: Plan) -> Verdict:
    """As it comes: nothing lost; a request that its sender repeats without an answer may stand twice."""
    return _run(plan, {}, even_interrupted=False)


def embedded(plan: Plan) -> Verdict:
    """The engine dies with the house."""
    return _run(plan, ground.ONCE, even_interrupted=True, embedded=True)


def _run(plan: Plan, settings: Mapping[str, str], *, even_interrupted: bool, embedded: bool = False) -> Verdict:
    total, broken, kills = Balance(), [], 0
    with ground.laid(settings, embedded=embedded) as here:
        for number in range(plan.rounds):
            if not here.house.alive:
                here.house.start()
            balance, killed = _round(here, plan, number)
            total, kills = total + balance, kills + killed
            broken += [f"round {number + 1}: {words}" for words in balance.broken(even_interrupted=even_interrupted)]
            plan.say(f"round {number + 1} of {plan.rounds}: {balance.words()}")
        crashes = here.crashes
    for words in crashes:
        plan.say(f"ClickHouse crashed by itself: {words[-500:]}")
    figures = total.figures() | {"kills": kills, "clickhouse_crashes": len(crashes)}
    also = f"; ClickHouse crashed by itself {len(crashes)} times" if crashes else ""
    return Verdict(plan.rounds, f"{kills} kills: {total.words()}{also}", tuple(broken), figures)


def _kill(here: Ground, draw: random.Random) -> None:
    """Kill the house now, or at the next arrival in its spool; by default nothing may arrive there."""
    if draw.random() < AIMED and here.house.spool_folder.exists():
        with file_events.Arrivals(here.house.spool_folder) as arrivals, contextlib.suppress(TimeoutError):
            arrivals.wait(ARRIVES_WITHIN)
            time.sleep(draw.choice((0, 0, draw.uniform(0, SOON_AFTER))))
    here.house.kill()


def _round(here: Ground, plan: Plan, number: int) -> tuple[Balance, int]:
    kills, draw = 1, plan.draw(number)
    latest = plan.seconds(LATEST, 0.7)
    load = here.load(plan.seed + number, senders=3)
    with here.under(load) as senders:
        senders.wait_for(1)
        time.sleep(draw.uniform(0, latest))
        _kill(here, draw)
        here.house.start(wait=False)
        if draw.random() < AGAIN:
            time.sleep(draw.uniform(0, latest))
            here.house.kill()
            here.house.start(wait=False)
            kills = 2
        here.house.wait_ready()
        senders.wait_for(senders.acknowledged + REQUESTS_AFTER)
        notes = senders.finish()
    return here.settle(load.run, notes), kills
