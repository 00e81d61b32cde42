"""From a whole request to an honest answer, with a recording store in ClickHouse's place."""

import asyncio
import json
import threading
from dataclasses import replace

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from prometheus_client import CollectorRegistry
from recording_store import PATIENCE, RecordingStore, body_of
from requests_made import logs_request, metrics_request, traces_request
from running_pipeline import bounded, in_house, limits, next_insert, send, turns

from identity.sender import Sender
from ingest import reading, wire
from ingest.batch import BURST
from ingest.counters import Counters
from ingest.errors import BusyError, MalformedError
from ingest.intake import Accepted, Encoding
from ingest.pipeline import HELD_BACK_PAUSE, Pipeline
from ingest.settings import SpoolMode
from sql.signals import Signal
from store.errors import NotReachableError


def test_a_sender_hears_nothing_before_the_store_has_its_rows():
    async def play(pipeline: Pipeline, store: RecordingStore) -> None:
        store.gate.clear()
        task = send(pipeline, logs_request("hello"))
        await next_insert(store)
        await turns()
        assert not task.done()
        store.gate.set()
        assert await bounded(task) == Accepted()
        assert b"hello" in body_of(store.stored[0])

    in_house(play)


def test_requests_that_come_while_an_insert_runs_become_one_insert():
    async def play(pipeline: Pipeline, store: RecordingStore) -> None:
        store.gate.clear()
        first = send(pipeline, logs_request("first"))
        await next_insert(store)
        others = [send(pipeline, logs_request(f"other-{i}")) for i in range(20)]
        await turns()
        assert len(store.inserts) == 1
        store.gate.set()
        assert await asyncio.gather(first, *others) == [Accepted()] * 21
        assert len(store.stored) == 2
        assert body_of(store.stored[1]).count(b"other-") == 20

    in_house(play)


def test_requests_that_come_together_to_an_idle_house_become_one_insert():
    async def play(pipeline: Pipeline, store: RecordingStore) -> None:
        together = [send(pipeline, logs_request(f"door-{i}")) for i in range(2)]
        assert [await bounded(one) for one in together] == [Accepted()] * 2
        assert [body_of(one).count(b"door-") for one in store.stored] == [2]

    in_house(play)


def test_a_batch_that_is_old_enough_goes_beside_a_running_insert():
    async def play(pipeline: Pipeline, store: RecordingStore) -> None:
        store.gate.clear()
        first = send(pipeline, logs_request("first"))
        await next_insert(store)
        second = send(pipeline, logs_request("second"))
        assert b"second" in body_of(await next_insert(store))
        store.gate.set()
        await asyncio.gather(first, second)

    in_house(play, limits(max_age=0.01))


def test_a_trickle_waits_for_its_age_and_is_not_forgotten():
    async def play(pipeline: Pipeline, store: RecordingStore) -> None:
        for i in range(BURST + 3):
            assert await bounded(send(pipeline, logs_request(str(i)))) == Accepted()
        assert len(store.stored) == BURST + 3

    in_house(play, limits(max_age=0.02))


def test_no_more_inserts_run_at_once_than_there_are_slots():
    async def play(pipeline: Pipeline, store: RecordingStore) -> None:
        store.gate.clear()
        signals = [(Signal.LOGS, logs_request()), (Signal.TRACES, traces_request("a"))]
        tasks = [send(pipeline, body, signal) for signal, body in signals]
        await next_insert(store)
        await turns()
        assert len(store.inserts) == 1
        store.gate.set()
        await asyncio.gather(*tasks)
        assert [insert.table for insert in store.stored] == ["otlp_logs", "otlp_traces"]

    in_house(play, limits(in_flight=1))


@pytest.mark.parametrize("signal", list(Signal))
def test_an_empty_request_succeeds_without_touching_the_store(signal):
    async def play(pipeline: Pipeline, store: RecordingStore) -> None:
        assert await pipeline.accept(signal, b"", Encoding.PROTOBUF, Sender("")) == Accepted()
        assert await pipeline.accept(signal, b"{}", Encoding.JSON, Sender("")) == Accepted()
        assert store.inserts == []

    in_house(play)


def test_metrics_without_data_are_rejected_and_the_rest_is_stored():
    gauge = {"name": "good", "gauge": {"data_points": [{"as_int": 1}]}}

    async def play(pipeline: Pipeline, store: RecordingStore) -> None:
        accepted = await bounded(send(pipeline, metrics_request(gauge, {"name": "bad"}), Signal.METRICS))
        assert accepted.rejected == 1
        assert "set one of gauge" in accepted.message
        letter, stored = store.stored
        assert letter.table == "otel_dead_letters"
        assert b"good" in body_of(stored)
        nothing_left = await bounded(send(pipeline, metrics_request({"name": "bad"}), Signal.METRICS))
        assert nothing_left.rejected == 1
        assert [one.table for one in store.stored].count("otlp_metrics") == 1

    in_house(play)


def test_a_request_that_cannot_be_read_leaves_no_trace_and_the_next_one_is_stored():
    async def play(pipeline: Pipeline, store: RecordingStore) -> None:
        with pytest.raises(MalformedError):
            await pipeline.accept(Signal.LOGS, b"\xff\xff", Encoding.PROTOBUF, Sender(""))
        with pytest.raises(MalformedError):
            await pipeline.accept(Signal.LOGS, b"\xff\xff", Encoding.JSON, Sender(""))
        assert pipeline.budget.used == 0
        assert await bounded(send(pipeline, logs_request())) == Accepted()
        assert len(store.stored) == 1

    in_house(play)


def test_json_and_protobuf_of_the_same_request_become_the_same_bytes(monkeypatch):
    monkeypatch.setattr(wire.time, "time_ns", lambda: 1_800_000_000_000_000_000)  # both arrive at once

    body = logs_request("same", records=200)
    text = json.dumps(json_format.MessageToDict(ExportLogsServiceRequest.FromString(body))).encode()
    large = json.dumps(json_format.MessageToDict(ExportLogsServiceRequest.FromString(logs_request("l", 500))))
    assert len(large) > reading.JSON_ON_LOOP

    async def play(pipeline: Pipeline, store: RecordingStore) -> None:
        await bounded(send(pipeline, body))
        await pipeline.accept(Signal.LOGS, text, Encoding.JSON, Sender(""))
        await pipeline.accept(Signal.LOGS, large.encode(), Encoding.JSON, Sender(""))
        assert body_of(store.stored[0]) == body_of(store.stored[1])
        assert body_of(store.stored[2]).count(b"l") >= 500

    in_house(play)


def test_a_sender_that_goes_away_takes_nothing_from_the_others_of_its_batch():
    async def play(pipeline: Pipeline, store: RecordingStore) -> None:
        store.gate.clear()
        first = send(pipeline, logs_request("first"))
        await next_insert(store)
        leaver, stayer = send(pipeline, logs_request("leaver")), send(pipeline, logs_request("stayer"))
        await turns()
        leaver.cancel()
        first.cancel()
        await turns()
        assert leaver.cancelled()
        store.gate.set()
        assert await bounded(stayer) == Accepted()
        assert b"leaver" in body_of(store.stored[1])

    in_house(play)


def test_closing_inserts_what_waits_and_refuses_what_comes_then():
    async def play(pipeline: Pipeline, store: RecordingStore) -> None:
        store.gate.clear()
        first = send(pipeline, logs_request("first"))
        await next_insert(store)
        second = send(pipeline, logs_request("second"))
        third = send(pipeline, traces_request("third"), Signal.TRACES)
        await turns()
        closing = asyncio.create_task(pipeline.close())
        await turns()
        with pytest.raises(BusyError, match="shutting down"):
            await pipeline.accept(Signal.LOGS, logs_request(), Encoding.PROTOBUF, Sender(""))
        assert not closing.done()
        store.gate.set()
        await asyncio.wait_for(closing, PATIENCE)
        assert [task.result() for task in (first, second, third)] == [Accepted()] * 3
        assert len(store.stored) == 3
        await pipeline.close()

    in_house(play, limits(in_flight=2))


def test_closing_twice_at_once_waits_for_the_same_end():
    async def play(pipeline: Pipeline, store: RecordingStore) -> None:
        store.gate.clear()
        task = send(pipeline, logs_request())
        await next_insert(store)
        closings = [asyncio.create_task(pipeline.close()) for _ in range(2)]
        await turns()
        assert not any(closing.done() for closing in closings)
        store.gate.set()
        await asyncio.wait_for(asyncio.gather(*closings), PATIENCE)
        assert task.result() == Accepted()

    in_house(play)


def test_an_insert_that_had_no_time_to_start_leaves_nobody_waiting():
    async def play(pipeline: Pipeline, _store: RecordingStore) -> None:
        tasks = [send(pipeline, logs_request()), send(pipeline, traces_request("a"), Signal.TRACES)]
        await turns(1)
        await pipeline.close()  # not in a task of its own, which would give the insert a turn
        for task in tasks:
            with pytest.raises(BusyError, match="shutting down"):
                await bounded(task)

    in_house(play, limits(close_within=0.0))


def test_a_store_that_never_answers_does_not_hold_up_the_end_for_ever():
    async def play(pipeline: Pipeline, store: RecordingStore) -> None:
        store.gate.clear()
        running = send(pipeline, logs_request("running"))
        await next_insert(store)
        waiting = send(pipeline, logs_request("waiting"))
        await turns()
        await asyncio.wait_for(pipeline.close(), PATIENCE)
        for task in (running, waiting):
            with pytest.raises(BusyError, match="shutting down"):
                await bounded(task)

    in_house(play, limits(in_flight=1, close_within=0.01))


def test_json_that_is_still_being_read_when_the_house_closes_is_asked_to_come_back(monkeypatch):
    started, go_on = asyncio.Event(), threading.Event()
    read = reading.otlp_json.read

    async def play(pipeline: Pipeline, store: RecordingStore) -> None:
        loop = asyncio.get_running_loop()

        def slow(signal: Signal, body: bytes) -> bytes:
            loop.call_soon_threadsafe(started.set)
            assert go_on.wait(PATIENCE)
            return read(signal, body)

        monkeypatch.setattr(reading.otlp_json, "read", slow)
        body = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{}]}]}]}' + b" " * reading.JSON_ON_LOOP
        task = asyncio.create_task(pipeline.accept(Signal.LOGS, body, Encoding.JSON, Sender("")))
        await asyncio.wait_for(started.wait(), PATIENCE)
        await pipeline.close()
        go_on.set()
        with pytest.raises(BusyError, match="shutting down"):
            await bounded(task)
        assert store.inserts == []

    in_house(play)


def test_an_insert_that_fails_is_told_to_its_senders_and_the_house_goes_on():
    async def play(pipeline: Pipeline, store: RecordingStore) -> None:
        store.rule = lambda _insert, number: NotReachableError("down") if number == 1 else None
        with pytest.raises(BusyError, match="down"):
            await bounded(send(pipeline, logs_request()))
        assert await bounded(send(pipeline, logs_request())) == Accepted()

    in_house(play)


@pytest.mark.parametrize("encoding", list(Encoding))
def test_a_house_without_a_spool_that_is_held_back_asks_senders_to_come_back_until_it_is_let_go(encoding):
    body = b'{"resourceLogs":[]}' if encoding is Encoding.JSON else logs_request("kept by its sender")

    async def play(pipeline: Pipeline, store: RecordingStore) -> None:
        pipeline.start()
        pipeline.hold_back("missing in ClickHouse: otel_logs_mv")
        with pytest.raises(BusyError, match="rows would get lost: missing in ClickHouse: otel_logs_mv") as refused:
            await bounded(asyncio.ensure_future(pipeline.accept(Signal.LOGS, body, encoding, Sender("10.0.0.7"))))
        assert refused.value.retry_after == HELD_BACK_PAUSE > 0
        assert pipeline.budget.peak == 0, "it is refused before anything of it is read"
        pipeline.let_go()
        assert await bounded(send(pipeline, logs_request("sent again"))) == Accepted()
        assert [b"sent again" in body_of(insert) for insert in store.stored] == [True]

    in_house(play, replace(limits(), mode=SpoolMode.NEVER))


def test_the_documented_names_are_what_prometheus_sees():
    registry = CollectorRegistry()
    counters = Counters(registry)
    counters.request(Signal.LOGS, "grpc")
    counters.refused(Signal.LOGS, "http", "malformed")
    counters.rejected(Signal.METRICS, 4)
    counters.rejected(Signal.METRICS, 0)
    counters.memory(77)

    def sample(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"otelhouse_ingest_{name}", labels)

    assert sample("requests_total", signal="logs", transport="grpc") == 1
    assert sample("refused_requests_total", signal="logs", transport="http", reason="malformed") == 1
    assert sample("rejected_items_total", signal="metrics") == 4
    assert sample("in_flight_bytes") == 77
