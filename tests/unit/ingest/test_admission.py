"""Places and memory are taken while they last, and given back whatever happens."""

import pytest

from ingest.admission import Gate, Reservation
from ingest.errors import BusyError
from ingest.memory import Budget


def test_a_gate_lets_in_as_many_as_it_has_places():
    gate = Gate(2)
    with gate, gate:
        with pytest.raises(BusyError, match="all 2 places"), gate:
            pytest.fail("the third got in")
        assert gate.taken == 2
    assert gate.taken == 0


def test_a_gate_is_free_again_after_an_error():
    gate = Gate(1)
    with pytest.raises(RuntimeError), gate:
        raise RuntimeError
    with gate:
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
