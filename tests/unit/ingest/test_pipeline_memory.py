"""How much memory requests on their way may take, and who is asked to come back for it."""

import asyncio
import threading

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from recording_store import RecordingStore, body_of
from requests_made import logs_request
from running_pipeline import bounded, in_house, limits, next_insert, send, turns

from identity.sender import Sender
from ingest import nested, wire
from ingest.errors import BusyError, MalformedError, TooLargeError
from ingest.intake import Accepted, Encoding
from ingest.nested import TEXT_COST
from ingest.pipeline import Pipeline
from ingest.reading import NESTED_COST, PROTOBUF_COST
from sql.signals import Signal


def test_over_the_memory_limit_senders_are_asked_to_come_back_and_then_it_works():
    body = logs_request("x" * 1_000)
    room = PROTOBUF_COST * len(body)

    async def play(pipeline: Pipeline, store: RecordingStore) -> None:
        store.gate.clear()
        first = send(pipeline, body)
        await next_insert(store)
        with pytest.raises(BusyError) as refused:
            await pipeline.accept(Signal.LOGS, body, Encoding.PROTOBUF, Sender(""))
        assert refused.value.retry_after >= 1
        store.gate.set()
        assert await bounded(first) == Accepted()
        assert await bounded(send(pipeline, body)) == Accepted()
        assert pipeline.budget.peak <= room

    in_house(play, limits(memory=room))


@pytest.mark.parametrize("encoding", list(Encoding))
def test_a_request_that_takes_more_than_all_memory_to_be_read_is_read_while_nothing_else_is_held(encoding):
    text = '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"%s"}}]}]}]}' % ("x" * 3_000)
    body = text.encode() if encoding is Encoding.JSON else logs_request("x" * 3_000)

    async def play(pipeline: Pipeline, store: RecordingStore) -> None:
        other = pipeline.budget.reserve(1)
        with pytest.raises(BusyError):
            await pipeline.accept(Signal.LOGS, body, encoding, Sender(""))
        other.release()
        assert await pipeline.accept(Signal.LOGS, body, encoding, Sender("")) == Accepted()
        assert len(store.stored) == 1

    in_house(play, limits(memory=2 * len(body)))


def nested_request(items: int) -> bytes:
    """A log record whose body is an array of numbers, four bytes each."""
    body = AnyValue(array_value=ArrayValue(values=[AnyValue(int_value=1)] * items))
    resource = {"scope_logs": [{"log_records": [LogRecord(body=body)]}]}
    return ExportLogsServiceRequest(resource_logs=[resource]).SerializeToString()


def test_nested_values_are_asked_for_with_what_they_take_before_they_become_text():
    body = nested_request(1_000)

    async def play(pipeline: Pipeline, store: RecordingStore) -> None:
        other = pipeline.budget.reserve(PROTOBUF_COST * len(body))
        with pytest.raises(BusyError):
            await bounded(send(pipeline, body))
        other.release()
        assert await bounded(send(pipeline, body)) == Accepted()
        assert pipeline.budget.peak == NESTED_COST * len(body)
        assert b"[1,1," in body_of(store.stored[0])

    in_house(play, limits(memory=NESTED_COST * len(body)))


def test_an_array_that_alone_takes_more_than_all_memory_is_refused_for_good():
    body = nested_request(100_000)

    async def play(pipeline: Pipeline, store: RecordingStore) -> None:
        with pytest.raises(TooLargeError, match="raise the memory limit"):
            await bounded(send(pipeline, body))
        assert store.inserts == []

    in_house(play, limits(memory=TEXT_COST * len(body) // 2))


def test_an_array_that_fits_beside_nothing_else_is_taken():
    body = nested_request(50_000)

    async def play(pipeline: Pipeline, store: RecordingStore) -> None:
        assert await bounded(send(pipeline, body)) == Accepted()
        assert pipeline.budget.peak == TEXT_COST * len(body)

    in_house(play, limits(memory=TEXT_COST * len(body)))


@pytest.mark.parametrize(("items", "thread"), [(100, "MainThread"), (50_000, "otelhouse-read_0")])
def test_nested_values_of_a_large_request_become_text_beside_the_event_loop(monkeypatch, items, thread):
    flatten, threads = wire.flatten, []

    def watched(request: wire.Request, hold: nested.Hold) -> None:
        threads.append(threading.current_thread().name)
        flatten(request, hold)

    async def play(pipeline: Pipeline, _store: RecordingStore) -> None:
        monkeypatch.setattr(wire, "flatten", watched)
        await bounded(send(pipeline, nested_request(items)))
        assert threads == [thread]

    in_house(play)


def test_a_request_that_can_never_fit_into_memory_is_told_so():
    async def play(pipeline: Pipeline, store: RecordingStore) -> None:
        with pytest.raises(TooLargeError, match="send smaller requests, or raise the memory limit"):
            await pipeline.accept(Signal.LOGS, logs_request("x" * 1_000), Encoding.PROTOBUF, Sender(""))
        assert store.inserts == []

    in_house(play, limits(memory=1_000))


class Body(bytes):
    """Tells when nobody holds it any more."""

    gone = threading.Event()

    def __del__(self) -> None:
        Body.gone.set()


@pytest.mark.parametrize("make", [logs_request, lambda text: nested_request(20 * len(text))])
def test_while_an_insert_runs_its_rows_are_held_and_the_body_is_not(make):
    size = len(make("x" * 1_000))

    async def play(pipeline: Pipeline, store: RecordingStore) -> None:
        Body.gone.clear()
        store.gate.clear()
        taking = pipeline.accept(Signal.LOGS, Body(make("x" * 1_000)), Encoding.PROTOBUF, Sender("10.0.0.7"))
        task = asyncio.create_task(taking)
        del taking
        insert = await next_insert(store)
        assert Body.gone.is_set()
        assert pipeline.budget.used == len(body_of(insert))
        assert pipeline.budget.peak >= PROTOBUF_COST * size
        store.gate.set()
        await bounded(task)

    in_house(play)


def test_memory_of_rows_on_their_way_stays_counted_when_their_sender_goes_away():
    async def play(pipeline: Pipeline, store: RecordingStore) -> None:
        store.gate.clear()
        task = send(pipeline, logs_request("x" * 1_000))
        insert = await next_insert(store)
        task.cancel()
        await turns()
        assert pipeline.budget.used == len(body_of(insert))

    in_house(play)


def test_a_request_whose_nested_values_cannot_be_read_is_refused_and_leaves_nothing_held():
    whole = nested_request(1_000)
    # The last number of the array, where its bytes say that another byte comes.
    broken = whole[:-1] + b"\x80"

    async def play(pipeline: Pipeline, store: RecordingStore) -> None:
        with pytest.raises(MalformedError):
            await pipeline.accept(Signal.LOGS, broken, Encoding.PROTOBUF, Sender(""))
        assert pipeline.budget.used == 0
        assert await pipeline.accept(Signal.LOGS, whole, Encoding.PROTOBUF, Sender("")) == Accepted()
        assert len(store.stored) == 1

    in_house(play)
