"""What was missed comes whole up to a moment, and says from where to go on."""

import asyncio
import threading

import pytest
from stream_process import ANNA

from query import errors
from sse_proxy import missed, watching
from sse_proxy.feeds import EVENTS, LOGS
from sse_proxy.missed import Missed
from store.errors import LimitError, NotReachableError
from store.port import Answer


class Store:
    """Gives these moments and ids."""

    def __init__(self, feed, *pairs, truncated=False):
        rows = [(moment, identity, *([""] * len(feed.columns)), f'"{moment}.{identity}"') for moment, identity in pairs]
        self._answer = Answer((), rows, 0.0, 0, 0, "", truncated)
        self._watch = watching.watch(feed, {}, ANNA)

    def select(self, select):
        return self._answer

    def between(self, most):
        return asyncio.run(Missed(self).between(self._watch, 0, 100, most))


def test_all_there_is_reaches_until_the_end():
    found = Store(LOGS, (1, 7), (1, 7), (2, 8)).between(10)
    assert (found.data, found.through, found.more) == (['"1.7"', '"1.7"', '"2.8"'], 100, False)


def test_an_event_that_is_stored_twice_comes_once():
    assert Store(EVENTS, (1, 7), (2, 7)).between(10).data == ['"1.7"']


def test_a_moment_is_never_cut_in_two():
    found = Store(LOGS, (1, 1), (2, 2), (2, 3), (3, 4)).between(2)
    assert (found.data, found.through, found.more) == (['"1.1"'], 1, True)
    found = Store(LOGS, (1, 1), (1, 2), (1, 3)).between(2)
    assert (len(found.data), found.through) == (3, 100)


def test_an_answer_that_was_cut_is_whole_until_the_moment_before():
    found = Store(LOGS, (1, 1), (2, 2), truncated=True).between(10)
    assert (found.data, found.through, found.more) == (['"1.1"'], 1, True)


def test_too_many_at_once_are_turned_away(monkeypatch):
    monkeypatch.setattr(missed, "_WAITING", -2)
    with pytest.raises(errors.BusyError):
        Store(LOGS).between(10)


def test_a_database_that_is_away_is_told_as_for_any_question(monkeypatch):
    def away(_):
        raise NotReachableError("nobody there")

    store = Store(LOGS)
    monkeypatch.setattr(store, "select", away)
    with pytest.raises(errors.QuestionError) as told:
        store.between(10)
    assert told.value.status in {502, 503}


class Running(Store):
    """Its statement runs until it is stopped; its thread ends when the test says so."""

    def __init__(self):
        super().__init__(LOGS)
        self.runs, self.may_end = threading.Event(), threading.Event()
        self.asked, self.stopped = [], []

    def select(self, select):
        self.asked.append(select.query_id)
        self.runs.set()
        assert self.may_end.wait(60)
        raise LimitError("stopped", code=394)

    def cancel(self, query_id):
        self.stopped.append(query_id)


def test_who_goes_away_leaves_no_statement_and_the_place_is_free_when_its_thread_has_ended():
    async def scene():
        store = Running()
        missed_ = Missed(store)
        asking = asyncio.create_task(missed_.between(store._watch, 0, 100, 10))
        await asyncio.to_thread(store.runs.wait, 60)
        asking.cancel()
        await asyncio.wait([asking])
        before = missed_._asking
        store.may_end.set()
        async with asyncio.timeout(60):
            while missed_._asking:  # noqa: ASYNC110 - the thread tells nobody but Missed
                await asyncio.sleep(0.001)
        return asking.cancelled(), before, store.asked, store.stopped

    gone, before, asked, stopped = asyncio.run(scene())
    assert (gone, before) == (True, 1)
    assert asked == stopped
    assert asked[0].startswith("logs_missed-")


def test_rows_that_are_too_large_for_one_answer_come_in_smaller_ones(monkeypatch):
    store = Store(LOGS, (1, 1), (2, 2), truncated=True)
    asked, answer = [], store.select

    def select(select):
        asked.append((select.limits.rows, select.parameters["limit"]))
        assert select.limits.result_bytes > 0
        if len(asked) < 3:
            raise LimitError("too large", code=396)
        return answer(select)

    monkeypatch.setattr(store, "select", select)
    found = store.between(10)
    assert (found.data, found.more) == (['"1.1"'], True)
    assert asked == [(20_000, 20_001), (1_000, 1_001), (50, 51)]


def test_a_moment_that_is_too_large_for_one_answer_is_refused_and_not_cut(monkeypatch):
    store = Store(LOGS, (1, 1), (1, 2), truncated=True)
    answer = store.select

    def select(select):
        if select.limits.rows > 1_000:
            raise LimitError("too large", code=396)
        return answer(select)

    monkeypatch.setattr(store, "select", select)
    with pytest.raises(errors.LimitExceededError):
        store.between(10)
