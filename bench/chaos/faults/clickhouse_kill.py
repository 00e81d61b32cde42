"""SIGKILL of ClickHouse under load, restart after a random while on the same data."""

import random
import time

from bench.chaos import ground, ledger
from bench.chaos.fault import Plan, Verdict
from bench.chaos.ground import Ground
from bench.chaos.ledger import Balance, Note

SLOWEST_ANSWER = 10.0
"""Seconds; what SDKs wait for by default."""
REQUESTS_AFTER = 24


def run(plan: Plan) -> Verdict:
    """Kill it in every round; the house stays."""
    total, broken, slowest = Balance(), [], 0.0
    with ground.laid() as here:
        here.house.start()
        for number in range(plan.rounds):
            away = plan.draw(number).uniform(0, plan.seconds(8, 2))
            balance, notes = _round(here, plan.seed + number, plan.draw(number), away)
            total += balance
            slowest = max(slowest, *(one.seconds for one in ledger.attempts(notes)))
            broken += [f"round {number + 1}: {words}" for words in balance.broken(even_interrupted=True)]
            plan.say(f"round {number + 1} of {plan.rounds}: away for {away:.1f} s, {balance.words()}")
    if slowest > SLOWEST_ANSWER:
        broken.append(f"a sender waited {slowest:.1f} s for its answer")
    figures = total.figures() | {"slowest_answer_s": round(slowest, 2)}
    return Verdict(plan.rounds, f"{total.words()}; slowest answer {slowest:.1f} s", tuple(broken), figures)


def _round(here: Ground, seed: int, draw: random.Random, away: float) -> tuple[Balance, list[Note]]:
    load = here.load(seed, senders=3)
    with here.under(load) as senders:
        senders.wait_for(1)
        time.sleep(draw.uniform(0, 2))
        here.server.kill()
        time.sleep(away)
        here.server.restart()
        senders.wait_for(senders.acknowledged + REQUESTS_AFTER)
        notes = senders.finish()
    return here.settle(load.run, notes), notes
