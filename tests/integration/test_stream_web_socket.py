"""`WebSocket /notifications/ws`: the same messages, places to go on from, and close codes that say why."""

import asyncio
import json

import pytest
from stream_world import PATIENCE, event, house, make_tables, put
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from identity.errors import UnauthenticatedError
from identity.reader import Reader, Role, Scope
from query.doorkeeping import Doorkeeping


@pytest.fixture
def tables(embedded_store):
    make_tables(embedded_store)
    return embedded_store


def socket(here, path="", **more):
    return connect(f"ws://127.0.0.1:{here.port}/notifications/ws{path}", **more)


async def said(client):
    return json.loads(await asyncio.wait_for(client.recv(), PATIENCE))


async def greeted(client):
    """Its place at the beginning."""
    message = await said(client)
    assert message["event"] == "connected"
    return message["id"] or (await said(client))["id"]


def test_messages_are_those_of_the_event_stream(tables):
    async def scene():
        async with house(tables) as here, socket(here) as client:
            watcher = await here.follow()
            await greeted(client)
            put(tables, "otel_k8s_events", [event("1", CompositionId="c-1")])
            both = [await said(client), await said(client)]
            streamed = [await asyncio.wait_for(watcher.block(), PATIENCE) for _ in range(2)]
            return both, streamed

    both, streamed = asyncio.run(scene())
    assert [(one["event"], one["data"]) for one in both] == [(one.event, one.json) for one in streamed]
    assert [one["id"] for one in both] == [one.id for one in streamed]


def test_it_goes_on_from_a_place_that_an_event_stream_gave(tables):
    async def scene():
        async with house(tables) as here:
            watcher = await here.follow()
            place = watcher.cut()
            put(tables, "otel_k8s_events", [event("1")])
            async with socket(here, f"?last_event_id={place}") as client:
                assert await greeted(client)
                return (await said(client))["data"]["metadata"]["name"]

    assert asyncio.run(scene()) == "1"


def test_pings_are_answered_and_what_clients_say_is_ignored(tables):
    async def scene():
        async with house(tables) as here, socket(here, "?composition_id=c-1") as client:
            await greeted(client)
            await client.send("hello")
            await asyncio.wait_for(await client.ping(), PATIENCE)
            put(tables, "otel_k8s_events", [event("0"), event("1", CompositionId="c-1")])
            return (await said(client))["event"]

    assert asyncio.run(scene()) == "c-1"


@pytest.mark.parametrize(
    ("path", "code", "word"),
    [
        ("?servce=x", 4400, "unknown_parameter"),
        ("?since=never", 4400, "bad_parameter"),
        ("?namespace=other", 4403, "denied"),
    ],
)
def test_a_refusal_is_said_in_words_and_in_a_close_code(tables, path, code, word):
    gate = Gate(good=Reader("anna", Role.VIEWER, Scope(namespaces=("shop",))))

    async def scene():
        async with house(tables, Doorkeeping(gate)) as here, socket(here, f"{path}&access_token=good") as client:
            message = await said(client)
            with pytest.raises(ConnectionClosed) as closed:
                await client.recv()
            return message, closed.value.rcvd

    message, closed = asyncio.run(scene())
    assert (message["event"], message["data"]["code"]) == ("error", word)
    assert message["data"]["mend"]
    assert (closed.code, closed.reason) == (code, word)


class Gate:
    def __init__(self, **readers):
        self.readers = readers

    async def admit(self, credential, peer):
        if credential not in self.readers:
            raise UnauthenticatedError("no valid token")
        return self.readers[credential]


def test_who_has_no_token_is_not_let_in_and_who_loses_it_is_put_out(tables):
    gate = Gate(good=Reader("anna", Role.VIEWER))

    async def scene():
        async with house(tables, Doorkeeping(gate), recheck_s=0.05) as here:
            with pytest.raises(InvalidStatus) as refused:
                await socket(here, "?token=bad")
            async with socket(here, additional_headers={"Authorization": "Bearer good"}) as client:
                await greeted(client)
                gate.readers.clear()
                await asyncio.wait_for(client.wait_closed(), PATIENCE)
                return refused.value.response.status_code, client.close_code

    assert asyncio.run(scene()) == (401, 4401)


def test_when_the_house_closes_clients_are_told_to_come_back(tables):
    async def scene():
        async with house(tables) as here, socket(here) as client:
            await greeted(client)
            await here.streams.close()
            bye = await said(client)
            with pytest.raises(ConnectionClosed) as closed:
                await client.recv()
            return bye, closed.value.rcvd.code

    bye, code = asyncio.run(scene())
    assert bye["event"] == "bye"
    assert bye["data"]["retry_ms"] >= 2000
    assert code == 1012


def test_a_client_that_leaves_is_forgotten(tables):
    async def scene():
        async with house(tables) as here:
            async with socket(here) as client:
                await greeted(client)
            await here.until(lambda: here.figure("viewers", feed="events") == 0)
            return here.figure("ended", feed="events", reason="gone")

    assert asyncio.run(scene()) == 1
