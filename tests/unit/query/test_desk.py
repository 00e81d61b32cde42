"""What the desk makes of a question, whatever the store says."""

import asyncio
import logging

import pytest
from scripted_store import CATALOGUE, NOW, PATIENCE, ScriptedStore

from query import errors
from query.desk import Desk
from query.settings import QuerySettings
from store import errors as store_errors


@pytest.fixture
def store():
    return ScriptedStore([("a", 1, {}), ("b", 2, {}), ("c", 3, {})])


@pytest.fixture
def desk(store):
    with_desk = Desk(store, CATALOGUE, QuerySettings(concurrency=1, max_waiting=1), now=lambda: NOW)
    yield with_desk
    store.may_end.set()
    with_desk.close()


def test_a_reply_carries_the_circumstances_of_its_rows(desk):
    reply = desk.ask("listing", {"word": "x"})

    assert reply.rows == [("a", 1, {}), ("b", 2, {}), ("c", 3, {})]
    assert (reply.truncated, reply.elapsed, reply.rows_read, reply.bytes_read) == (False, 0.25, 1000, 2000)
    assert dict(reply.parameters) == {
        "since": "2026-01-01T11:00:00.000000000Z",
        "until": "2026-01-01T12:00:00.000000000Z",
        "word": "x",
        "limit": 10,
    }
    assert reply.window.since == "2026-01-01T11:00:00.000000000Z"
    assert reply.query_id.startswith("listing-")
    assert dict(reply.data_through) == {"logs": "2026-01-01T12:00:00.000000000Z"}


def test_the_engine_is_asked_for_one_row_more_than_wanted(desk, store):
    reply = desk.ask("listing", {"limit": 2})

    (asked,) = store.asked
    assert (asked.limits.rows, asked.parameters["limit"]) == (2, 3)
    assert (len(reply.rows), reply.truncated, reply.parameters["limit"]) == (2, True, 2)


def test_the_smallest_limit_is_in_force(store):
    tight = Desk(store, CATALOGUE, QuerySettings(max_rows=4, max_seconds=1.5, max_bytes_read=7, max_memory_bytes=8))

    tight.ask("listing", {"limit": 50})

    limits = store.asked[0].limits
    assert (limits.rows, limits.seconds, limits.bytes_read, limits.memory_bytes) == (4, 1.5, 7, 8)


def test_an_unknown_question_is_refused_with_the_nearest_one(desk):
    with pytest.raises(errors.UnknownQuestionError) as refusal:
        desk.ask("listning", {})

    assert "Did you mean `listing`?" in refusal.value.mend


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        (store_errors.NotReachableError("gone"), errors.NotReachableError),
        (store_errors.OverloadedError("too many parts"), errors.BusyError),
        (store_errors.LimitError("too long"), errors.LimitExceededError),
        (store_errors.MisconfiguredError("no table"), errors.FailedError),
        (store_errors.BadDataError("odd"), errors.FailedError),
        (store_errors.StoreError("unheard of"), errors.FailedError),
    ],
)
def test_what_the_store_says_is_told_in_words_for_the_asker(desk, store, said, heard):
    store.error = said

    with pytest.raises(heard) as failure:
        desk.ask("listing", {})

    assert str(said) in failure.value.message
    assert failure.value.mend
    assert failure.value.__cause__ is said


def test_a_long_message_of_the_engine_is_shortened(desk, store):
    store.error = store_errors.StoreError("x" * 100_000)

    with pytest.raises(errors.FailedError) as failure:
        desk.ask("listing", {})

    assert len(failure.value.message) < 600


def test_columns_that_differ_from_the_header_are_a_failure(desk, store):
    store.names = ("thing", "number", "extra")

    with pytest.raises(errors.FailedError, match="its header promises"):
        desk.ask("listing", {})


@pytest.mark.parametrize("newest", [0, NOW + 1, store_errors.NotReachableError("gone")])
def test_freshness_that_is_not_known_is_left_out(desk, store, newest, caplog):
    store.newest = newest

    with caplog.at_level(logging.CRITICAL):
        assert dict(desk.ask("listing", {}).data_through) == {}


def test_beside_the_loop_the_same_reply_is_given(desk):
    reply = asyncio.run(desk.ask_async("listing", {"limit": 1}))

    assert reply.rows == [("a", 1, {})]


def test_an_asker_that_goes_away_stops_the_statement(desk, store):
    store.may_end.clear()

    async def go_away() -> None:
        asking = asyncio.create_task(desk.ask_async("listing", {}))
        assert await asyncio.to_thread(store.begun.wait, PATIENCE)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    asyncio.run(go_away())

    assert store.cancelled == [store.asked[0].query_id]


def test_a_question_that_waits_in_the_queue_when_its_asker_goes_away_is_never_asked(desk, store):
    store.may_end.clear()

    async def go_away() -> None:
        first = asyncio.create_task(desk.ask_async("listing", {}))
        assert await asyncio.to_thread(store.begun.wait, PATIENCE)
        second = asyncio.create_task(desk.ask_async("listing", {"word": "second"}))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        store.may_end.set()
        await first

    asyncio.run(go_away())

    assert (store.cancelled, len(store.asked)) == ([], 1)


def test_a_question_that_outlasts_its_limit_is_stopped(store):
    hasty = Desk(store, CATALOGUE, QuerySettings(max_seconds=0.01), now=lambda: NOW, grace=0.01)
    store.may_end.clear()

    with pytest.raises(errors.LimitExceededError, match="was stopped"):
        asyncio.run(hasty.ask_async("listing", {}))

    assert store.cancelled == [store.asked[0].query_id]
    hasty.close()


def test_more_questions_than_may_wait_are_refused_at_once(desk, store):
    store.may_end.clear()

    async def crowd() -> list[object]:
        asking = [asyncio.create_task(desk.ask_async("listing", {})) for _ in range(2)]
        assert await asyncio.to_thread(store.begun.wait, PATIENCE)
        with pytest.raises(errors.BusyError):
            await desk.ask_async("listing", {})
        store.may_end.set()
        return await asyncio.gather(*asking)

    assert len(asyncio.run(crowd())) == 2
