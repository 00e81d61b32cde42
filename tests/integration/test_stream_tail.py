"""`GET /api/v1/tail`: logs, spans and events by filter; what was missed, over REST; and what is refused."""

import asyncio
import time

import pytest
from stream_world import PATIENCE, SECOND, at, event, house, log, make_tables, put


@pytest.fixture
def tables(store):
    make_tables(store)
    return store


def span(name, duration=1_000_000, **more):
    now = at(time.time_ns())
    row = {"Timestamp": now, "IngestedAt": now, "TraceId": "a" * 32, "SpanId": "b" * 16, "SpanName": name}
    return {**row, "ServiceName": "shop", "Duration": duration, **more}


def body(data):
    return data["body"]


def name(data):
    return data["name"]


def test_log_records_come_by_filter_and_severity_is_found_where_it_is_not_said(tables):
    async def scene():
        async with house(tables) as here:
            everything = await here.follow("/api/v1/tail")
            errors = await here.follow("/api/v1/tail?signal=logs&service=shop&min_severity=error&text=FAILED")
            rows = [
                log("level=error payment failed", LogAttributes={"order": "1"}, TraceId="a" * 32),
                log("level=info payment failed"),
                log("payment failed", SeverityNumber=21, ServiceName="other"),
                log("payment failed at last", SeverityText="FATAL"),
            ]
            put(tables, "otel_logs", rows)
            message = await asyncio.wait_for(errors.block(), PATIENCE)
            found = {body(message.json), *await errors.names(1, body)}
            return message, found, await everything.names(4, body)

    message, found, everything = asyncio.run(scene())
    assert message.event == "message"
    assert message.id
    assert found == {"level=error payment failed", "payment failed at last"}
    assert len(set(everything)) == 4


def test_spans_come_by_status_and_duration(tables):
    async def scene():
        async with house(tables) as here:
            slow = await here.follow("/api/v1/tail?signal=spans&min_duration_ms=250&status=Error")
            rows = [
                span("fast", StatusCode="Error"),
                span("slow", 300_000_000),
                span("both", 250_000_000, StatusCode="Error"),
            ]
            put(tables, "otel_traces", rows)
            return await asyncio.wait_for(slow.block(), PATIENCE)

    found = asyncio.run(scene()).json
    assert (found["name"], found["durationMs"], found["traceId"]) == ("both", 250.0, "a" * 32)


def test_rows_of_one_insert_come_in_the_order_of_their_times(tables):
    async def scene():
        async with house(tables) as here:
            watcher = await here.follow("/api/v1/tail")
            moment = time.time_ns()
            rows = [log(str(number), ingested=moment, Timestamp=at(moment - number)) for number in range(10)]
            put(tables, "otel_logs", rows)
            return await watcher.names(10, body)

    assert asyncio.run(scene()) == [str(number) for number in range(9, -1, -1)]


def test_a_stream_may_begin_a_while_ago(tables):
    async def scene():
        async with house(tables) as here:
            now = time.time_ns()
            put(
                tables,
                "otel_logs",
                [log("long ago", ingested=now - 100 * SECOND), log("lately", ingested=now - 20 * SECOND)],
            )
            watcher = await here.follow("/api/v1/tail?since=30s")
            return await watcher.names(1, body)

    assert asyncio.run(scene()) == ["lately"]


def test_who_comes_back_too_late_is_told_and_fetches_the_rest(tables):
    async def scene():
        async with house(tables, history_s=30) as here:
            begin = time.time_ns() - 300 * SECOND
            old = [log(f"old {number}", ingested=begin + number * SECOND) for number in range(3)]
            put(tables, "otel_logs", [*old, log("old, of another", ingested=begin + SECOND, ServiceName="other")])
            watcher = await here.follow("/api/v1/tail?service=shop&since=280s")
            late = await asyncio.wait_for(watcher.block(), PATIENCE)
            put(tables, "otel_logs", [log("new")])
            rest = await watcher.names(1, body)
            watcher = await here.watch(late.json["fetch"].replace("280s", "300s"))
            return late, rest, await watcher.body(), await earlier(here, begin)

    async def earlier(here, begin):
        """Over the whole window, one row at a time."""
        found, after = [], str(begin - 1)
        for _ in range(5):
            watcher = await here.watch(f"/api/v1/tail/missed?signal=logs&after={after}&service=shop&limit=1&until=60s")
            answer = await watcher.body()
            found += [body(row) for row in answer["rows"]]
            after = answer["through"]
            if not answer["more"]:
                return found
        return [*found, "and no end"]

    late, rest, fetched, paged = asyncio.run(scene())
    assert late.event == "gap"
    assert late.json["reason"] == "late"
    assert late.json["from"] < late.json["to"]
    assert late.json["rows"] is None
    assert rest == ["new"]
    assert fetched["rows"] == []  # all of them are older than 280 seconds
    assert not fetched["more"]
    assert paged == ["old 0", "old 1", "old 2"]


def test_a_place_that_nobody_gave_is_told_and_the_stream_begins_now(tables):
    async def scene():
        async with house(tables) as here:
            watcher = await here.watch("/api/v1/tail", Last_Event_ID="4711")
            gap = await asyncio.wait_for(watcher.block(), PATIENCE)
            await here.until(lambda: here.figure("queries", feed="logs") >= 2)
            put(tables, "otel_logs", [log("new")])
            return gap, await watcher.names(1, body)

    gap, rest = asyncio.run(scene())
    assert (gap.event, gap.json["reason"], gap.json["from"], gap.json["fetch"]) == ("gap", "unreadable", None, None)
    assert rest == ["new"]


@pytest.mark.parametrize(
    ("path", "status", "code", "field"),
    [
        ("/api/v1/tail?signal=metrics", 400, "bad_parameter", "signal"),
        ("/api/v1/tail?servce=shop", 400, "unknown_parameter", "servce"),
        ("/api/v1/tail?since=yesterday", 400, "bad_parameter", "since"),
        ("/notifications/?service=shop", 400, "unknown_parameter", "service"),
        ("/notifications/?signal=logs", 400, "unknown_parameter", "signal"),
        ("/api/v1/tail/missed?signal=logs", 400, "bad_parameter", "after"),
        ("/api/v1/tail/missed?after=1m&limit=0", 400, "bad_parameter", "limit"),
        ("/api/v1/tail/missed?after=1m&kind=Pod", 400, "unknown_parameter", "kind"),
    ],
)
def test_what_makes_no_sense_is_refused_in_the_words_of_the_house(embedded_store, path, status, code, field):
    async def scene():
        async with house(embedded_store) as here:
            watcher = await here.watch(path)
            return watcher.status, (await watcher.body())["error"]

    answered, error = asyncio.run(scene())
    assert answered == status
    assert (error["code"], error["field"]) == (code, field)
    assert error["mend"]


def test_events_can_be_tailed_as_well(tables):
    async def scene():
        async with house(tables) as here:
            watcher = await here.follow("/api/v1/tail?signal=events&kind=Pod")
            put(tables, "otel_k8s_events", [event("job", Kind="Job"), event("pod", CompositionId="c-1")])
            return await asyncio.wait_for(watcher.block(), PATIENCE)

    message = asyncio.run(scene())
    assert (message.event, message.json["metadata"]["name"]) == ("message", "pod")
