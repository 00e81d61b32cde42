"""ClickHouse stands still (SIGSTOP): connections stay open, nobody answers. Then it goes on."""

import signal
import time
from os import kill

from bench.chaos import ground, ledger
from bench.chaos.fault import Plan, Verdict
from bench.chaos.ground import Ground
from bench.chaos.ledger import Balance, Note, Outcome

SLOWEST_ANSWER = 10.0
"""Seconds; what SDKs wait for by default."""
REQUESTS_AFTER = 24
FROZEN = 60.0


def run(plan: Plan) -> Verdict:
    """Freeze it in every round, with senders that give up after twice the time that an answer may take."""
    total, broken, slowest, meanwhile = Balance(), [], 0.0, 0
    frozen = plan.seconds(FROZEN, 5)
    with ground.laid() as here:
        here.house.start()
        for number in range(plan.rounds):
            balance, notes, answered = _round(here, plan, plan.seed + number, frozen)
            total, meanwhile = total + balance, meanwhile + answered
            slowest = max(slowest, *(one.seconds for one in ledger.attempts(notes)))
            broken += [f"round {number + 1}: {words}" for words in balance.broken(even_interrupted=True)]
            if not answered:
                broken.append(f"round {number + 1}: nobody was answered during the freeze")
            plan.say(f"round {number + 1} of {plan.rounds}: {balance.words()}, {answered} answers during the freeze")
    if slowest > SLOWEST_ANSWER:
        broken.append(f"a sender waited {slowest:.1f} s for its answer")
    figures = total.figures()
    figures |= {"slowest_answer_s": round(slowest, 2), "frozen_s": frozen, "answers_meanwhile": meanwhile}
    seen = f"{total.words()}; {meanwhile:,} answers while frozen, the slowest after {slowest:.1f} s"
    return Verdict(plan.rounds, seen, tuple(broken), figures)


def _round(here: Ground, plan: Plan, seed: int, frozen: float) -> tuple[Balance, list[Note], int]:
    load = here.load(seed, senders=3, pause=0.1, timeout=2 * SLOWEST_ANSWER)
    with here.under(load) as senders:
        senders.wait_for(12)
        begun = time.monotonic()
        kill(here.server.pid, signal.SIGSTOP)
        try:
            plan.say(f"frozen for {frozen:g} s")
            time.sleep(frozen)
        finally:
            kill(here.server.pid, signal.SIGCONT)
        thawed = time.monotonic()
        senders.wait_for(senders.acknowledged + REQUESTS_AFTER)
        notes = senders.finish()
    answered = sum(
        begun < one.begun and one.ended < thawed and one.outcome is not Outcome.UNKNOWN
        for one in ledger.attempts(notes)
    )
    return here.settle(load.run, notes), notes, answered
