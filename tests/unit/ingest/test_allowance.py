"""A token's own limits hold on average, and a sender without limits is left alone."""

import pytest

from identity.sender import Sender, SenderLimits
from ingest import allowance
from ingest.allowance import BURST_S, Allowances
from ingest.errors import OverLimitError
from ingest.memory import LONGEST_PAUSE


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def allowances(clock) -> Allowances:
    return Allowances(clock)


def sender(name: str = "agent", **limits: int) -> Sender:
    return Sender("10.0.0.7", name, limits=SenderLimits(**limits))


def send(allowances: Allowances, who: Sender, size: int) -> None:
    with allowances.request(who):
        allowances.spend(who, size)


def test_a_sender_without_limits_is_not_even_remembered(allowances):
    send(allowances, Sender("10.0.0.7"), 10**12)
    send(allowances, Sender("10.0.0.7"), 10**12)
    assert not allowances._accounts


def test_a_sender_may_send_its_rate_and_what_it_saved_up(allowances, clock):
    who = sender(bytes_per_second=100)
    send(allowances, who, int(100 * BURST_S))
    with pytest.raises(OverLimitError):
        send(allowances, who, 1)
    clock.now += 1.0
    send(allowances, who, 100)
    with pytest.raises(OverLimitError):
        send(allowances, who, 1)


def test_a_request_larger_than_all_that_may_be_saved_gets_in_and_is_paid_for_after(allowances, clock):
    who = sender(bytes_per_second=100)
    send(allowances, who, 1500)
    clock.now += 9.9
    with pytest.raises(OverLimitError):
        send(allowances, who, 1)
    clock.now += 0.2
    send(allowances, who, 1)


def test_the_pause_is_as_long_as_it_takes_and_within_what_senders_bear(allowances):
    who = sender(bytes_per_second=100)
    send(allowances, who, 800)
    with pytest.raises(OverLimitError, match="100 bytes a second") as caught:
        send(allowances, who, 1)
    assert caught.value.retry_after == pytest.approx(3.0)
    allowances.spend(who, 10**6)
    with pytest.raises(OverLimitError) as caught:
        send(allowances, who, 1)
    assert caught.value.retry_after == LONGEST_PAUSE


def test_no_more_requests_at_once_than_a_token_allows(allowances):
    who = sender(requests_at_once=2)
    with allowances.request(who), allowances.request(who):
        with pytest.raises(OverLimitError, match="2 requests"), allowances.request(who):
            pytest.fail("the third got in")
        with allowances.request(sender("another", requests_at_once=1)):
            pass
    with allowances.request(who):
        pass


def test_a_request_that_fails_leaves_its_place(allowances):
    who = sender(requests_at_once=1)
    with pytest.raises(RuntimeError), allowances.request(who):
        raise RuntimeError
    send(allowances, who, 1)


def test_never_more_senders_are_remembered_than_so_many_and_none_that_is_at_work_is_forgotten(allowances, monkeypatch):
    monkeypatch.setattr(allowance, "MOST_SENDERS", 3)
    busy = sender("busy", requests_at_once=1)
    with allowances.request(busy):
        for number in range(20):
            send(allowances, sender(str(number), bytes_per_second=1), 5)
        assert len(allowances._accounts) == 3
        with pytest.raises(OverLimitError), allowances.request(busy):
            pytest.fail("forgotten while at work")
