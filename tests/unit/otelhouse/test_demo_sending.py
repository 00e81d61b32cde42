"""The demo tells the truth about what it sent, over both transports, against the real OTLP doors."""

import asyncio
import socket
import threading
from contextlib import contextmanager

import pytest
from click.testing import CliRunner
from prometheus_client import CollectorRegistry

from ingest.counters import Counters
from ingest.errors import NotStorableError
from ingest.grpc_door import GrpcDoor
from ingest.http_door import HttpDoor
from ingest.intake import Accepted
from ingest.memory import Budget
from ingest.settings import GrpcSettings, HttpSettings, IngestSettings
from otelhouse.__main__ import cli
from otelhouse.demo import sending
from otelhouse.invocation import Surroundings
from sql.signals import Signal

DOORS = {"grpc": GrpcDoor, "http": HttpDoor}


class Inbox:
    """An intake that keeps what it accepts, and refuses signals it is told to refuse."""

    def __init__(self, refused=()):
        self.refused = refused
        self.bodies = []

    async def accept(self, signal, body, encoding, sender):
        if signal in self.refused:
            message = f"no {signal} today"
            raise NotStorableError(message)
        self.bodies.append((signal, body))
        return Accepted()


@contextmanager
def listening(protocol, inbox):
    """One OTLP door in front of `inbox`, on a thread of its own; gives its address."""
    settings = IngestSettings(grpc=GrpcSettings(port=0), http=HttpSettings(port=0))
    ports, stop, loop = [], asyncio.Event(), asyncio.new_event_loop()
    ready = threading.Event()

    async def serve():
        door = DOORS[protocol](settings, inbox, Budget(settings.memory_bytes), Counters(CollectorRegistry()))
        ports.append(await door.start())
        ready.set()
        await stop.wait()
        await door.stop(1)

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert ready.wait(10)
        yield f"http://127.0.0.1:{ports[0]}"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()


def demo(*arguments):
    return CliRunner().invoke(cli, ["demo", *arguments], obj=Surroundings())


@pytest.mark.parametrize("protocol", DOORS)
def test_all_three_signals_arrive_and_are_acknowledged(protocol):
    inbox = Inbox()
    with listening(protocol, inbox) as address:
        result = demo("--protocol", protocol, "--endpoint", address)

    assert result.exit_code == 0, result.output
    assert {signal for signal, _ in inbox.bodies} == set(Signal)
    for line in result.output.splitlines()[1:4]:
        numbers = [word for word in line.split() if word[0].isdigit()]
        assert numbers[0] == numbers[1], line
    assert "query slow_traces" in result.output


@pytest.mark.parametrize("protocol", DOORS)
def test_a_refusal_is_told_with_its_reason_and_ends_with_exit_code_1(protocol):
    with listening(protocol, Inbox(refused={Signal.LOGS})) as address:
        result = demo("--protocol", protocol, "--endpoint", address)

    assert result.exit_code == 1
    assert "0 acknowledged" in result.output
    assert "not everything was acknowledged" in result.stderr
    assert "log records:" in result.stderr
    assert "spans:" not in result.stderr


def test_when_nobody_listens_it_says_so_at_once_and_how_to_start():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    result = demo("--endpoint", f"http://127.0.0.1:{port}")

    assert result.exit_code == 1
    assert f"nobody answers at 127.0.0.1:{port}" in result.stderr
    assert "otelhouse up" in result.stderr


@pytest.mark.parametrize("endpoint", ["127.0.0.1:4317", "http://host", "http://host:x", "grpc://host:1", ""])
def test_an_endpoint_that_is_no_address_is_refused(endpoint):
    assert "is not an address such as" in sending.refusal(endpoint)


def test_without_an_endpoint_it_sends_to_this_house_as_configured():
    inbox = Inbox()
    with listening("http", inbox) as address:
        port = address.rpartition(":")[2]
        result = demo("--protocol", "http", "--set", f"ingest.http.port={port}")

    assert result.exit_code == 0, result.output
    assert inbox.bodies
