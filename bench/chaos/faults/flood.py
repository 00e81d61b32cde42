"""One sender floods the house, another is polite: the polite one's answers may take at most twice as long.

The polite senders send at a fixed pace, first alone, then beside the flood, in the same run on the same house. The
flood comes from another address, over all connections that it likes, repeats at once what is refused, and pays no heed
to pauses. Its process stands back for others (nice), since on a machine of its own it would take none of their CPU.
"""

import time
from dataclasses import dataclass

from bench.chaos import ground, ledger
from bench.chaos.fault import Plan, Verdict
from bench.chaos.ground import Ground
from bench.chaos.ledger import Balance, Note, Outcome

AT_MOST = 2.0
SECONDS = 30.0
WARM_UP = 1.5
EVERY = 0.25
"""Seconds between two requests of each of the six polite senders."""
FLOOD_SENDERS = 32
FLOOD_ITEMS = 5_000
FLOOD_ADDRESS = "127.0.0.2"


@dataclass(frozen=True, slots=True)
class Waits:
    """How long polite requests took from the first attempt to their OK, in seconds."""

    median: float
    p99: float
    requests: int

    @classmethod
    def of(cls, notes: list[Note]) -> "Waits":
        """Read them off the notes; the first seconds warm up."""
        begin = min(note.attempts[0].begun for note in notes) + WARM_UP
        took = [note.attempts[-1].ended - note.attempts[0].begun for note in notes if note.attempts[0].begun >= begin]
        return cls(ledger.quantile(took, 0.5), ledger.quantile(took, 0.99), len(took))


@dataclass(frozen=True, slots=True)
class Phase:
    """What the polite senders saw, and how the flood fared."""

    waits: Waits
    balance: Balance
    flood_taken: int = 0
    flood_refused: int = 0


def run(plan: Plan) -> Verdict:
    """Alone, then beside the flood, in every round."""
    total, broken, pairs, flooded = Balance(), [], [], 0
    with ground.laid() as here:
        here.house.start()
        for number in range(plan.rounds):
            alone = _alone(here, plan, plan.seed + 2 * number)
            beside = _beside_the_flood(here, plan, plan.seed + 2 * number + 1)
            balance = alone.balance + beside.balance
            total, flooded = total + balance, flooded + beside.flood_taken + beside.flood_refused
            pairs.append((alone.waits.p99, beside.waits.p99))
            broken += [f"round {number + 1}: {words}" for words in balance.broken(even_interrupted=True)]
            broken += [f"round {number + 1}: {words}" for words in _slower(*pairs[-1])]
            plan.say(f"round {number + 1} of {plan.rounds}: {_words(alone, beside)}")
    worst = max(beside / alone for alone, beside in pairs)
    seen = f"p99 {worst:.2f} times as long at worst ({', '.join(f'{a:.2f} s to {b:.2f} s' for a, b in pairs)})"
    figures = {"worst_ratio": round(worst, 2), "flood_requests": flooded}
    figures |= {"polite_lost": total.lost, "polite_unanswered": total.unacknowledged}
    return Verdict(plan.rounds, seen, tuple(broken), figures)


def _slower(alone: float, beside: float) -> list[str]:
    return [f"p99 was {alone:.2f} s alone, {beside:.2f} s beside the flood"] if beside > AT_MOST * alone else []


def _words(alone: Phase, beside: Phase) -> str:
    before, after = alone.waits, beside.waits
    return (
        f"p99 {before.p99:.2f} s alone, {after.p99:.2f} s beside the flood (median {before.median:.2f} and "
        f"{after.median:.2f}; {before.requests} and {after.requests} requests); of the flood {beside.flood_taken} "
        f"requests were taken, {beside.flood_refused} refused"
    )


def _alone(here: Ground, plan: Plan, seed: int) -> Phase:
    load = here.load(seed, senders=1, every=EVERY)
    with here.under(load) as senders:
        senders.wait_for(1)
        time.sleep(WARM_UP + plan.seconds(SECONDS, 1.5))
        notes = senders.finish()
    return Phase(Waits.of(notes), here.settle(load.run, notes))


def _beside_the_flood(here: Ground, plan: Plan, seed: int) -> Phase:
    many, items = (4, 1_000) if plan.brief else (FLOOD_SENDERS, FLOOD_ITEMS)
    flood = here.load(
        seed, senders=many, items=items, bodies=4, transports=("http",), source=FLOOD_ADDRESS, longest_pause=0.02,
        nice=19,
    )  # fmt: skip
    polite = here.load(seed, senders=1, every=EVERY)
    with here.under(flood) as rude:
        rude.wait_for(10)
        with here.under(polite) as senders:
            senders.wait_for(1)
            time.sleep(WARM_UP + plan.seconds(SECONDS, 1.5))
            notes = senders.finish()
        outcomes = [one.outcome for one in ledger.attempts(rude.finish(5))]
    taken = outcomes.count(Outcome.ACKNOWLEDGED)
    return Phase(Waits.of(notes), here.settle(polite.run, notes), taken, len(outcomes) - taken)
