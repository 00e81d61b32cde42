import asyncio
from collections.abc import Iterator

import pytest

from ingest.batch import BURST, TOGETHER, WORTHWHILE_ITEMS, Batch, BatchLimits, Credits, Entry, Gatherer, Lane
from ingest.memory import Budget
from ingest.wire import Parcel
from sql.signals import Signal

FOR_EVER = float("inf")
LIMITS = BatchLimits(max_bytes=1_000, max_items=50_000, max_age=0.2)
NOBODY: frozenset[Lane] = frozenset()
LOGS_RUNNING = frozenset({Lane(Signal.LOGS)})


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture
def entry(loop):
    def make(size: int = 10, items: int = 1, signal: Signal = Signal.LOGS) -> Entry:
        parcel = Parcel(signal, (b"x" * size,), size, items)
        return Entry(parcel, Budget(10**9).reserve(size), loop.create_future())

    return make


def spend_all_credits(gatherer: Gatherer, entry, now: float) -> None:
    """Small batches that went as soon as they could, until one has to wait; that one is left open."""
    for _ in range(BURST):
        gatherer.add(entry(), now - TOGETHER)
        assert gatherer.take(now, NOBODY) is not None
    gatherer.add(entry(), now)
    assert gatherer.take(now + TOGETHER, NOBODY) is None


def test_an_idle_house_inserts_at_once_what_is_worth_it(entry):
    gatherer = Gatherer(LIMITS)
    first = entry(items=WORTHWHILE_ITEMS)
    gatherer.add(first, now=5.0)
    batch = gatherer.take(5.0, NOBODY)
    assert batch is not None
    assert batch.entries == [first]


def test_small_requests_that_come_together_share_an_insert_and_the_first_waits_no_longer_than_that(entry):
    gatherer = Gatherer(LIMITS)
    gatherer.add(entry(), now=5.0)
    assert gatherer.take(5.0, NOBODY) is None
    gatherer.add(entry(), now=5.0 + TOGETHER / 2)
    assert gatherer.take(5.0 + TOGETHER / 2, NOBODY) is None
    look = gatherer.next_look(5.0 + TOGETHER / 2, NOBODY, FOR_EVER)
    assert look == 5.0 + TOGETHER
    batch = gatherer.take(look, NOBODY)
    assert batch is not None
    assert len(batch.entries) == 2


def test_a_small_request_alone_waits_no_longer_than_for_those_that_come_together(entry):
    gatherer = Gatherer(LIMITS)
    gatherer.add(entry(), now=5.0)
    look = gatherer.next_look(5.0, NOBODY, FOR_EVER)
    assert look == 5.0 + TOGETHER
    assert gatherer.take(look, NOBODY) is not None
    assert gatherer.next_look(look, NOBODY, FOR_EVER) is None


def test_a_batch_whose_time_has_come_and_that_has_no_credit_asks_for_no_other_look_before_its_age(entry):
    gatherer = Gatherer(LIMITS)
    spend_all_credits(gatherer, entry, now=5.0)
    assert gatherer.next_look(5.0 + TOGETHER, NOBODY, FOR_EVER) == 5.2


def test_what_gathered_while_an_insert_ran_waits_no_more_when_it_ends(entry):
    gatherer = Gatherer(LIMITS)
    gatherer.add(entry(), now=5.0)
    assert gatherer.next_look(5.0, LOGS_RUNNING, FOR_EVER) == 6.0
    assert gatherer.take(5.0 + TOGETHER, NOBODY) is not None


def test_while_an_insert_of_the_signal_runs_requests_gather(entry):
    gatherer = Gatherer(LIMITS)
    gatherer.add(entry(), now=5.0)
    gatherer.add(entry(), now=5.1)
    assert gatherer.take(5.1, LOGS_RUNNING) is None
    batch = gatherer.take(5.15, NOBODY)
    assert batch is not None
    assert (len(batch.entries), batch.items, batch.size) == (2, 2, 20)


def test_another_signals_insert_holds_nothing_up(entry):
    gatherer = Gatherer(LIMITS)
    gatherer.add(entry(signal=Signal.TRACES), now=5.0)
    assert gatherer.take(5.0 + TOGETHER, LOGS_RUNNING) is not None


def test_an_old_batch_goes_once_no_insert_of_its_signal_runs(entry):
    gatherer = Gatherer(LIMITS)
    spend_all_credits(gatherer, entry, now=5.0)
    assert gatherer.take(5.19, NOBODY) is None
    assert gatherer.next_look(5.19, NOBODY, FOR_EVER) == 5.2
    assert gatherer.take(5.2, NOBODY) is not None


def test_a_batch_waits_longer_beside_a_running_insert_but_not_for_ever(entry):
    gatherer = Gatherer(LIMITS)
    gatherer.add(entry(), now=5.0)
    assert gatherer.take(5.99, LOGS_RUNNING) is None
    assert gatherer.next_look(0.0, LOGS_RUNNING, FOR_EVER) == 6.0
    assert gatherer.take(6.0, LOGS_RUNNING) is not None


def test_a_full_batch_goes_even_while_an_insert_runs(entry):
    gatherer = Gatherer(LIMITS)
    gatherer.add(entry(size=600), now=5.0)
    gatherer.add(entry(size=400), now=5.0)
    batch = gatherer.take(5.0, LOGS_RUNNING)
    assert batch is not None
    assert batch.size == 1_000


def test_a_batch_is_full_by_items_as_well(entry):
    gatherer = Gatherer(LIMITS)
    gatherer.add(entry(items=LIMITS.max_items), now=5.0)
    assert gatherer.take(5.0, LOGS_RUNNING) is not None


def test_a_parcel_that_does_not_fit_opens_the_next_batch(entry):
    gatherer = Gatherer(LIMITS)
    first, second = entry(size=600), entry(size=401)
    gatherer.add(first, now=5.0)
    gatherer.add(second, now=5.1)
    full = gatherer.take(5.1, LOGS_RUNNING)
    assert full is not None
    assert full.entries == [first]
    assert gatherer.take(5.1, LOGS_RUNNING) is None
    assert gatherer.next_look(5.2, (), FOR_EVER) == pytest.approx(5.3)


def test_a_parcel_larger_than_a_batch_goes_alone_and_whole(entry):
    gatherer = Gatherer(LIMITS)
    small, huge = entry(), entry(size=5_000)
    gatherer.add(small, now=5.0)
    gatherer.add(huge, now=5.0)
    batches = [gatherer.take(5.0, LOGS_RUNNING), gatherer.take(5.0, LOGS_RUNNING)]
    assert [batch.entries for batch in batches if batch] == [[small], [huge]]


def test_a_trickle_of_tiny_requests_waits_for_company_after_a_burst(entry):
    gatherer = Gatherer(LIMITS)
    spend_all_credits(gatherer, entry, now=5.0)
    assert gatherer.take(5.2, NOBODY) is not None


def test_requests_worth_a_part_of_their_own_never_wait_for_credit(entry):
    gatherer = Gatherer(LIMITS)
    spend_all_credits(gatherer, entry, now=5.0)
    gatherer.add(entry(items=WORTHWHILE_ITEMS), now=5.01)
    batch = gatherer.take(5.01, NOBODY)
    assert batch is not None
    assert len(batch.entries) == 2


def test_credits_come_back_one_per_interval_up_to_the_burst():
    credit = Credits(burst=2, interval=0.5)
    assert [credit.spend(1.0) for _ in range(3)] == [True, True, False]
    assert [credit.spend(1.5) for _ in range(2)] == [True, False]
    assert [credit.spend(99.0) for _ in range(3)] == [True, True, False]


def test_the_oldest_batch_comes_first(entry):
    gatherer = Gatherer(LIMITS)
    gatherer.add(entry(signal=Signal.TRACES), now=5.0)
    gatherer.add(entry(signal=Signal.LOGS), now=5.1)
    taken = [gatherer.take(6.0, NOBODY), gatherer.take(6.0, NOBODY)]
    assert [batch.signal for batch in taken if batch] == [Signal.TRACES, Signal.LOGS]


def test_a_shutdown_takes_everything(entry):
    gatherer = Gatherer(LIMITS)
    gatherer.add(entry(size=1_000), now=5.0)
    gatherer.add(entry(), now=5.0)
    gatherer.add(entry(signal=Signal.METRICS), now=5.0)
    taken = [gatherer.take_any() for _ in range(4)]
    assert [batch.size if batch else None for batch in taken] == [1_000, 10, 10, None]
    assert gatherer.next_look(0.0, (), FOR_EVER) is None


def test_every_batch_has_a_token_of_its_own():
    tokens = {Batch(Lane(Signal.LOGS), 0.0).token for _ in range(100)}
    assert len(tokens) == 100
    assert {len(token) for token in tokens} == {32}


def test_a_crowds_requests_are_in_batches_of_their_own(entry):
    gatherer = Gatherer(LIMITS)
    gatherer.add(entry(), 5.0, crowd=True)
    gatherer.add(entry(), 5.0)
    batches = [gatherer.take(9.0, NOBODY), gatherer.take(9.0, NOBODY)]
    assert [batch.lane.crowd for batch in batches if batch] == [True, False]


def test_a_batch_without_a_way_to_go_lets_the_others_go_first(entry):
    gatherer = Gatherer(LIMITS)
    gatherer.add(entry(), 5.0, crowd=True)
    gatherer.add(entry(), 5.0)
    batch = gatherer.take(9.0, NOBODY, lambda one: not one.lane.crowd)
    assert batch is not None
    assert not batch.lane.crowd
