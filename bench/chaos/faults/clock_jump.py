"""The house's wall clock jumps an hour ahead, then an hour behind, then back, under load and with a filled spool."""

import re
import time
from datetime import UTC, datetime, timedelta

from bench.chaos import ground, ledger
from bench.chaos.fake_clock import FakeClock
from bench.chaos.fault import Plan, Verdict
from bench.chaos.ground import Ground
from bench.chaos.ledger import Balance, Note

JUMPS = (3600, -3600, 0)
"""Where the clock goes, in seconds from the truth."""
LONGEST_SILENCE = 5.0
"""Seconds without an OK that are a stall: a pause by the wall clock would last an hour."""
STAY = 5.0
_LOGGED = re.compile(r"^(\d{4}-\d\d-\d\dT[\d:.]+)Z ", re.MULTILINE)


def run(plan: Plan) -> Verdict:
    """A house of its own for every round; ClickHouse keeps the right time."""
    total, broken, silence = Balance(), [], 0.0
    for number in range(plan.rounds):
        with ground.laid({**ground.ALWAYS, "OTELHOUSE_LOG_LEVEL": "info"}) as here:
            balance, notes, seen = _round(here, plan, plan.seed + number)
        total, silence = total + balance, max(silence, ledger.longest_silence(notes))
        broken += [f"round {number + 1}: {words}" for words in balance.broken(even_interrupted=True)]
        if not seen:
            broken.append(f"round {number + 1}: the house's log never told another hour, so its clock did not jump")
        plan.say(f"round {number + 1} of {plan.rounds}: {balance.words()}")
    if silence > LONGEST_SILENCE:
        broken.append(f"no request was acknowledged for {silence:.1f} s")
    figures = total.figures() | {"longest_silence_s": round(silence, 2)}
    seen_words = f"{total.words()}; longest time between two OKs {silence:.1f} s"
    return Verdict(plan.rounds, seen_words, tuple(broken), figures)


def _round(here: Ground, plan: Plan, seed: int) -> tuple[Balance, list[Note], bool]:
    clock = FakeClock(here.house.folder)
    here.house.environment = clock.variables
    here.house.start()
    load = here.load(seed, senders=2, pause=0.1)
    with here.under(load) as senders:
        senders.wait_for(12)
        for jump in JUMPS:
            here.server.kill()  # what waits in the spool, and the pauses between attempts, meet the jump as well
            time.sleep(plan.seconds(1, 0.3))
            clock.set(jump)
            time.sleep(plan.seconds(1, 0.3))
            here.server.restart()
            time.sleep(plan.seconds(STAY, 0.5))
        notes = senders.finish()
    return here.settle(load.run, notes), notes, _tells_another_hour(here.house.log())


def _tells_another_hour(log: str) -> bool:
    now = datetime.now(UTC)
    times = [datetime.fromisoformat(found).replace(tzinfo=UTC) for found in _LOGGED.findall(log)]
    return any(abs(one - now) > timedelta(minutes=30) for one in times)
