"""The spool's disk is full: senders are asked to come again, nobody crashes, and room is used once it is there again.

Three ways to a full disk, in turn: ClickHouse is away and the spool fills the disk; somebody else fills the disk of a
spool that every request goes through; the spool comes to the bytes that it leaves to others (`keep_free_bytes`).
"""

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.chaos import ground, ledger, small_disk
from bench.chaos.fault import Plan, Verdict
from bench.chaos.ground import Ground
from bench.chaos.ledger import Balance, Note, Outcome
from bench.chaos.load import Senders
from bench.chaos.small_disk import Ballast

DISK = 8 * 1024 * 1024
LEFT_TO_OTHERS = 4 * 1024 * 1024
FULL_FOR = 3.0
"""Seconds that senders meet the full disk."""
PATIENCE = 60.0
REQUESTS_AFTER = 24

Way = Callable[[Ground, Senders, Path, float], None]


def run(plan: Plan) -> Verdict:
    """Each round is a house and a disk of its own."""
    ways: tuple[tuple[str, dict[str, str], Way], ...] = (
        ("ClickHouse away", {}, _clickhouse_away),
        ("disk filled by others", ground.ALWAYS, _filled_by_others),
        ("keep_free_bytes", {"OTELHOUSE_INGEST_SPOOL_KEEP_FREE_BYTES": str(LEFT_TO_OTHERS)}, _clickhouse_away),
    )
    total, broken, refusals = Balance(), [], 0
    for number in range(plan.rounds):
        name, settings, way = ways[number % len(ways)]
        balance, notes, alive = _round(plan, number, settings, way)
        refused = sum(one.outcome is Outcome.REFUSED for one in ledger.attempts(notes))
        total, refusals = total + balance, refusals + refused
        broken += [f"{name}: {words}" for words in balance.broken(even_interrupted=True)]
        broken += [] if refused else [f"{name}: nobody was refused"]
        broken += [] if alive else [f"{name}: the house did not survive"]
        plan.say(f"round {number + 1} of {plan.rounds}, {name}: {refused} refusals, {balance.words()}")
    figures = total.figures() | {"refusals": refusals}
    return Verdict(plan.rounds, f"{refusals:,} refusals; {total.words()}", tuple(broken), figures)


def _round(plan: Plan, number: int, settings: dict[str, str], way: Way) -> tuple[Balance, list[Note], bool]:
    with TemporaryDirectory(prefix="otelhouse-chaos-disk-") as folder:
        disk = Path(folder)
        place = {"OTELHOUSE_INGEST_SPOOL_PATH": folder, "OTELHOUSE_INGEST_SPOOL_KEEP_FREE_BYTES": "0"}
        with ground.laid(place | settings, prefix=small_disk.prefix(disk, DISK)) as here:
            here.house.start()
            pid = here.house.pid
            load = here.load(plan.seed + number, senders=4, items=400, pause=0.05)
            with here.under(load) as senders:
                senders.wait_for(6)
                way(here, senders, disk, plan.seconds(FULL_FOR, 0.5))
                senders.wait_for(senders.acknowledged + REQUESTS_AFTER)
                notes = senders.finish()
            balance = here.settle(load.run, notes)
            return balance, notes, here.house.alive and here.house.pid == pid


def _clickhouse_away(here: Ground, senders: Senders, _: Path, seconds: float) -> None:
    here.server.kill()
    _wait_until_refused(senders)
    time.sleep(seconds)
    here.server.restart()


def _filled_by_others(here: Ground, senders: Senders, disk: Path, seconds: float) -> None:
    ballast = Ballast(here.house.pid, disk)
    ballast.fill()
    _wait_until_refused(senders)
    time.sleep(seconds)
    ballast.remove()


def _wait_until_refused(senders: Senders) -> None:
    """Return once no request has been acknowledged for a second."""
    deadline = time.monotonic() + PATIENCE
    seen, since = senders.acknowledged, time.monotonic()
    while time.monotonic() - since < 1.0:
        if time.monotonic() > deadline:
            raise RuntimeError(f"the disk was not full within {PATIENCE:g} s")
        if senders.acknowledged != seen:
            seen, since = senders.acknowledged, time.monotonic()
        time.sleep(0.05)  # nobody tells that nothing happens
