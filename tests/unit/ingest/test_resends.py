import asyncio
import gc
import weakref
from functools import partial

import pytest
from prometheus_client import CollectorRegistry
from resend_works import KEY, OTHER, Clock, Work, counted, opened, rows_on_disk, run

from ingest.counters import Counters
from ingest.errors import BusyError, MalformedError
from ingest.intake import Accepted
from ingest.resends import Resends, key_of
from sql.signals import Signal


def test_a_key_tells_senders_signals_and_bodies_apart():
    keys = {
        key_of(sender, signal, body)
        for sender in ("a", "ab", "")
        for signal in Signal
        for body in (b"", b"b", b"bc", b"x" * 100_000)
    }
    assert len(keys) == 3 * 3 * 4
    assert key_of("a", Signal.LOGS, b"x") == key_of("a", Signal.LOGS, b"x")
    assert len(key_of("\udcff", Signal.LOGS, b"x")) == 16


def test_a_request_sent_again_gets_the_same_ok_and_is_not_stored(tmp_path):
    registry = CollectorRegistry()

    async def scenario() -> None:
        async with opened(tmp_path, registry=registry) as resends:
            partly = Work(Accepted(3, "three spans have no id"))
            for _ in range(3):
                assert await resends.once(KEY, partly) == Accepted(3, "three spans have no id")
            other = Work()
            assert await resends.once(OTHER, other) == Accepted()
            assert (partly.times, other.times, counted(registry), len(resends)) == (1, 1, 2, 2)

    run(scenario)


def test_a_request_sent_again_while_the_first_is_worked_on_waits_for_its_answer(tmp_path):
    registry = CollectorRegistry()

    async def scenario() -> None:
        async with opened(tmp_path, registry=registry) as resends:
            work = Work(Accepted(1, "one"))
            work.go_on.clear()
            waiting = [asyncio.create_task(resends.once(KEY, work)) for _ in range(4)]
            await work.began.wait()
            assert not any(task.done() for task in waiting)
            work.go_on.set()
            assert await asyncio.gather(*waiting) == [Accepted(1, "one")] * 4
            assert (work.times, counted(registry)) == (1, 3)

    run(scenario)


@pytest.mark.parametrize(
    "error", [BusyError("later", retry_after=3.0), MalformedError("no", field="f"), OSError("own")]
)
def test_a_failure_is_told_to_all_who_wait_and_leaves_nothing_behind(tmp_path, error):
    registry = CollectorRegistry()

    async def scenario() -> None:
        async with opened(tmp_path, registry=registry) as resends:
            failing = Work(error)
            failing.go_on.clear()
            waiting = [asyncio.create_task(resends.once(KEY, failing)) for _ in range(3)]
            await failing.began.wait()
            failing.go_on.set()
            heard = await asyncio.gather(*waiting, return_exceptions=True)
            assert [(type(one), vars(one), str(one)) for one in heard] == [(type(error), vars(error), str(error))] * 3
            assert (len(resends), counted(registry)) == (0, 0)
            assert await resends.once(KEY, Work()) == Accepted()

    run(scenario)


def test_the_work_goes_on_when_its_sender_hangs_up(tmp_path):
    async def scenario() -> None:
        async with opened(tmp_path) as resends:
            work = Work()
            work.go_on.clear()
            first = asyncio.create_task(resends.once(KEY, work))
            await work.began.wait()
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            again = asyncio.create_task(resends.once(KEY, work))
            work.go_on.set()
            assert await again == Accepted()
            assert work.times == 1

    run(scenario)


def test_a_failure_that_nobody_waits_for_any_more_is_no_noise(tmp_path, caplog):
    async def scenario() -> None:
        async with opened(tmp_path) as resends:
            work = Work(BusyError("later"))
            work.go_on.clear()
            first = asyncio.create_task(resends.once(KEY, work))
            await work.began.wait()
            first.cancel()
            work.go_on.set()
            await asyncio.wait([first])
        gc.collect()

    run(scenario)
    assert caplog.text == ""


def test_the_body_that_the_work_carries_may_end_before_its_answer(tmp_path):
    class Body:
        pass

    async def scenario() -> None:
        began, go_on = asyncio.Event(), asyncio.Event()

        async def work(body: Body) -> Accepted:
            del body
            began.set()
            await go_on.wait()
            return Accepted()

        async with opened(tmp_path) as resends:
            body = Body()
            seen = weakref.ref(body)
            waiting = asyncio.create_task(resends.once(KEY, partial(work, body)))
            del body
            await began.wait()
            assert seen() is None
            go_on.set()
            await waiting

    run(scenario)


def test_after_the_window_the_same_request_is_a_new_one(tmp_path):
    async def scenario() -> None:
        clock = Clock()
        async with opened(tmp_path, clock=clock) as resends:
            work = Work()
            await resends.once(KEY, work)
            clock.now += 59
            await resends.once(KEY, work)
            assert work.times == 1
            clock.now += 2
            await resends.once(KEY, work)
            assert work.times == 2
            assert len(resends) == 1

    run(scenario)


def test_the_oldest_make_room_and_are_counted(tmp_path):
    registry = CollectorRegistry()

    async def scenario() -> None:
        async with opened(tmp_path, registry=registry, most_rows=3) as resends:
            keys = [bytes([number]) * 16 for number in range(5)]
            for key in keys:
                await resends.once(key, Work())
            assert (len(resends), counted(registry, "resends_forgotten_early")) == (3, 2)
            forgotten, kept = Work(), Work()
            await resends.once(keys[4], kept)
            await resends.once(keys[0], forgotten)
            assert (kept.times, forgotten.times) == (0, 1)
        assert rows_on_disk(tmp_path) <= 4
        async with opened(tmp_path, most_rows=2) as resends:
            assert len(resends) == 2
        assert rows_on_disk(tmp_path) == 2

    run(scenario)


@pytest.mark.parametrize("jump", [-3600.0, 3600.0])
def test_a_wall_clock_that_jumps_changes_nothing_in_a_run(tmp_path, jump):
    async def scenario() -> None:
        clock, wall = Clock(), Clock()
        async with opened(tmp_path, clock=clock, wall=wall) as resends:
            work = Work()
            for round_ in range(6):
                wall.now += jump if round_ % 2 else -jump
                clock.now += 61 / 2
                await resends.once(KEY, work)
            assert work.times == 3
            assert len(resends) == 1
        assert rows_on_disk(tmp_path) == 1

    run(scenario)


def test_answers_from_the_future_are_forgotten_a_window_after_the_start(tmp_path):
    async def scenario() -> None:
        clock, wall = Clock(), Clock()
        async with opened(tmp_path, clock=clock, wall=wall) as resends:
            await resends.once(KEY, Work())
        wall.now -= 3600
        async with opened(tmp_path, clock=clock, wall=wall) as resends:
            assert len(resends) == 1
            clock.now += 61
            assert len(resends) == 0

    run(scenario)


def test_answers_that_grew_old_between_two_runs_are_forgotten_on_disk_as_well(tmp_path):
    async def scenario() -> None:
        wall = Clock()
        async with opened(tmp_path, wall=wall) as resends:
            for number in range(50):
                await resends.once(number.to_bytes(16), Work())
        wall.now += 3600
        async with opened(tmp_path, wall=wall) as resends:
            assert len(resends) == 0
            await resends.once(KEY, Work())
        assert rows_on_disk(tmp_path) <= 2

    run(scenario)


def test_closing_waits_for_what_is_worked_on_and_sends_the_rest_away(tmp_path):
    async def scenario() -> None:
        resends = Resends(tmp_path, 60.0, Counters(CollectorRegistry()))
        quick, stuck = Work(), Work()
        quick.go_on.clear()
        stuck.go_on.clear()
        waiting = [asyncio.create_task(resends.once(key, work)) for key, work in ((KEY, quick), (OTHER, stuck))]
        await stuck.began.wait()
        asyncio.get_running_loop().call_soon(quick.go_on.set)
        await resends.close(within=0.2)
        await resends.close()
        assert await waiting[0] == Accepted()
        with pytest.raises(BusyError, match="shutting down"):
            await waiting[1]
        assert rows_on_disk(tmp_path) == 1

    run(scenario)
