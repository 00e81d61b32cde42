"""Places and memory are taken while they last, shared out fairly, and given back whatever happens."""

import asyncio
import itertools

import pytest

from identity.sender import Sender
from ingest import admission
from ingest.admission import Admission, Gate, Reservation, anybody
from ingest.errors import BusyError, OverShareError
from ingest.memory import Budget
from ingest.pressure import FEWEST, Pressure


def test_a_gate_lets_in_as_many_as_it_has_places():
    gate = Gate(2)
    with gate.place("a"), gate.place("a"):
        with pytest.raises(BusyError, match="all 2 places"), gate.place("b"):
            pytest.fail("the third got in")
        assert gate.taken == 2
    assert gate.taken == 0


def test_a_gate_is_free_again_after_an_error():
    gate = Gate(1)
    with pytest.raises(RuntimeError), gate.place("a"):
        raise RuntimeError
    with gate.place("a"):
        assert gate.taken == 1


def test_a_reservation_holds_its_highest_mark_and_gives_it_back():
    budget = Budget(100)
    with Reservation(budget) as reservation:
        reservation.hold(40)
        reservation.hold(30)
        reservation.hold(100)
        assert budget.used == 100
    assert budget.used == 0
    assert budget.peak == 100


def test_a_reservation_that_does_not_fit_is_busy_and_gives_back_what_it_had():
    budget = Budget(100)
    budget.reserve(30)
    with Reservation(budget) as reservation:
        reservation.hold(60)
        with pytest.raises(BusyError):
            reservation.hold(80)
    assert budget.used == 30


def test_a_reservation_counts_for_its_sender():
    budget = Budget(100)
    with Reservation(budget, "a") as reservation:
        reservation.hold(40)
        reservation.hold(60)
        assert budget.held_by("a") == 60
    assert budget.held_by("a") == 0


def enter(gate: Gate, key: str, count: int) -> list:
    places = [gate.place(key) for _ in range(count)]
    for place in places:
        place.__enter__()
    return places


def test_a_sender_beside_another_has_no_more_than_its_share_of_the_places():
    gate = Gate(16)
    with gate.place("polite"):
        enter(gate, "flood", 8)
        with pytest.raises(OverShareError), gate.place("flood"):
            pytest.fail("the flood got more than half")
        enter(gate, "polite", 4)
    assert gate.taken == 12


def test_a_sender_alone_leaves_places_for_whoever_comes_next():
    gate = Gate(16)
    enter(gate, "flood", 14)
    with pytest.raises(OverShareError), gate.place("flood"):
        pytest.fail("the flood took the last places")
    enter(gate, "polite", 2)
    assert gate.taken == 16


def under_pressure() -> Pressure:
    """Of a loop that has been busy for a while, and stays so: every second of its clock is spent."""
    seconds = itertools.count()
    pressure = Pressure(lambda: next(seconds), lambda: next(seconds))
    for _ in range(5):
        pressure.requests_at_once(1000)
    return pressure


def test_while_the_loop_is_busy_a_sender_alone_has_as_many_places_as_ever_and_beside_others_the_fewest():
    gate = Gate(1000, 0.5, under_pressure())
    enter(gate, "flood", 300)
    with gate.place("polite"):
        with pytest.raises(OverShareError), gate.place("flood"):
            pytest.fail("a busy loop, and the flood gets more")
        enter(gate, "other", FEWEST)
        with pytest.raises(OverShareError), gate.place("other"):
            pytest.fail("more than the fewest")


def test_everybody_is_known_by_their_address_where_nobody_asks():
    assert anybody("Bearer x", "10.0.0.7", "") == Sender("10.0.0.7")


@pytest.mark.parametrize(("reason", "held"), [("over_share", 1), ("unauthenticated", 1), ("busy", 0), ("malformed", 0)])
def test_only_answers_that_their_senders_brought_upon_themselves_are_held_back(monkeypatch, reason, held):
    slept = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(admission.asyncio, "sleep", sleep)
    asyncio.run(Admission().hold_back(reason))
    assert len(slept) == held
    assert all(0 < seconds <= 2 * admission.DELAY for seconds in slept)


def test_no_more_answers_than_so_many_are_held_back_at_once(monkeypatch):
    monkeypatch.setattr(admission, "MOST_DELAYED", 2)
    monkeypatch.setattr(admission, "DELAY", 1000.0)

    async def play() -> None:
        entrance = Admission()
        held = [asyncio.create_task(entrance.hold_back("over_share")) for _ in range(2)]
        await asyncio.sleep(0)
        await asyncio.wait_for(entrance.hold_back("over_share"), 10)
        for task in held:
            task.cancel()
        await asyncio.wait(held)
        assert entrance._delayed == 0

    asyncio.run(play())
