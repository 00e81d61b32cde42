"""Ten minutes at half of what the house can take, with questions asked all the while: its memory stays flat.

The load's full speed is measured first, for some seconds; then the senders keep half of its pace. Memory is the
resident memory of the house's process, the median of each tenth of the time; from the second on it may grow by 5 %.
"""

import dataclasses
import json
import statistics
import threading
import time
import urllib.request

from bench import processes
from bench.chaos import ground, ledger
from bench.chaos.fault import Plan, Verdict
from bench.chaos.ground import Ground
from bench.chaos.ledger import Balance, Note
from bench.embedded_benchmark import QUESTIONS

SECONDS = 600.0
FULL_SPEED = 15.0
FLAT = 0.05
SENDERS, ITEMS, BODIES = 4, 1000, 8
_CONNECTIONS = SENDERS * 6
_PAUSE = 0.5


def on_a_server(plan: Plan) -> Verdict:
    """The house beside a ClickHouse server."""
    return _run(plan, embedded=False)


def _run(plan: Plan, *, embedded: bool) -> Verdict:
    with ground.laid(embedded=embedded, role="up") as here:
        here.house.start()
        speed = _full_speed(here, plan)
        plan.say(f"full speed: {speed * ITEMS:,.0f} items a second; soaking at half of it")
        asked: list[float] = []
        balance, memory = _soak(here, plan, speed / 2, asked)
    growth = max(memory[1:]) / memory[1] - 1
    broken = balance.broken(even_interrupted=True)
    if growth > FLAT:
        broken.append(f"memory grew by {growth:.1%}: {', '.join(f'{one / 2**20:.0f}' for one in memory)} MiB")
    if not asked:
        broken.append("no question was answered")
    figures = balance.figures()
    figures |= {"growth": round(growth, 4), "questions": len(asked), "items_per_second": round(speed / 2 * ITEMS)}
    seen = (
        f"{speed / 2 * ITEMS:,.0f} items a second, {len(asked):,} questions; memory {memory[1] / 2**20:.0f} MiB after "
        f"the first tenth, {max(memory[1:]) / 2**20:.0f} MiB at most after; {balance.words()}"
    )
    return Verdict(plan.rounds, seen, tuple(broken), figures)


def _full_speed(here: Ground, plan: Plan) -> float:
    """Requests a second without any pause."""
    seconds = plan.seconds(FULL_SPEED, 1)
    with here.under(here.load(plan.seed, senders=SENDERS, items=ITEMS, bodies=BODIES)) as senders:
        senders.wait_for(_CONNECTIONS)
        before, begun = senders.acknowledged, time.monotonic()
        time.sleep(seconds)
        speed = (senders.acknowledged - before) / (time.monotonic() - begun)
        senders.finish()
    return speed


def _soak(here: Ground, plan: Plan, pace: float, asked: list[float]) -> tuple[Balance, list[float]]:
    load = here.load(plan.seed + 1, senders=SENDERS, items=ITEMS, bodies=BODIES, every=_CONNECTIONS / pace)
    seconds = plan.seconds(SECONDS, 3)
    memory = []
    done = threading.Event()
    asker = threading.Thread(target=_ask, args=(here.house.rest, asked, done), daemon=True)
    asker.start()
    try:
        with here.under(load) as senders:
            for tenth in range(10):
                memory.append(_memory(here, seconds / 10))
                plan.say(f"{tenth + 1} of 10: {memory[-1] / 2**20:.0f} MiB, {senders.acknowledged:,} requests")
            notes = senders.finish()
    finally:
        done.set()
        asker.join()
    here.house.wait_drained()
    return _in_all(notes, sum(held.rows for held in here.count(load.run).values())), memory


def _in_all(notes: list[Note], rows: int) -> Balance:
    """The balance of requests that are sent again and again: only their sum can be held against the rows."""
    sent = ledger.balance(notes, {})
    off = sent.acknowledged - rows
    return dataclasses.replace(sent, lost=max(0, off), doubled=max(0, -off), examples=())


def _memory(here: Ground, seconds: float) -> float:
    """The median of the resident memory over a time, in bytes."""
    samples = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        samples.append(processes.cost_of(here.house.pid).resident_bytes)
        time.sleep(min(0.5, seconds / 10))
    return statistics.median(samples)


def _ask(rest: str, asked: list[float], done: threading.Event) -> None:
    while not done.wait(_PAUSE):
        for question in QUESTIONS:
            begun = time.monotonic()
            with urllib.request.urlopen(f"{rest}/api/v1/questions/{question}", timeout=60) as answer:
                json.load(answer)
            asked.append(time.monotonic() - begun)
