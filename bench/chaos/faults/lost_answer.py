"""ClickHouse commits an INSERT and the house never hears of it: the connection is cut before the answer.

The house tries again by itself, under the same token. Its senders notice nothing: each request is sent once, so each
item may stand once. Half of the rounds with the spool in front of every INSERT, half without. Some connections are
cut while ClickHouse still works, so that the next attempt meets the last one.
"""

import time

from bench.chaos import ground
from bench.chaos.fault import Plan, Verdict
from bench.chaos.ground import Ground
from bench.chaos.ledger import Balance
from bench.chaos.proxy import Cuts, Proxy
from bench.clickhouse_server import ClickHouseServer

LOST_SHARE = 0.5
"""Of the answers to INSERTs, while there are rounds left."""
PATIENCE = 120.0
REQUESTS_AFTER = 12


def run(plan: Plan) -> Verdict:
    """A round is one answer lost after the commit."""
    total, broken, lost, working = Balance(), [], 0, 0
    for mode, settings, rounds in (
        ("spool always", ground.ALWAYS, plan.rounds - plan.rounds // 2),
        ("spool when needed", {}, plan.rounds // 2),
    ):
        if not rounds:
            continue
        balance, cuts = _lose(plan, settings, rounds)
        total, lost, working = total + balance, lost + cuts.after_commit, working + cuts.while_working
        broken += [f"{mode}: {words}" for words in balance.broken(even_interrupted=True)]
        plan.say(f"{mode}: {cuts.after_commit} answers lost, {cuts.while_working} cut at work; {balance.words()}")
    figures = total.figures()
    figures |= {"answers_lost": lost, "cut_while_working": working}
    seen = f"{lost} answers lost, {working} cut while ClickHouse worked: {total.words()}"
    return Verdict(lost, seen, tuple(broken), figures)


def _lose(plan: Plan, settings: dict[str, str], rounds: int) -> tuple[Balance, Cuts]:
    server = ClickHouseServer()
    with (
        server,
        Proxy(server.host, server.http_port, plan.seed) as proxy,
        ground.laid(settings, server=server, http_port=proxy.port) as here,
    ):
        here.house.start()
        return _round(here, proxy, plan, rounds), proxy.cuts


def _round(here: Ground, proxy: Proxy, plan: Plan, rounds: int) -> Balance:
    load = here.load(plan.seed, senders=2)
    with here.under(load) as senders:
        senders.wait_for(6)
        proxy.lose(LOST_SHARE)
        deadline = time.monotonic() + PATIENCE
        while proxy.cuts.after_commit < rounds:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{proxy.cuts.after_commit} of {rounds} answers were lost in {PATIENCE:g} s")
            time.sleep(0.02)  # the proxy tells nobody
        proxy.lose(0)
        senders.wait_for(senders.acknowledged + REQUESTS_AFTER)
        notes = senders.finish()
    return here.settle(load.run, notes)
