"""Viewers cost the database nothing, slow ones are told what they miss, and everything is bounded."""

import asyncio
import threading
import time

import pytest
from stream_world import PATIENCE, SECOND, event, house, log, make_tables, put

from sse_proxy import statements
from sse_proxy.feeds import LOGS
from store.errors import LimitError, NotReachableError
from store.port import Limits, Select


@pytest.fixture
def tables(embedded_store):
    make_tables(embedded_store)
    return embedded_store


class CountedStore:
    """Counts questions, and fails them when it is told to."""

    def __init__(self, store):
        self.store = store
        self.asked = 0
        self.said = []
        self.away = threading.Event()

    def select(self, select):
        self.asked += 1
        self.said.append(select.sql)
        if self.away.is_set():
            raise NotReachableError("nobody answers")
        return self.store.select(select)

    def said_since(self, asked):
        return self.said[asked:]


def looking():
    """The tasks that look into ClickHouse for viewers."""
    return [task for task in asyncio.all_tasks() if task.get_name().startswith("tap-")]


def said_by_clickhouse(store):
    """The SELECTs that ClickHouse was asked since it runs, by its own count, in which this one is already."""
    return int(store.select(Select("SELECT value FROM system.events WHERE event = 'SelectQuery'")).rows[0][0])


COMPOSITIONS = [f"c-{number}" for number in range(7)]


async def crowd(here, number):
    """Viewers by the composition that each watches; their streams have begun."""
    wanted = [COMPOSITIONS[one % len(COMPOSITIONS)] for one in range(number)]
    watchers = [(await here.watch(f"/notifications/?composition_id={composition}")) for composition in wanted]
    return [(composition, await watcher.greeted()) for composition, watcher in zip(wanted, watchers, strict=True)]


def test_the_database_is_asked_as_often_for_500_viewers_as_for_one_and_not_at_all_for_none(tables):
    """Nothing looks by itself here: what ClickHouse is asked, it is asked for the viewers and for what is stored."""

    async def asked_for_ten_inserts(here, watchers, name):
        before = said_by_clickhouse(tables)
        for number in range(10):
            happened = [event(f"{name} {number} of {one}", CompositionId=one) for one in COMPOSITIONS]
            put(tables, "otel_k8s_events", happened)
            here.streams.stored("otlp_logs")
            for composition, watcher in watchers:
                assert await watcher.names(1) == [f"{name} {number} of {composition}"]
        return said_by_clickhouse(tables) - before - 1

    async def scene():
        begun = said_by_clickhouse(tables)
        async with house(tables, linger_s=0.0, poll_s=60.0, late_s=0.0) as here:
            nobody = said_by_clickhouse(tables) - begun - 1
            watchers = await crowd(here, 1)
            one = await asked_for_ten_inserts(here, watchers, "one")
            watchers += await crowd(here, 499)
            many = await asked_for_ten_inserts(here, watchers, "many")
            figures = here.figure("viewers", feed="events"), here.figure("channels", feed="events"), len(looking())
            for watcher in here.watchers:
                watcher.cut()
            await here.until(lambda: here.figure("viewers", feed="events") == 0)
            await here.until(lambda: not here.streams._live)
            await here.until(lambda: not looking())
            return nobody, one, many, figures

    nobody, one, many, figures = asyncio.run(scene())
    assert nobody == 0
    assert (one, many) == (20, 20)  # for each INSERT what came, counted, and then its rows
    assert figures == (500, 7, 1)


def test_while_nothing_comes_500_viewers_are_one_look_each_poll(tables):
    poll_s = 0.05

    async def scene():
        async with house(tables, poll_s=poll_s, late_s=0.0) as here:
            await crowd(here, 500)
            looks, before, began = here.figure("queries", feed="events"), said_by_clickhouse(tables), time.monotonic()
            await here.until(lambda: here.figure("queries", feed="events") >= looks + 10)
            return said_by_clickhouse(tables) - before - 1, time.monotonic() - began

    asked, seconds = asyncio.run(scene())
    assert asked >= 9  # one may be under way
    assert asked <= seconds / poll_s + 2


def test_a_client_that_reads_too_slowly_is_told_what_it_missed(tables):
    async def scene():
        async with house(tables, ring_rows=100, behind_rows=10_000, send_timeout_s=60) as here:
            slow = await here.follow("/api/v1/tail")
            quick = await here.follow("/api/v1/tail?text=row")
            slow.reader._transport.pause_reading()
            for number in range(0, 3_000, 100):
                begin = time.time_ns()
                rows = [log(f"row {one} " + "x" * 4_000, ingested=begin + one) for one in range(number, number + 100)]
                await asyncio.to_thread(put, tables, "otel_logs", rows)
                assert len(await quick.names(100, lambda data: data["body"])) == 100
            slow.reader._transport.resume_reading()
            read, gaps = [], []
            while not read or read[-1] != 2_999:
                message = await asyncio.wait_for(slow.block(), PATIENCE)
                if message.event == "gap":
                    gaps.append(message.json)
                else:
                    read.append(int(message.json["body"].split()[1]))
            fetched = [await (await here.watch(gap["fetch"] + "&limit=5000")).body() for gap in gaps]
            more = [int(row["body"].split()[1]) for one in fetched for row in one["rows"]]
            return read, gaps, more, here.figure("gaps", feed="logs", reason="slow")

    read, gaps, more, figure = asyncio.run(scene())
    assert {gap["reason"] for gap in gaps} == {"slow"}
    assert figure == len(gaps)
    assert read == sorted(set(read))
    assert len(read) < 3_000
    assert set(read) | set(more) >= set(range(3_000))


def test_a_client_that_takes_nothing_is_cut_off(tables):
    async def scene():
        async with house(tables, send_timeout_s=0.3) as here:
            dead = await here.follow("/api/v1/tail")
            dead.reader._transport.pause_reading()
            for _ in range(30):
                await asyncio.to_thread(put, tables, "otel_logs", [log("x" * 200_000) for _ in range(10)])
                if here.figure("ended", feed="logs", reason="dead"):
                    break
            await here.until(lambda: here.figure("ended", feed="logs", reason="dead") == 1)
            await here.until(lambda: here.figure("viewers", feed="logs") == 0)

    asyncio.run(scene())


def test_more_rows_than_can_be_carried_become_a_gap_that_says_how_many(tables):
    async def scene():
        async with house(tables, rows_at_once=50, behind_rows=100, poll_s=60.0) as here:
            watcher = await here.follow("/api/v1/tail")
            begin = time.time_ns()
            for part in range(10):
                put(tables, "otel_logs", [log(f"{part}", ingested=begin + part) for _ in range(30)])
            here.streams._wake("otlp_logs")
            gap = await asyncio.wait_for(watcher.block(), PATIENCE)
            return gap, await watcher.names(90, lambda data: data["body"])

    gap, rest = asyncio.run(scene())
    assert (gap.event, gap.json["reason"], gap.json["rows"]) == ("gap", "flood", 210)
    assert sorted(set(rest)) == ["7", "8", "9"]


def test_a_row_that_is_too_large_is_told_and_can_be_fetched(tables):
    async def scene():
        async with house(tables, row_bytes=2_000) as here:
            watcher = await here.follow("/api/v1/tail")
            put(tables, "otel_logs", [log("x" * 5_000)])
            gap = await asyncio.wait_for(watcher.block(), PATIENCE)
            return gap, await (await here.watch(gap.json["fetch"])).body()

    gap, fetched = asyncio.run(scene())
    assert (gap.json["reason"], gap.json["rows"]) == ("too_large", 1)
    assert [len(row["body"]) for row in fetched["rows"]] == [5_000]


def test_rows_that_became_visible_too_late_are_told_and_can_be_fetched(tables):
    async def scene():
        async with house(tables) as here:
            watcher = await here.follow("/api/v1/tail?service=shop")
            put(tables, "otel_logs", [log("late", ingested=time.time_ns() - 20 * SECOND)])
            gap = await asyncio.wait_for(watcher.block(), PATIENCE)
            return gap, await (await here.watch(gap.json["fetch"])).body()

    gap, fetched = asyncio.run(scene())
    assert (gap.event, gap.json["reason"], gap.json["rows"]) == ("gap", "overdue", None)
    assert [row["body"] for row in fetched["rows"]] == ["late"]


def test_there_are_only_so_many_streams_and_channels(tables):
    async def scene():
        async with house(tables, max_streams=3, max_channels=2) as here:
            for path in ("/notifications/", "/notifications/", "/api/v1/tail"):
                await here.follow(path)
            watcher = await here.watch()
            full = watcher.status, (await watcher.body())["error"]["code"], watcher.headers.get("retry-after")
            here.watchers[0].cut()
            await here.until(lambda: here.figure("viewers", feed="events") == 1)
            watcher = await here.watch("/notifications/?kind=Pod")
            channels = watcher.status, (await watcher.body())["error"]["code"]
            again = await here.follow()
            return full, channels, again.status

    assert asyncio.run(scene()) == ((503, "busy", "5"), (503, "busy"), 200)


def test_silence_is_kept_alive_and_moves_the_place_forward(tables):
    async def scene():
        async with house(tables, keepalive_s=0.2) as here:
            watcher = await here.follow()
            place = watcher.place
            reading = asyncio.create_task(watcher.block())
            # A look that takes longer than the silence leaves the place where it was.
            await here.until(lambda: watcher.comments.count("keepalive") >= 2 and watcher.place != place)
            reading.cancel()
            await asyncio.wait({reading})
            return watcher

    assert asyncio.run(scene()).comments[0] == "connected"


def test_when_the_house_closes_streams_end_and_say_when_to_come_back(tables):
    async def scene():
        async with house(tables) as here:
            watcher = await here.follow()
            reading = asyncio.create_task(watcher.block())
            await here.streams.close()
            refused = await here.watch()
            return await asyncio.wait_for(reading, PATIENCE), watcher, refused.status

    end, watcher, refused = asyncio.run(scene())
    assert end is None
    assert "bye" in watcher.comments
    assert refused == 503


def test_a_database_that_is_away_is_told_and_nothing_is_lost(tables):
    counted = CountedStore(tables)

    async def scene():
        async with house(counted) as here:
            watcher = await here.follow()
            counted.away.set()
            failing = await asyncio.wait_for(watcher.block(), PATIENCE)
            late = await here.watch()
            told_too = await asyncio.wait_for(late.block(), PATIENCE)
            put(tables, "otel_k8s_events", [event("meanwhile", ingested=time.time_ns() - SECOND)])
            counted.away.clear()
            live = await asyncio.wait_for(watcher.block(), PATIENCE)
            return failing, told_too, live, await watcher.names(1), here.figure("failures", feed="events")

    failing, told_too, live, names, failures = asyncio.run(scene())
    assert (failing.event, failing.json["state"]) == ("status", "failing")
    assert told_too.json["state"] == "failing"
    assert (live.event, live.json) == ("status", {"state": "live"})
    assert names == ["meanwhile"]
    assert failures >= 1


def test_who_came_while_the_database_was_away_gets_what_came_since_and_nothing_older(tables):
    counted = CountedStore(tables)
    counted.away.set()

    async def scene():
        async with house(counted) as here:
            put(tables, "otel_k8s_events", [event("before", ingested=time.time_ns() - SECOND)])
            watcher, again = await here.watch(), await here.watch()
            assert (await asyncio.wait_for(watcher.block(), PATIENCE)).event == "status"
            put(tables, "otel_k8s_events", [event("meanwhile")])
            counted.away.clear()
            assert (await asyncio.wait_for(watcher.block(), PATIENCE)).json == {"state": "live"}
            names = await watcher.names(1)
            put(tables, "otel_k8s_events", [event("after"), event("late", ingested=time.time_ns() - 3 * SECOND)])
            names += await watcher.names(2)
            place = watcher.cut()
            put(tables, "otel_k8s_events", [event("last")])
            back = await here.watch(Last_Event_ID=place)
            again.cut()
            return names, await back.names(1)

    names, rest = asyncio.run(scene())
    assert names[0] == "meanwhile"
    assert sorted(names[1:]) == ["after", "late"]
    assert rest == ["last"]


def test_what_this_process_stores_does_not_wait_for_a_look(tables):
    async def scene():
        async with house(tables, poll_s=60.0) as here:
            watcher = await here.follow()
            put(tables, "otel_k8s_events", [event("now")])
            await asyncio.to_thread(here.streams.stored, "otlp_logs")
            return await watcher.names(1)

    begin = time.monotonic()
    assert asyncio.run(scene()) == ["now"]
    assert time.monotonic() - begin < 30


def test_the_engine_gives_no_more_of_a_row_than_is_sent(tables):
    moment = time.time_ns()
    put(tables, "otel_logs", [log("X" * 5_000, ingested=moment), log("Y" * 100, ingested=moment + 1)])
    bound = {"first": moment, "last": moment + 1, "moments": [moment, moment + 1], "limit": 10, "row_bytes": 1_024}
    select = Select(statements.statement("logs_rows"), bound, Limits(result_bytes=10**6))
    text = 2 + LOGS.columns.index("text")
    (large, small) = tables.select(select).rows
    assert (large[text], large[-1]) == ("x" * 1_024, "")
    assert small[text] == "y" * 100
    assert "Y" * 100 in small[-1]
    with pytest.raises(LimitError):
        tables.select(Select(select.sql, {**bound, "row_bytes": 10_000}, Limits(result_bytes=4_000)))


def test_what_was_read_is_not_asked_for_again(tables):
    counted = CountedStore(tables)

    async def scene():
        async with house(counted, poll_s=0.05) as here:
            watcher = await here.follow()
            rows = [event("1", CompositionId="c-1"), event("1", CompositionId="c-1"), event("2"), event("3")]
            put(tables, "otel_k8s_events", rows)
            names = await watcher.names(4)
            looks = here.figure("queries", feed="events")
            before = counted.asked
            await here.until(lambda: here.figure("queries", feed="events") >= looks + 10)
            return sorted(names), counted.said_since(before)

    names, said = asyncio.run(scene())
    assert names == ["1", "1", "2", "3"]
    assert sum("groupBitXor" not in sql for sql in said[:10]) <= 1  # and that only after a merge


class RunningStore(CountedStore):
    """What was missed takes until somebody stops it."""

    def __init__(self, store):
        super().__init__(store)
        self.began, self.stopped = threading.Event(), threading.Event()

    def select(self, select):
        if "_missed-" not in select.query_id:
            return super().select(select)
        self.began.set()
        assert self.stopped.wait(PATIENCE)
        raise LimitError("stopped", code=394)

    def cancel(self, query_id):
        assert "_missed-" in query_id
        self.stopped.set()


def test_who_hangs_up_while_what_it_missed_is_looked_for_stops_that(tables):
    running = RunningStore(tables)

    async def scene():
        async with house(running) as here:
            _, writer = await asyncio.open_connection("127.0.0.1", here.port)
            writer.write(b"GET /api/v1/tail/missed?signal=logs&after=1m HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert await asyncio.to_thread(running.began.wait, PATIENCE)
            writer.transport.abort()
            return await asyncio.to_thread(running.stopped.wait, PATIENCE)

    assert asyncio.run(scene())
