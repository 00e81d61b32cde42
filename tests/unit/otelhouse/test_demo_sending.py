"""The demo tells the truth about what it sent, over both transports, against the real OTLP doors."""

import asyncio
import socket
import threading
from contextlib import contextmanager

import pytest
from click.testing import CliRunner
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from prometheus_client import CollectorRegistry

from ingest.counters import Counters
from ingest.errors import MalformedError
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
            raise MalformedError(message)
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


def points(body):
    """How many data points are in an export request."""
    request = ExportMetricsServiceRequest.FromString(bytes(body))
    return sum(
        len(getattr(metric, metric.WhichOneof("data")).data_points)
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    )


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


@pytest.mark.parametrize("protocol", DOORS)
def test_no_data_point_that_is_counted_stays_behind_in_the_encoder(protocol):
    inbox = Inbox()
    with listening(protocol, inbox) as address:
        result = demo("--protocol", protocol, "--endpoint", address)

    bodies = [body for signal, body in inbox.bodies if signal is Signal.METRICS]
    arrived = sum(points(body) for body in bodies)
    assert arrived > 500
    assert f"data points  {arrived:>6,} sent {arrived:>8,} acknowledged" in result.output


@pytest.mark.parametrize(
    ("door", "protocol", "hint"),
    [("http", "grpc", "is OTLP/HTTP: add --protocol http"), ("grpc", "http", "is OTLP/gRPC: add --protocol grpc")],
)
def test_the_other_transports_port_is_told_at_once_with_the_mend(door, protocol, hint):
    inbox = Inbox()
    with listening(door, inbox) as address:
        port = address.rpartition(":")[2]
        result = demo("--protocol", protocol, "--endpoint", address, "--set", f"ingest.{door}.port={port}")

    assert result.exit_code == 1
    assert f"{port} {hint}" in result.stderr
    assert not inbox.bodies


def test_what_a_silent_server_speaks_is_not_guessed():
    with socket.create_server(("127.0.0.1", 0)) as server:
        asked = []

        def hang_up():
            connection, _ = server.accept()
            with connection:
                asked.append(connection.recv(100))

        thread = threading.Thread(target=hang_up)
        thread.start()
        assert sending.spoken(f"http://127.0.0.1:{server.getsockname()[1]}") is None
        thread.join(10)
    assert asked


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
