"""What goes wrong with one stream leaves the others alone, and what nobody watches costs nothing."""

import asyncio
import time

import pytest
from prometheus_client import CollectorRegistry
from stream_process import ANNA, Database

from query import errors
from sql.scopes import SYNTHETIC
from sse_proxy import streams, watching
from sse_proxy.coding import SseCoding
from sse_proxy.feeds import EVENTS, LOGS
from sse_proxy.settings import StreamSettings
from sse_proxy.streams import Streams

WATCH = watching.watch(LOGS, {}, ANNA)


def opened(live, watch=WATCH, recheck=None):
    return live.open(watch, SseCoding("tail", watch, by_topic=False), None, ANNA, recheck)


async def until(true):
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.005)


def play(scene, **settings):
    async def all_of_it():
        live = Streams(Database(LOGS), StreamSettings(poll_s=60, **settings), CollectorRegistry())
        live.start()
        try:
            return await scene(live)
        finally:
            await live.close()

    return asyncio.run(all_of_it())


def test_a_token_that_cannot_be_looked_at_ends_its_stream_and_others_are_looked_at_again(caplog):
    async def broken():
        raise OSError("the file is on a mount that is gone")

    async def scene(live):
        looks = 0

        async def good():
            nonlocal looks
            looks += 1
            return ANNA

        bad, other = opened(live, recheck=broken), opened(live, recheck=good)
        await until(lambda: looks >= 3)
        return bad.ended, other.ended

    assert play(scene, recheck_s=0.05) == (streams.BROKEN, "")
    assert caplog.text.count("could not look at a token") == 1


def test_a_client_that_cannot_be_cut_off_saves_no_other(caplog):
    async def scene(live):
        cut = []

        def refuses():
            raise RuntimeError("the connection is gone")

        viewers = [opened(live) for _ in range(4)]
        for number, viewer in enumerate(viewers):
            viewer.writing_since = 0.001
            viewer.cut = refuses if number % 2 else lambda one=viewer: cut.append(one)
        await until(lambda: viewers[0] in cut and viewers[2] in cut)
        return [viewer.ended for viewer in viewers]

    assert play(scene, send_timeout_s=0.1) == [streams.DEAD] * 4
    assert "could not cut off a client" in caplog.text


def test_a_chore_that_breaks_comes_again(caplog):
    async def scene(live):
        times = 0

        async def breaks():
            nonlocal times
            times += 1
            raise ValueError("nobody thought of this")

        chore = asyncio.create_task(live._again(0.001, breaks))
        await until(lambda: times >= 3)
        chore.cancel()
        await asyncio.wait([chore])

    play(scene)
    assert "nobody thought of this" in caplog.text


def test_a_stream_that_is_refused_leaves_no_tap_behind():
    async def scene(live):
        opened(live)
        with pytest.raises(errors.BusyError):
            opened(live, watching.watch(EVENTS, {}, ANNA))
        same = opened(live)  # a channel that is there may be joined
        return list(live._live), same.ended

    assert play(scene, max_channels=1) == (["logs"], "")


@pytest.mark.parametrize(("wanted", "seconds"), [({}, 120), ({"service": [SYNTHETIC]}, 10)])
def test_for_the_canary_alone_nothing_is_read_back_that_lies_before_its_beat(wanted, seconds):
    asked = []

    class Noting(Database):
        def select(self, select):
            asked.append(select.parameters)
            return super().select(select)

    async def scene():
        live = Streams(Noting(LOGS), StreamSettings(poll_s=60), CollectorRegistry())
        live.start()
        before = time.time_ns()
        opened(live, watching.watch(LOGS, wanted, ANNA))
        await until(lambda: asked)
        after = time.time_ns()
        await live.close()
        return before, after

    before, after = asyncio.run(scene())

    # A second more than promised.
    assert before <= asked[0]["after"] + (seconds + 1) * 10**9 <= after
