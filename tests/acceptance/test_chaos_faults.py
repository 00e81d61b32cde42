"""Every fault of `make chaos`, in a short round or a few: what is promised holds. The full table takes an hour."""

import os

import pytest

from bench.chaos.catalogue import FAULTS
from bench.chaos.fault import Plan
from bench.unavailable import UnavailableError

ROUNDS = {
    "ingester-kill": 1,
    "ingester-kill-default": 1,
    "ingester-kill-embedded": 1,
    "clickhouse-kill": 1,
    "clickhouse-freeze": 1,
    "lost-answer": 2,
    "disk-full": 1,
    "spool-damage": 2,
    "clock-jump": 1,
    "fuzz": 1000,
    "soak": 1,
    "fsync": 1,
}
"""But for the flood, whose two waits can be compared only on a machine that does nothing else; see below."""


def tried(name, rounds):
    told = []
    try:
        verdict = FAULTS[name].run(Plan(rounds, seed=20, say=told.append, brief=True))
    except UnavailableError as error:
        if os.environ.get("OTELHOUSE_TESTS_NO_SKIP") == "1":
            raise
        pytest.skip(f"{name} cannot be tried here: {error}")
    return verdict, told


@pytest.mark.server
@pytest.mark.usefixtures("start_clickhouse")
@pytest.mark.parametrize("name", ROUNDS)
def test_what_is_promised_holds_under(name):
    verdict, told = tried(name, ROUNDS[name])

    assert verdict.held, "\n".join([*verdict.broken, *told])
    assert verdict.rounds >= ROUNDS[name]


@pytest.mark.server
@pytest.mark.usefixtures("start_clickhouse")
def test_beside_a_flood_a_polite_sender_is_heard_and_loses_nothing():
    verdict, told = tried("flood", 1)

    assert verdict.figures["polite_lost"] == 0, told
    assert verdict.figures["polite_unanswered"] == 0, told
    assert verdict.figures["flood_requests"] > 0, "there was no flood"


def test_every_fault_of_the_table_is_tried_here():
    assert {*ROUNDS, "flood"} == set(FAULTS)
