"""What senders hear when ClickHouse refuses a batch, and what then stands in the tables."""

import asyncio
import base64
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from prometheus_client import CollectorRegistry
from recording_store import RecordingStore, body_of
from requests_made import NOW, logs_request, traces_request

from ingest import wire
from ingest.batch import Batch, Entry, Lane
from ingest.counters import Counters
from ingest.delivery import Delivery, RetryLimits
from ingest.errors import BusyError
from ingest.insertion import Insertion
from ingest.intake import Accepted
from ingest.memory import Budget
from ingest.outlook import Outlooks
from sql import time_bounds
from sql.settings import RetentionSettings
from sql.signals import Signal
from store.errors import BadDataError, MisconfiguredError, NotReachableError, OverloadedError, StoreError
from store.port import Insert, InsertReceipt, Store

QUICK = RetryLimits(retry_for=5.0, first_pause=0.001, longest_pause=0.001)
NO_TIME = RetryLimits(retry_for=0.0, first_pause=0.001, longest_pause=0.001)
Outcome = Accepted | BaseException


class House:
    """A delivery with its counters and budget, used inside one `asyncio.run`."""

    def __init__(self, store: Any, limits: RetryLimits = QUICK) -> None:
        self.registry = CollectorRegistry()
        self.budget = Budget(10**9)
        counters = Counters(self.registry)
        self.insertion = Insertion(store, counters, time_bounds.bounds(RetentionSettings()), None, threads=2)
        self.delivery = Delivery(self.insertion, None, Outlooks(), self.budget, counters, limits)

    def batch(self, *bodies: bytes, signal: Signal = Signal.LOGS) -> Batch:
        batch = Batch(Lane(signal), opened=0.0)
        for body in bodies:
            parcel = wire.read(signal, body)
            answer = asyncio.get_running_loop().create_future()
            batch.add(Entry(parcel, self.budget.reserve(parcel.size), answer))
        return batch

    async def outcomes(self, batch: Batch) -> list[Outcome]:
        await self.delivery.deliver(batch)
        assert self.budget.used == 0, "every sender's memory is given back"
        return await asyncio.gather(*(entry.answer for entry in batch.entries), return_exceptions=True)

    def sample(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"otelhouse_ingest_{name}", labels) or 0.0


def in_house(
    store: Store | RecordingStore, play: Callable[[House], Awaitable[None]], limits: RetryLimits = QUICK
) -> None:
    async def run() -> None:
        house = House(store, limits)
        try:
            await play(house)
        finally:
            house.insertion.close()

    asyncio.run(run())


def refused_one(outcome: Outcome) -> bool:
    return isinstance(outcome, Accepted) and outcome.rejected == 1 and "ClickHouse can never hold" in outcome.message


class TwoTables:
    """A Null table with a constraint and two views, as ClickHouse 26.7 was seen to treat them.

    A row with ``constraint`` in it is refused before any view; one with ``throws`` breaks the second view, after the
    first has written. Each table drops a token that it knows.
    """

    def __init__(self) -> None:
        self.first: dict[str, bytes] = {}
        self.second: dict[str, bytes] = {}
        self.letters: list[dict[str, Any]] = []
        self.inserts = 0

    def insert(self, insert: Insert) -> InsertReceipt:
        body = body_of(insert)
        if insert.table == "otel_dead_letters":
            self.letters += [json.loads(line) for line in body.splitlines()]
            return InsertReceipt(elapsed=0.0)
        self.inserts += 1
        if b"constraint" in body:
            raise BadDataError("violated", code=469)
        self.first.setdefault(insert.token, body)
        if b"throws" in body:
            raise BadDataError("cannot parse", code=72)
        self.second.setdefault(insert.token, body)
        return InsertReceipt(elapsed=0.0)

    def times(self, table: dict[str, bytes], text: str) -> int:
        return sum(body.count(text.encode()) for body in table.values())


def test_every_request_of_a_batch_goes_in_one_insert_in_order_under_one_token():
    store = RecordingStore()

    async def play(house: House) -> None:
        batch = house.batch(logs_request("one"), logs_request("two"))
        assert await house.outcomes(batch) == [Accepted(), Accepted()]
        (insert,) = store.stored
        assert (insert.table, insert.token) == ("otlp_logs", batch.token)
        assert list(insert.chunks) == [chunk for entry in batch.entries for chunk in entry.parcel.chunks]
        assert house.sample("items_total", signal="logs") == 2
        assert house.sample("batch_items_sum", signal="logs") == 2

    in_house(store, play)


def test_how_old_the_newest_item_of_an_insert_is_is_told_once_it_is_stored(monkeypatch):
    made_at = NOW / 1e9
    monkeypatch.setattr("ingest.counters.time.time", lambda: made_at + 40)

    async def play(house: House) -> None:
        before, after = (logs_request(at=NOW + seconds * 10**9) for seconds in (-100, 30))
        await house.outcomes(house.batch(after, before))
        assert house.sample("lag_seconds_sum", signal="logs") == pytest.approx(10)
        assert house.sample("newest_timestamp_seconds", signal="logs") == pytest.approx(made_at + 30, abs=0.01)
        await house.outcomes(house.batch(before))
        assert house.sample("newest_timestamp_seconds", signal="logs") == pytest.approx(made_at + 30, abs=0.01)
        ahead = logs_request(at=NOW + 3600 * 10**9)
        await house.outcomes(house.batch(ahead))
        assert house.sample("lag_seconds_sum", signal="logs") == pytest.approx(10 + 140 + 0)
        assert house.sample("newest_timestamp_seconds", signal="logs") == pytest.approx(made_at + 40, abs=0.01)
        assert house.sample("lag_seconds_count", signal="logs") == 3

    in_house(RecordingStore(), play)


@pytest.mark.parametrize("error", [NotReachableError, OverloadedError])
def test_a_passing_trouble_is_tried_again_with_the_same_token_and_the_same_bytes(error):
    store = RecordingStore(lambda _insert, number: error("not now") if number < 4 else None)

    async def play(house: House) -> None:
        assert await house.outcomes(house.batch(logs_request())) == [Accepted()]
        assert len(store.inserts) == 4
        assert len({(insert.token, body_of(insert)) for insert in store.inserts}) == 1
        assert house.sample("insert_errors_total", signal="logs", error=error.__name__) == 3
        assert house.sample("insert_seconds_count", signal="logs") == 4

    in_house(store, play)


def test_a_lasting_trouble_is_handed_back_to_all_senders_as_busy():
    store = RecordingStore(lambda _insert, _number: NotReachableError("down"))

    async def play(house: House) -> None:
        first, second = await house.outcomes(house.batch(logs_request("one"), logs_request("two")))
        assert isinstance(first, BusyError)
        assert isinstance(second, BusyError)
        assert first is not second
        assert first.retry_after >= 1
        assert "down" in str(first)
        assert len(store.inserts) == 1
        assert house.sample("items_total", signal="logs") == 0

    in_house(store, play, NO_TIME)


def test_a_wrong_setup_is_no_fault_of_the_senders_and_is_logged_once_a_minute(caplog):
    store = RecordingStore(lambda _insert, _number: MisconfiguredError("no table otlp_logs", code=60))
    caplog.set_level(logging.ERROR, logger="ingest.delivery")

    async def play(house: House) -> None:
        for _ in range(3):
            (outcome,) = await house.outcomes(house.batch(logs_request()))
            assert isinstance(outcome, BusyError)
            assert "otlp_logs" not in str(outcome), "a sender has no use for the house's inner matters"
        assert len(store.inserts) == 3
        assert house.sample("insert_errors_total", signal="logs", error="MisconfiguredError") == 3

    in_house(store, play)
    assert [record.message for record in caplog.records if "no table otlp_logs" in record.message] == [
        "ClickHouse cannot be written to until somebody mends it: no table otlp_logs"
    ]


def test_a_code_that_may_mean_unreadable_bytes_is_the_operators_trouble_where_nothing_can_be_mended():
    store = RecordingStore(lambda _insert, _number: MisconfiguredError("bad arguments", code=36))

    async def play(house: House) -> None:
        for outcome in await house.outcomes(house.batch(logs_request("a"), logs_request("b"))):
            assert isinstance(outcome, BusyError), "a sender must not throw away what only our setup refuses"

    in_house(store, play)


def test_bad_data_that_may_be_a_changed_table_is_not_the_senders_loss():
    store = RecordingStore(lambda _insert, _number: BadDataError("type mismatch in a view", code=53))

    async def play(house: House) -> None:
        (outcome,) = await house.outcomes(house.batch(logs_request()))
        assert isinstance(outcome, BusyError)

    in_house(store, play)


def test_a_row_that_breaks_the_constraint_becomes_a_dead_letter_and_all_others_are_stored_once():
    tables = TwoTables()

    async def play(house: House) -> None:
        texts = [f"good-{i:02}." for i in range(31)]
        texts.insert(13, "constraint")
        outcomes = await house.outcomes(house.batch(*map(logs_request, texts)))
        assert refused_one(outcomes.pop(13))
        assert outcomes == [Accepted()] * 31
        texts.remove("constraint")
        for table in (tables.first, tables.second):
            assert [tables.times(table, text) for text in texts] == [1] * 31
        assert tables.inserts <= 2 * 5 + 2, "halving: two inserts for each of log2(32) levels"
        assert [letter["Code"] for letter in tables.letters] == [469]
        assert house.sample("dead_letters_total", signal="logs") == 1
        assert house.sample("split_batches_total", signal="logs", written="no") == 1
        assert house.sample("split_batches_total", signal="logs", written="maybe") == 0

    in_house(tables, play)


def test_a_bad_record_among_many_of_one_request_is_found_and_the_others_are_stored():
    tables = TwoTables()

    async def play(house: House) -> None:
        request = ExportLogsServiceRequest.FromString(logs_request("good", 20))
        request.resource_logs[0].scope_logs[0].log_records[7].body.string_value = "constraint"
        (outcome,) = await house.outcomes(house.batch(request.SerializeToString()))
        assert refused_one(outcome)
        assert tables.times(tables.second, "good") == 19
        assert len(tables.letters) == 1
        assert b"constraint" in base64.b64decode(tables.letters[0]["ItemBase64"])

    in_house(tables, play)


def test_a_batch_that_is_taken_apart_again_uses_the_same_tokens():
    tables = TwoTables()

    async def play(house: House) -> None:
        bodies = [logs_request(f"good-{i}") for i in range(9)] + [logs_request("throws")]
        first = house.batch(*bodies)
        parcels = [entry.parcel for entry in first.entries]
        await house.outcomes(first)
        tokens = set(tables.second)
        second = house.batch(*bodies)
        second.token = first.token
        for entry, parcel in zip(second.entries, parcels, strict=True):
            entry.parcel = parcel
        await house.outcomes(second)
        assert set(tables.second) == tokens
        assert all(token.startswith(first.token) for token in tokens)
        assert tables.letters[0]["Id"] == tables.letters[1]["Id"]

    in_house(tables, play)


def test_a_bad_span_is_taken_out_and_the_rest_stored_once_though_a_view_had_written_already():
    tables = TwoTables()

    async def play(house: House) -> None:
        good, other = traces_request("good"), traces_request("other")
        bad = traces_request("throws", span_id=b"short")
        batch = house.batch(good, bad, other, signal=Signal.TRACES)
        outcomes = await house.outcomes(batch)
        assert outcomes[0] == outcomes[2] == Accepted()
        assert isinstance(outcomes[1], Accepted)
        assert outcomes[1].rejected == 1
        assert "span_id 8 bytes" in outcomes[1].message
        assert tables.first.keys() == tables.second.keys() == {batch.token}
        assert tables.times(tables.second, "good") == tables.times(tables.second, "other") == 1
        assert tables.times(tables.second, "throws") == 0

    in_house(tables, play)


def test_a_single_bad_request_keeps_its_token_while_it_is_mended():
    tables = TwoTables()

    async def play(house: House) -> None:
        request = wire.read(Signal.TRACES, traces_request("fine"))
        bad = wire.read(Signal.TRACES, traces_request("throws", span_id=b"x"))
        both = wire.Parcel(Signal.TRACES, request.chunks + bad.chunks, request.size + bad.size, 2)
        batch = house.batch(traces_request(), signal=Signal.TRACES)
        batch.entries.clear()
        answer = asyncio.get_running_loop().create_future()
        batch.add(Entry(both, house.budget.reserve(both.size), answer))
        (outcome,) = await house.outcomes(batch)
        assert isinstance(outcome, Accepted)
        assert outcome.rejected == 1
        assert tables.first.keys() == tables.second.keys() == {batch.token}
        assert tables.times(tables.first, "fine") == tables.times(tables.second, "fine") == 1

    in_house(tables, play)


def test_a_request_of_nothing_but_bad_spans_is_told_so_without_an_empty_insert():
    tables = TwoTables()

    async def play(house: House) -> None:
        batch = house.batch(traces_request("throws", "throws", span_id=b"x"), signal=Signal.TRACES)
        (outcome,) = await house.outcomes(batch)
        assert isinstance(outcome, Accepted)
        assert outcome.rejected == 2
        assert tables.inserts == 1
        assert len(tables.letters) == 2

    in_house(tables, play)


def test_what_nothing_can_mend_is_found_one_by_one_and_the_neighbours_are_stored(caplog):
    tables = TwoTables()
    caplog.set_level(logging.ERROR, logger="ingest.isolation")

    async def play(house: House) -> None:
        batch = house.batch(logs_request("good"), logs_request("throws"), logs_request("other"))
        outcomes = await house.outcomes(batch)
        assert outcomes[0] == outcomes[2] == Accepted()
        assert refused_one(outcomes[1])
        assert "cannot parse" in outcomes[1].message
        assert tables.times(tables.second, "good") == tables.times(tables.second, "other") == 1
        assert house.sample("split_batches_total", signal="logs", written="maybe") == 1

    in_house(tables, play)
    assert "sibling tables may hold rows twice" in caplog.text


def test_a_store_that_goes_away_in_the_middle_of_a_split_leaves_nobody_waiting():
    def rule(insert: Insert, number: int) -> StoreError | None:
        if number > 2:
            return NotReachableError("gone")
        return BadDataError("violated", code=469) if b"bad" in body_of(insert) else None

    async def play(house: House) -> None:
        outcomes = await house.outcomes(house.batch(logs_request("good"), logs_request("bad")))
        assert all(isinstance(outcome, BusyError) for outcome in outcomes)

    in_house(RecordingStore(rule), play, NO_TIME)


def test_a_mistake_of_the_house_itself_is_logged_and_the_senders_may_come_again(caplog):
    store = RecordingStore(lambda _insert, _number: ZeroDivisionError("a bug"))

    async def play(house: House) -> None:
        (outcome,) = await house.outcomes(house.batch(logs_request()))
        assert isinstance(outcome, BusyError)

    in_house(store, play)
    assert "ZeroDivisionError: a bug" in caplog.text


def test_senders_of_one_batch_hear_each_its_own_partial_success():
    store = RecordingStore()

    async def play(house: House) -> None:
        batch = house.batch(logs_request("one"), logs_request("two"))
        parcel = batch.entries[0].parcel
        batch.entries[0].parcel = wire.Parcel(
            parcel.signal, parcel.chunks, parcel.size, parcel.items, rejected=3, message="why"
        )
        assert await house.outcomes(batch) == [Accepted(3, "why"), Accepted()]

    in_house(store, play)
