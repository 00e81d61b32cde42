"""What a spool does when ClickHouse is away, slow or refuses: a real spool, a store that does what a test says."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from recording_store import PATIENCE, RecordingStore, body_of
from requests_made import logs_request, metrics_request, traces_request

from identity.sender import Sender
from ingest.batch import BatchLimits
from ingest.counters import Counters
from ingest.delivery import RetryLimits
from ingest.drain import DrainLimits
from ingest.errors import BusyError
from ingest.intake import Accepted, Encoding
from ingest.pipeline import Pipeline, PipelineLimits
from ingest.settings import SpoolMode
from ingest.spool.entry import SpoolLimits
from ingest.spool.folder import Spool
from sql import time_bounds
from sql.settings import RetentionSettings
from sql.signals import Signal
from store.errors import BadDataError, MisconfiguredError, NotReachableError, OverloadedError, StoreError
from store.port import Insert

ROOM = SpoolLimits(max_bytes=10**9, max_age_s=86_400.0, keep_free_bytes=0)
AT_ONCE = DrainLimits(first_pause=0.001, longest_pause=0.01, longest_wait=0.1)
"""As in a house, what was refused waits for longer than the drain rests, or it would always be tried before others."""
SLOWLY = replace(AT_ONCE, longest_wait=5.0)


class House:
    """A pipeline over a spool in `folder`, and what its store saw."""

    def __init__(self, folder: Path, store: RecordingStore, limits: PipelineLimits, room: SpoolLimits) -> None:
        self.store = store
        self.registry = CollectorRegistry()
        self.spool = Spool(folder, room)
        bounds = time_bounds.bounds(RetentionSettings())
        self.pipeline = Pipeline(store, Counters(self.registry), limits, bounds, self.spool)

    def send(self, body: bytes, signal: Signal = Signal.LOGS) -> "asyncio.Task[Accepted]":
        return asyncio.create_task(self.pipeline.accept(signal, body, Encoding.PROTOBUF, Sender("10.0.0.7")))

    async def answer(self, body: bytes, signal: Signal = Signal.LOGS) -> Accepted:
        return await asyncio.wait_for(self.send(body, signal), PATIENCE)

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for something that nobody tells; bounded."""
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110 - the disk and the drain tell nobody
                await asyncio.sleep(0.002)

    async def drained(self) -> None:
        await self.until(lambda: not self.spool.entries())

    def tokens_of(self, text: bytes) -> list[str]:
        """The token of each attempt to insert `text`."""
        return [insert.token for insert in self.store.inserts if text in body_of(insert)]

    def sample(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"otelhouse_ingest_{name}", labels) or 0.0


def limits(mode: SpoolMode = SpoolMode.WHEN_NEEDED, patience: float = PATIENCE, in_flight: int = 2) -> PipelineLimits:
    return PipelineLimits(
        10**8,
        BatchLimits(max_bytes=10**6, max_items=10**5, max_age=0.01),
        in_flight,
        RetryLimits(retry_for=0.05, patience=patience),
        AT_ONCE,
        mode,
        close_within=PATIENCE,
    )


@asynccontextmanager
async def opened(
    folder: Path, store: RecordingStore, bounds: PipelineLimits | None = None, room: SpoolLimits = ROOM
) -> AsyncIterator[House]:
    house = House(folder, store, bounds or limits(), room)
    house.pipeline.start()
    try:
        yield house
    finally:
        store.gate.set()
        await house.pipeline.close()


async def outcome(answering: Awaitable[Accepted]) -> Accepted | BusyError:
    try:
        return await answering
    except BusyError as error:
        return error


def run(play: Awaitable[None]) -> None:
    asyncio.run(play)  # type: ignore[arg-type]  # pytest hands coroutines


def down(_insert: Insert, _number: int) -> StoreError:
    return NotReachableError("down")


@pytest.mark.parametrize("error", [NotReachableError, OverloadedError, MisconfiguredError])
def test_what_clickhouse_cannot_take_is_acknowledged_from_disk_and_inserted_later_under_the_same_token(tmp_path, error):
    async def play() -> None:
        store = RecordingStore(lambda _insert, number: error("not now") if number < 5 else None)
        async with opened(tmp_path, store) as house:
            assert await house.answer(logs_request("once")) == Accepted()
            await house.drained()
            assert len(house.tokens_of(b"once")) == 5
            assert len(set(house.tokens_of(b"once"))) == 1
            assert len({body_of(insert) for insert in store.inserts}) == 1
            assert [b"once" in body_of(insert) for insert in store.stored] == [True]
            assert (
                house.sample("spooled_items_total", kind="logs")
                == house.sample("drained_items_total", kind="logs")
                == 1
            )

    run(play())


def test_a_request_is_on_disk_before_its_sender_hears_so(tmp_path):
    async def play() -> None:
        async with opened(tmp_path, RecordingStore(down)) as house:
            await house.answer(logs_request("kept"))
            (entry,) = house.spool.entries()
            (part,) = house.spool.read(entry).parts
            assert b"kept" in b"".join(part.chunks)
            assert part.sender == "10.0.0.7"

    run(play())


def test_what_a_house_left_behind_is_inserted_by_the_next_one_under_its_token(tmp_path):
    async def play() -> None:
        async with opened(tmp_path, RecordingStore(down)) as house:
            for text in ("one", "two", "three"):
                await house.answer(logs_request(text))
            before = house.tokens_of(b"one")[0]
        store = RecordingStore()
        async with opened(tmp_path, store) as house:
            await house.drained()
            assert set(house.tokens_of(b"one")) == {before}
            everything = b"".join(map(body_of, store.stored))
            assert [everything.count(text) for text in (b"one", b"two", b"three")] == [1, 1, 1]

    run(play())


def test_the_spool_is_drained_oldest_first(tmp_path):
    async def play() -> None:
        bounds = replace(limits(SpoolMode.ALWAYS), drain=replace(AT_ONCE, at_once=1))
        async with opened(tmp_path, RecordingStore(down), bounds) as house:
            for number in range(5):
                await house.answer(logs_request(f"number-{number}."))
        store = RecordingStore()
        async with opened(tmp_path, store, bounds) as house:
            await house.drained()
            text = b"".join(map(body_of, store.stored))
            places = [text.index(b"number-%d." % number) for number in range(5)]
            assert places == sorted(places)

    run(play())


def test_an_insert_without_an_answer_sends_its_batch_to_disk_and_is_not_sent_twice_when_it_ends_well(tmp_path):
    async def play() -> None:
        store = RecordingStore()
        store.gate.clear()
        async with opened(tmp_path, store, limits(patience=0.02)) as house:
            assert await house.answer(logs_request("slow")) == Accepted()
            assert len(house.spool.entries()) == 1
            assert await house.answer(logs_request("behind")) == Accepted()
            assert house.sample("in_flight_inserts") == 1, "what comes after does not try its luck while one hangs"
            store.gate.set()
            await house.drained()
            assert len(house.tokens_of(b"slow")) == 1
            assert len(house.tokens_of(b"behind")) == 1

    run(play())


def test_an_insert_that_hangs_and_then_fails_is_taken_over_by_the_drain(tmp_path):
    async def play() -> None:
        store = RecordingStore(lambda _insert, number: NotReachableError("cut off") if number == 1 else None)
        store.gate.clear()
        async with opened(tmp_path, store, limits(patience=0.02)) as house:
            assert await house.answer(logs_request("slow")) == Accepted()
            store.gate.set()
            await house.drained()
            first, second = house.tokens_of(b"slow")
            assert first == second

    run(play())


def test_as_soon_as_clickhouse_answers_new_batches_go_to_it_directly(tmp_path):
    async def play() -> None:
        store = RecordingStore(lambda _insert, number: NotReachableError("away") if number == 1 else None)
        async with opened(tmp_path, store) as house:
            await house.answer(logs_request("spooled"))
            await house.drained()
            await house.until(lambda: house.pipeline.outlooks["logs"].good)  # a moment after its file is gone
            await house.answer(logs_request("direct"))
            assert house.sample("spooled_items_total", kind="logs") == 1

    run(play())


def test_a_broken_table_of_one_signal_keeps_no_other_signal_on_disk(tmp_path):
    async def play() -> None:
        def rule(insert: Insert, _number: int) -> StoreError | None:
            return MisconfiguredError("no such table") if insert.table == "otlp_logs" else None

        async with opened(tmp_path, RecordingStore(rule)) as house:
            await house.answer(logs_request("stuck"))
            await house.answer(traces_request("through"), Signal.TRACES)
            await house.until(lambda: len(house.tokens_of(b"stuck")) > 3)
            assert house.pipeline.outlooks.bad().keys() == {"logs"}
            assert house.sample("items_total", signal="traces") == 1
            assert [entry.kind for entry in house.spool.entries()] == ["logs"]

    run(play())


def test_a_batch_that_alone_is_refused_does_not_stop_those_behind_it_and_becomes_dead_letters(tmp_path):
    async def play() -> None:
        def rule(insert: Insert, _number: int) -> StoreError | None:
            poisoned = insert.table == "otlp_logs" and b"poison" in body_of(insert)
            return BadDataError("a view throws", code=395) if poisoned else None

        async with opened(tmp_path, RecordingStore(rule)) as house:
            assert await house.answer(logs_request("poison")) == Accepted()
            async with asyncio.timeout(PATIENCE):
                while house.spool.entries():  # only what is taken after it was refused last shows that it is its rows
                    assert await house.answer(logs_request("fine")) == Accepted()
            assert house.sample("dead_letters_total", signal="logs") == 1
            (letters,) = [insert for insert in house.store.stored if insert.table == "otel_dead_letters"]
            assert b"a view throws" in body_of(letters)

    run(play())


def test_where_every_batch_is_refused_nothing_is_given_up(tmp_path):
    async def play() -> None:
        async with opened(tmp_path, RecordingStore(lambda *_: BadDataError("a view throws", code=395))) as house:
            for text in ("one", "two", "three"):
                assert await house.answer(logs_request(text)) == Accepted()
            await house.until(lambda: len(house.store.inserts) > 30)
            assert house.sample("dead_letters_total", signal="logs") == 0
            assert sum(entry.items for entry in house.spool.entries("logs")) == 3

    run(play())


def test_a_full_spool_is_told_to_senders_and_takes_again_once_it_has_room(tmp_path):
    async def play() -> None:
        away = threading.Event()
        away.set()
        store = RecordingStore(lambda *_: NotReachableError("down") if away.is_set() else None)
        room = SpoolLimits(max_bytes=2_000, max_age_s=86_400.0, keep_free_bytes=0)
        async with opened(tmp_path, store, room=room) as house:
            answers = [await outcome(house.answer(logs_request(f"{number}-" + "x" * 200))) for number in range(20)]
            refused = [answer for answer in answers if isinstance(answer, BusyError)]
            assert refused
            assert all(error.retry_after >= 1 for error in refused)
            kept = len(house.spool.entries())
            assert kept > 1
            away.clear()
            await house.drained()
            await house.answer(logs_request("again"))
            assert house.sample("items_total", signal="logs") == kept + 1

    run(play())


def test_always_means_that_the_disk_has_it_and_many_small_commits_are_one_insert(tmp_path):
    async def play() -> None:
        store = RecordingStore()
        bounds = limits(SpoolMode.ALWAYS)
        async with opened(tmp_path, store, bounds) as house:
            store.gate.clear()
            await asyncio.gather(*(house.answer(logs_request(f"number-{n}.")) for n in range(3)))
            await house.until(lambda: store.inserts)
            for number in range(3, 12):
                await house.answer(logs_request(f"number-{number}."))
            store.gate.set()
            await house.drained()
            text = b"".join(map(body_of, store.stored))
            assert [text.count(b"number-%d." % n) for n in range(12)] == [1] * 12
            assert len(store.stored) < 12
            assert len({insert.token for insert in store.stored}) == len(store.stored)

    run(play())


def test_a_house_without_clickhouse_takes_everything_and_inserts_when_it_is_there(tmp_path):
    async def play() -> None:
        store = RecordingStore()
        house = House(tmp_path, store, limits(), ROOM)
        house.pipeline.hold_back("not there yet")
        house.pipeline.start()
        gauge = {"name": "up", "gauge": {"data_points": [{"as_int": 1, "time_unix_nano": 1}]}}
        for body, signal in (
            (logs_request("l"), Signal.LOGS),
            (traces_request("t"), Signal.TRACES),
            (metrics_request(gauge), Signal.METRICS),
        ):
            assert await house.answer(body, signal) == Accepted()
        assert store.inserts == []
        assert house.pipeline.outlooks.bad() == dict.fromkeys(Signal, "not there yet")
        house.pipeline.let_go()
        await house.drained()
        assert {insert.table for insert in store.stored} == {"otlp_logs", "otlp_traces", "otlp_metrics"}
        assert house.pipeline.outlooks.bad() == {}
        await house.pipeline.close()

    run(play())


def test_a_shutdown_writes_what_it_still_holds_to_disk(tmp_path):
    async def play() -> None:
        store = RecordingStore()
        store.gate.clear()
        house = House(tmp_path, store, limits(patience=0.05, in_flight=1), ROOM)
        house.pipeline.start()
        tasks = [house.send(logs_request(f"number-{n}.")) for n in range(5)]
        await asyncio.to_thread(store.next_insert)
        closing = asyncio.create_task(house.pipeline.close())
        done, _ = await asyncio.wait(tasks, timeout=PATIENCE)
        store.gate.set()
        await asyncio.wait_for(closing, PATIENCE)
        accepted = [f"number-{n}.".encode() for n, task in enumerate(tasks) if task.exception() is None]
        reader = Spool(tmp_path, ROOM)
        kept = [part for entry in reader.entries() for part in reader.read(entry).parts]
        reader.close()
        stored = b"".join(map(body_of, store.stored)) + b"".join(chunk for part in kept for chunk in part.chunks)
        assert len(tasks) == len(done), "nobody is left waiting"
        assert accepted
        # An INSERT may have ended after its file was left to the next run, which sends the same token again.
        assert all(text in stored for text in accepted)

    run(play())


def test_damaged_entries_are_told_and_the_rest_is_inserted(tmp_path, caplog):
    async def play() -> None:
        bounds = limits(SpoolMode.ALWAYS)
        async with opened(tmp_path, RecordingStore(down), bounds) as house:
            for text in ("first", "second", "third"):
                await house.answer(logs_request(text))
        second = sorted(file for file in tmp_path.iterdir() if file.suffix == ".spool1")[1]
        data = bytearray(second.read_bytes())
        data[-10] ^= 0x40
        second.write_bytes(data)
        store = RecordingStore()
        async with opened(tmp_path, store, bounds) as house:
            await house.drained()
            text = b"".join(map(body_of, store.stored))
            assert (text.count(b"first"), text.count(b"second"), text.count(b"third")) == (1, 0, 1)
            assert house.sample("spool_damaged_items_total", kind="logs") == 1
            assert house.spool.status().damaged == 1

    with contextlib.suppress(asyncio.CancelledError):
        run(play())
    assert "1 items in 1 requests of logs are lost" in caplog.text


def test_a_unit_that_clickhouse_never_takes_lets_the_others_pass(tmp_path):
    async def play() -> None:
        def rule(insert: Insert, _number: int) -> StoreError | None:
            return OverloadedError("memory limit", code=241) if b"heavy" in body_of(insert) else None

        async with opened(tmp_path, RecordingStore(rule), replace(limits(), drain=SLOWLY)) as house:
            await house.answer(logs_request("heavy"))
            for text in ("one", "two", "three"):
                await house.answer(logs_request(text))
            await house.until(lambda: house.sample("items_total", signal="logs") == 3)
            await house.until(lambda: len(house.spool.entries("logs")) == 1)
            assert house.sample("dead_letters_total", signal="logs") == 0, "what is kept is not given up"

    run(play())


def test_dead_letters_of_a_full_spool_go_to_clickhouse_so_that_it_can_empty(tmp_path):
    async def play() -> None:
        away = threading.Event()
        away.set()

        def rule(insert: Insert, _number: int) -> StoreError | None:
            if away.is_set():
                return NotReachableError("down")
            poisoned = insert.table == "otlp_logs" and b"poison" in body_of(insert)
            return BadDataError("violated", code=469) if poisoned else None

        room = SpoolLimits(max_bytes=1_000, max_age_s=86_400.0, keep_free_bytes=0)
        async with opened(tmp_path, RecordingStore(rule), room=room) as house:
            await house.answer(logs_request("poison"))
            while isinstance(await outcome(house.answer(logs_request("x" * 100))), Accepted):
                pass
            away.clear()
            await house.drained()
            assert house.sample("dead_letters_total", signal="logs") == 1

    run(play())


def test_an_insert_that_hangs_and_then_breaks_in_a_way_nobody_knows_is_drained(tmp_path):
    async def play() -> None:
        store = RecordingStore(lambda _insert, number: ZeroDivisionError("a bug") if number == 1 else None)
        store.gate.clear()
        async with opened(tmp_path, store, limits(patience=0.02)) as house:
            assert await house.answer(logs_request("slow")) == Accepted()
            store.gate.set()
            await house.drained()
            assert [b"slow" in body_of(insert) for insert in store.stored] == [True]

    run(play())


def test_what_was_being_written_when_its_caller_gave_up_belongs_to_the_drain(tmp_path):
    async def play() -> None:
        store = RecordingStore()
        async with opened(tmp_path, store) as house:
            assert house.pipeline.spooling is not None
            keeping = asyncio.create_task(house.pipeline.keep_rows("otel_audit", "token", [b"{}\n"], 1))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            await house.until(lambda: store.stored)
            assert [insert.table for insert in store.stored] == ["otel_audit"]
            await house.drained()

    run(play())
