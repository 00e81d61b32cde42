"""What the desk makes of a question, whatever the store says."""

import asyncio
import logging
import threading

import pytest
from scripted_store import CATALOGUE, NOW, PATIENCE, ScriptedStore

from query import errors
from query.desk import Desk
from query.settings import QuerySettings
from sql.catalogue import Catalogue, read_question
from store import errors as store_errors
from store.port import Answer


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


@pytest.mark.parametrize(
    "ask",
    [lambda desk: desk.ask("listing", {}), lambda desk: asyncio.run(desk.ask_async("listing", {}))],
    ids=["blocking", "beside the loop"],
)
def test_what_is_stored_while_rows_are_read_does_not_count_as_looked_at(desk, store, ask):
    store.newest = NOW - 10**9
    store.while_answering = lambda: setattr(store, "newest", NOW)

    assert dict(ask(desk).data_through) == {"logs": "2026-01-01T11:59:59.000000000Z"}
    assert store.newest == NOW


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


def test_an_asker_that_goes_away_before_clickhouse_knows_the_statement_stops_it_all_the_same(desk, store):
    store.may_end.clear()
    store.deaf_to = 2

    async def go_away() -> None:
        asking = asyncio.create_task(desk.ask_async("listing", {}))
        assert await asyncio.to_thread(store.begun.wait, PATIENCE)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(asking, PATIENCE)

    asyncio.run(go_away())

    assert store.cancelled == [store.asked[0].query_id] * 3
    assert store.may_end.is_set()


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


# a busy house


def busy(store: ScriptedStore, **settings: float) -> Desk:
    """A desk with one thread, whose questions have a hundredth of a second each."""
    return Desk(
        store, CATALOGUE, QuerySettings(concurrency=1, max_seconds=0.01, **settings), now=lambda: NOW, grace=0.01
    )


def test_who_gets_no_turn_in_time_is_told_that_the_house_is_busy(store):
    store.may_end.clear()
    full = Desk(store, CATALOGUE, QuerySettings(concurrency=1, max_wait_seconds=0.05), now=lambda: NOW)

    async def crowd() -> list[object]:
        first = asyncio.create_task(full.ask_async("listing", {}))
        assert await asyncio.to_thread(store.begun.wait, PATIENCE)
        others = await asyncio.gather(*(full.ask_async("listing", {}) for _ in range(4)), return_exceptions=True)
        store.may_end.set()
        return [*others, await first]

    *others, first = asyncio.run(crowd())

    assert [type(other) for other in others] == [errors.BusyError] * 4
    assert "never begun" in others[0].message
    assert (len(first.rows), len(store.asked), store.cancelled) == (3, 1, [])
    full.close()


def test_the_wait_for_a_turn_does_not_count_against_the_question(store):
    """The second waits for as long as the first is allowed, and has all of its own time after."""
    store.may_end.clear()
    full = busy(store, max_wait_seconds=PATIENCE)

    async def two() -> list[object]:
        first = asyncio.create_task(full.ask_async("listing", {}))
        assert await asyncio.to_thread(store.begun.wait, PATIENCE)
        second = asyncio.create_task(full.ask_async("listing", {}))
        return await asyncio.gather(first, second, return_exceptions=True)

    late, answered = asyncio.run(two())

    assert isinstance(late, errors.LimitExceededError)
    assert len(answered.rows) == 3
    full.close()


def test_rows_that_are_there_are_given_though_freshness_does_not_answer(store):
    ends = threading.Event()
    full = Desk(store, CATALOGUE, QuerySettings(max_seconds=0.01), now=lambda: NOW, grace=0.2, freshness_seconds=0.3)
    store.probe = lambda select: Answer((), [], 0.0, 0, 0, "") if ends.wait(PATIENCE) else pytest.fail(select.sql)

    beside = asyncio.run(full.ask_async("listing", {}))
    blocking = full.ask("listing", {})
    ends.set()
    full.close()

    assert (len(beside.rows), dict(beside.data_through)) == (3, {})
    assert (len(blocking.rows), dict(blocking.data_through)) == (3, {})


@pytest.mark.parametrize(
    ("obstacle", "heard", "said"),
    [
        (store_errors.NotReachableError("gone"), errors.NotReachableError, "gone"),
        (store_errors.MisconfiguredError("may not kill"), errors.LimitExceededError, "could not be stopped"),
    ],
)
def test_a_late_question_that_cannot_be_stopped_is_told_why_it_has_no_answer(store, obstacle, heard, said, caplog):
    store.may_end.clear()
    store.uncancellable = obstacle
    hasty = busy(store)

    with caplog.at_level(logging.WARNING), pytest.raises(heard, match=said):
        asyncio.run(hasty.ask_async("listing", {}))

    assert store.asked[0].query_id in caplog.text
    store.may_end.set()
    hasty.close()


def test_an_asker_that_goes_away_while_clickhouse_is_gone_is_no_mistake_of_ours(desk, store, caplog):
    store.may_end.clear()
    store.uncancellable = store_errors.NotReachableError("gone")

    async def go_away() -> None:
        asking = asyncio.create_task(desk.ask_async("listing", {}))
        assert await asyncio.to_thread(store.begun.wait, PATIENCE)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    with caplog.at_level(logging.WARNING):
        asyncio.run(go_away())

    assert "could not be stopped: gone" in caplog.text


# what a SELECT cuts by itself

SERIES = """\
-- name: series
-- summary: Lists series.
-- description: The first of them.
-- doors: rest
-- signals: metrics
-- limit rows: 50
-- limit seconds: 5
-- param most: UInt32
--   default: 2
--   bounds: 1 .. 10
--   example: 3
--   help: The most.
-- column thing: String
--   help: The thing.
-- column most_total: UInt64
--   help: How many there are.
SELECT thing, {most:UInt32} AS most_total FROM things
"""


@pytest.mark.parametrize(("total", "left_out"), [(5, {"most": 3}), (2, {}), (1, {})])
def test_what_the_select_cut_by_itself_is_said(total, left_out):
    store = ScriptedStore([("a", total), ("b", total)])
    store.names = ("thing", "most_total")
    desk = Desk(store, Catalogue([read_question("series.sql", SERIES)]), QuerySettings(), now=lambda: NOW)

    reply = desk.ask("series", {})
    store.things = []
    empty = desk.ask("series", {})
    desk.close()

    assert (dict(reply.left_out), reply.truncated) == (left_out, bool(left_out))
    assert (dict(empty.left_out), empty.truncated) == ({}, False)
