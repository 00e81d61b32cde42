"""A real browser watches the cluster: its EventSource is cut off over and over, the house dies and comes back on the
same data, and the page has every event once.

Needs Chromium; where it is not installed, it is fetched with apt. Without it these tests are skipped, and say so; with
OTELHOUSE_TESTS_NO_SKIP=1 they fail instead.
"""

import asyncio
import json
import os
import signal
import time
import urllib.request
from contextlib import asynccontextmanager

import pytest
from otlp_requests import event_request_json
from running_house import House

from bench import chromium
from bench.unavailable import UnavailableError

PATIENCE = 60.0
CUTS = 8
IN_EACH = 5
WATCH = """
window.got = []; window.opened = 0; window.gaps = [];
window.source = new EventSource("/notifications/");
source.onopen = () => { window.opened += 1; };
source.addEventListener("gap", event => gaps.push(event.data));
source.addEventListener("krateo", event => got.push([performance.timeOrigin + performance.now(), event.data]));
new Promise(done => source.addEventListener("open", done, {once: true})).then(() => true)
"""
SOCKET = """
window.said = [];
window.socket = new WebSocket(`ws://${location.host}/notifications/ws`);
socket.onmessage = event => said.push(JSON.parse(event.data));
new Promise((done, failed) => { socket.onopen = () => done(true); socket.onerror = failed; })
"""


@pytest.fixture(scope="module")
def browser():
    try:
        return chromium.find()
    except UnavailableError as why:
        if os.environ.get("OTELHOUSE_TESTS_NO_SKIP") == "1":
            pytest.fail(str(why), pytrace=False)
        return pytest.skip(f"NOT TESTED IN A BROWSER: {why}")


class Wire:
    """A TCP proxy between the browser and whichever house there is, which can be cut."""

    def __init__(self):
        self.target = 0
        self.port = 0
        self._open = set()

    @asynccontextmanager
    async def listening(self):
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.cut()

    def cut(self):
        for writer in self._open:
            writer.transport.abort()

    async def _connected(self, reader, writer):
        try:
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:  # no house there
            writer.transport.abort()
            return
        mine = {writer, inner_writer}
        self._open |= mine
        await asyncio.gather(self._carry(reader, inner_writer), self._carry(inner_reader, writer))
        self._open -= mine

    async def _carry(self, reader, writer):
        try:
            while part := await reader.read(65_536):
                writer.write(part)
        except OSError:
            pass
        finally:
            writer.transport.abort()


class Cluster:
    """Sends events to a house as a collector does, and remembers them."""

    def __init__(self):
        self.sent = {}

    async def happens(self, house, number=IN_EACH):
        for _ in range(number):
            name = f"pod-{len(self.sent)}"
            self.sent[name] = time.time()
            await asyncio.to_thread(self._send, house, name)

    def _send(self, house, name):
        url = house.address("OTLP/HTTP") + "/v1/logs"
        headers = {"content-type": "application/json"}
        with urllib.request.urlopen(
            urllib.request.Request(url, event_request_json(name), headers), timeout=PATIENCE
        ) as said:
            assert said.status == 200


async def until(page, script):
    """Wait until JavaScript says so."""
    async with asyncio.timeout(PATIENCE):
        while not await page.run(script):  # noqa: ASYNC110 - it is in another process
            await asyncio.sleep(0.02)


def begin(folder):
    data = f"--data={folder / 'data'}"
    return House(folder, data, "--set=streams.retry_ms=200", "--set=streams.keepalive_s=1").up()


async def watched(browser, folder):
    """Cut the browser off, kill the house under it, and see what it has in the end."""
    cluster = Cluster()
    house = begin(folder)
    try:
        async with Wire().listening() as wire:
            wire.target = house.ports["REST"]
            async with chromium.opened(f"http://127.0.0.1:{wire.port}/livez", browser) as page:
                await until(page, "document.readyState === 'complete' && location.protocol === 'http:'")
                await page.run(WATCH)
                await cluster.happens(house)
                await until(page, f"got.length >= {IN_EACH}")
                for _ in range(CUTS):
                    wire.cut()
                    await cluster.happens(house)
                await until(page, f"got.length >= {len(cluster.sent)}")
                house.end(signal.SIGKILL)
                wire.cut()
                house = begin(folder)  # another process, which knows nothing but the tables
                await cluster.happens(house)
                wire.target = house.ports["REST"]
                await until(page, f"got.length >= {len(cluster.sent)}")
                await cluster.happens(house)
                await until(page, f"got.length >= {len(cluster.sent)}")
                return cluster.sent, await page.run("({got, opened, gaps})")
    finally:
        house.end()


def test_a_browser_that_is_cut_off_over_and_over_has_every_event_once(browser, tmp_path):
    sent, page = asyncio.run(watched(browser, tmp_path))
    names = [json.loads(data)["metadata"]["name"] for _, data in page["got"]]
    assert sorted(names) == sorted(sent)
    assert page["gaps"] == []
    assert page["opened"] > 2
    # The first ones came over a stream that was open.
    first = [moment / 1000 - sent[name] for (moment, _), name in zip(page["got"], names, strict=True)][:IN_EACH]
    assert max(first) < 10


async def socket_watched(browser, folder):
    cluster = Cluster()
    house = begin(folder)
    try:
        async with chromium.opened(house.address("REST") + "/livez", browser) as page:
            await until(page, "document.readyState === 'complete' && location.protocol === 'http:'")
            await page.run(SOCKET)
            await until(page, "said.some(one => one.id)")
            await cluster.happens(house)
            await until(page, f"said.filter(one => one.event === 'krateo').length >= {IN_EACH}")
            return cluster.sent, await page.run("said")
    finally:
        house.end()


def test_a_browser_gets_the_same_over_a_web_socket(browser, tmp_path):
    sent, said = asyncio.run(socket_watched(browser, tmp_path))
    assert said[0]["event"] == "connected"
    assert [one["data"]["metadata"]["name"] for one in said if one["event"] == "krateo"] == list(sent)
    assert all(one["id"] for one in said if one["event"] == "krateo")
