"""A stream shows a reader exactly what the engine would: the same rows for every scope, nothing of anybody else's."""

import asyncio
import json
import time

import pytest
from scoped_world import EVENT, LEAK, PLACES, READERS, Gate, rows
from stream_world import PATIENCE, at, event, house, make_tables, put

from identity.errors import KeysUnavailableError, UnauthenticatedError
from identity.reader import Reader, Role, Scope
from query import scopes
from query.doorkeeping import Doorkeeping
from sse_proxy import rows as stream_rows
from sse_proxy import statements
from sse_proxy.asking import JSON_AS_IT_IS
from sse_proxy.feeds import FEEDS
from sse_proxy.watching import watch
from store.port import Limits, Select

STREAMS = {"/notifications/": "events"} | {f"/api/v1/tail?signal={name}": name for name in FEEDS}
KEEPING = Doorkeeping(Gate())


@pytest.fixture
def tables(store):
    make_tables(store)
    return store


def fill(store):
    """The telemetry of four places, and an event that a collector of one namespace saw in another."""
    now = at(time.time_ns())
    for place in PLACES:
        for table in ("otel_logs", "otel_traces"):
            put(store, table, [{**row, "IngestedAt": now} for row in rows(place)[table]])
    put(store, "otel_logs", [{**EVENT, "IngestedAt": now}])


def asked(store, feed, settings):
    name = f"{feed.name}_missed"
    bound = {"after": 0, "until": 2**62, "limit": 1_000, "row_bytes": 2**31}
    select = Select(statements.statement(name), bound, Limits(rows=1_000), {**JSON_AS_IT_IS, **settings})
    return list(stream_rows.read(feed, store.select(select).rows))


def by_engine(store, feed, scope):
    """What the engine gives a reader with this scope; None where it is denied."""
    if scope.signals and feed.signal not in scope.signals:
        return None
    name = f"{feed.name}_missed"
    narrowing = scopes.of_statement(name, statements.statement(name), scope)
    return sorted(row.data for row in asked(store, feed, narrowing.settings))


@pytest.mark.parametrize("feed", FEEDS.values(), ids=lambda feed: feed.name)
def test_the_process_sees_of_every_row_what_the_engine_sees(tables, feed):
    fill(tables)
    everything = asked(tables, feed, {})
    assert len(everything) >= len(PLACES)
    seen = {}
    for reader, scope in READERS.items():
        engine = by_engine(tables, feed, scope)
        if engine is None:
            continue
        match = watch(feed, {}, Reader(reader, Role.VIEWER, scope)).match()
        assert sorted(row.data for row in everything if match(row.values)) == engine, reader
        seen[reader] = len(engine)
    assert len(set(seen.values())) > 2  # some see all, some a part, some nothing


def test_every_stream_gives_every_reader_its_own_rows_or_says_denied(tables):
    async def read(watcher):
        found = []
        while (message := await asyncio.wait_for(watcher.block(), PATIENCE)) is not None:
            found.append(message)
        return found

    async def scene():
        async with house(tables, KEEPING) as here:
            open_ = {
                (path, reader): await here.watch(path, Authorization=f"Bearer {reader}")
                for path in STREAMS
                for reader in READERS
            }
            streams = {key: await one.greeted() for key, one in open_.items() if one.status == 200}
            refused = {key: (one.status, await one.body()) for key, one in open_.items() if one.status != 200}
            readings = {key: asyncio.create_task(read(one)) for key, one in streams.items()}
            await asyncio.to_thread(fill, tables)
            for name, feed in FEEDS.items():
                number = len(await asyncio.to_thread(asked, tables, feed, {}))
                await here.until(lambda name=name, number=number: here.figure("ring_rows", feed=name) >= number)
            await here.streams.close()
            return {key: await reading for key, reading in readings.items()}, refused

    got, refused = asyncio.run(scene())
    for (path, reader), messages in got.items():
        expected = by_engine(tables, FEEDS[STREAMS[path]], READERS[reader])
        once = [message for message in messages if message.event in {"krateo", "message"}]
        assert sorted(message.data for message in once) == expected, (path, reader)
        if READERS[reader].clusters == ("east",):
            assert not any(LEAK in message.data for message in messages)
    denied = {key for key, (status, body) in refused.items() if (status, body["error"]["code"]) == (403, "denied")}
    assert denied == {
        (path, reader)
        for path, name in STREAMS.items()
        for reader, scope in READERS.items()
        if by_engine(tables, FEEDS[name], scope) is None
    }
    assert len(got) + len(denied) == len(STREAMS) * len(READERS)


@pytest.mark.parametrize(
    "path",
    [
        "/notifications/?cluster=west",
        "/notifications/?namespace=kitchen&namespace=payments",
        "/api/v1/tail?signal=logs&composition_id=bank-1",
        "/api/v1/tail?signal=logs&composition=bank-1",
        "/api/v1/tail/missed?signal=spans&after=1m&cluster=west",
    ],
)
def test_a_filter_on_what_the_reader_may_not_see_is_denied(embedded_store, path):
    async def scene():
        async with house(embedded_store, KEEPING) as here:
            watcher = await here.watch(path, Authorization="Bearer by-all")
            return watcher.status, (await watcher.body())["error"]["code"]

    assert asyncio.run(scene()) == (403, "denied")


@pytest.mark.parametrize("reader", [name for name, scope in READERS.items() if scope.clusters == ("east",)])
def test_what_was_missed_is_narrowed_as_well(tables, reader):
    async def scene():
        await asyncio.to_thread(fill, tables)
        async with house(tables, KEEPING) as here:
            path = "/api/v1/tail/missed?signal=logs&after=5m"
            return await (await here.watch(path, Authorization=f"Bearer {reader}")).body()

    found = [json.dumps(row) for row in asyncio.run(scene())["rows"]]
    assert len(found) == len(by_engine(tables, FEEDS["logs"], READERS[reader]))


class ChangingGate:
    """Admits by what the token is good for at the moment."""

    def __init__(self, **readers):
        self.readers = readers
        self.asked = 0

    async def admit(self, credential, peer):
        self.asked += 1
        answer = self.readers.get(credential)
        if isinstance(answer, Exception):
            raise answer
        if answer is None:
            raise UnauthenticatedError("taken back")
        return answer


def viewer(**scope):
    return Reader("anna", Role.VIEWER, Scope(**scope))


@pytest.mark.parametrize(
    ("later", "ends"),
    [
        (None, True),
        (viewer(namespaces=("a",)), True),
        (viewer(), False),
        (KeysUnavailableError("the provider is away", retry_after=1.0), False),
    ],
)
def test_a_stream_ends_soon_after_its_token_says_something_else(embedded_store, later, ends):
    gate = ChangingGate(good=viewer(), other=viewer())
    make_tables(embedded_store)

    async def scene():
        async with house(embedded_store, Doorkeeping(gate), recheck_s=0.05) as here:
            watcher = await here.follow("/notifications/?access_token=good")
            other = await here.follow("/notifications/", Cookie="krateo-session=other")
            gate.readers["good"] = later
            asked = gate.asked
            await here.until(lambda: gate.asked >= asked + 6)
            put(embedded_store, "otel_k8s_events", [event("1")])
            assert await other.names(1) == ["1"]
            message = await asyncio.wait_for(watcher.block(), PATIENCE)
            return message is None, here.figure("ended", feed="events", reason="revoked")

    assert asyncio.run(scene()) == (ends, float(ends))


def test_one_reader_has_so_many_streams_and_others_have_theirs(embedded_store):
    gate = ChangingGate(anna=viewer(), otto=Reader("otto", Role.VIEWER))

    async def scene():
        async with house(embedded_store, Doorkeeping(gate), max_per_reader=2) as here:
            answers = [await here.watch(Authorization=f"Bearer {name}") for name in ("anna", "anna", "anna", "otto")]
            return [one.status for one in answers], (await answers[2].body())["error"]["code"]

    make_tables(embedded_store)
    assert asyncio.run(scene()) == ([200, 200, 429, 200], "too_many")
