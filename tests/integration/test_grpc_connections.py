"""Whatever a sender does with its connection to the OTLP/gRPC door, it holds neither memory nor places for long."""

import socket
import struct
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
import raw_http2
from door_harness import MEBIBYTE, PATIENCE, Opened, opened
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs.export import LogRecordExportResult
from raw_http2 import Connection

from identity import tls_settings
from ingest import grpc_credentials, socket_watch
from ingest.grpc_door import GrpcDoor
from ingest.settings import GrpcSettings, IngestSettings

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/self")
TOO_MANY_PINGS = b"too_many_pings"


def settings(read_timeout_s: float = 30.0, **values: object) -> IngestSettings:
    return IngestSettings(
        grpc=GrpcSettings(port=0, **values),
        max_request_bytes=2 * MEBIBYTE,
        memory_bytes=16 * MEBIBYTE,
        read_timeout_s=read_timeout_s,
    )


def connected(house: Opened) -> Connection:
    return Connection(house.port, PATIENCE)


def export(house: Opened) -> bytes:
    with grpc.insecure_channel(f"127.0.0.1:{house.port}", [("grpc.use_local_subchannel_pool", 1)]) as channel:
        return channel.unary_unary(raw_http2.LOGS.decode())(b"x", timeout=PATIENCE)


@pytest.fixture
def _looks_often(monkeypatch):
    monkeypatch.setattr(socket_watch, "INTERVAL", 0.02)


def test_a_connection_carries_no_more_requests_at_once_than_it_may():
    with opened(GrpcDoor, settings(max_streams_per_connection=3)) as house, connected(house) as line:
        offered = line.until(raw_http2.SETTINGS).payload
        assert struct.pack(">HI", raw_http2.MAX_CONCURRENT_STREAMS, 3) in offered
        line.send(raw_http2.SETTINGS, raw_http2.ACK)
        house.intake.released.clear()
        for stream in (1, 3, 5, 7):
            line.call(stream, b"x")
        refused = line.until(raw_http2.RST_STREAM)
        assert (refused.stream, refused.payload) == (7, b"\x00\x00\x00\x07"), "REFUSED_STREAM: safe to send again"
        house.intake.released.set()


def pinging(house: Opened, milliseconds: int) -> grpc.Channel:
    options = [
        ("grpc.keepalive_time_ms", milliseconds),
        ("grpc.keepalive_timeout_ms", 5000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.use_local_subchannel_pool", 1),
    ]
    return grpc.insecure_channel(f"127.0.0.1:{house.port}", options)


@pytest.fixture
def left() -> Iterator[threading.Event]:
    """Set once a channel that was connected no longer is."""
    return threading.Event()


def watch(channel: grpc.Channel, left: threading.Event) -> None:
    ready = threading.Event()

    def changed(state: grpc.ChannelConnectivity) -> None:
        if state is grpc.ChannelConnectivity.READY:
            ready.set()
        elif ready.is_set():
            left.set()

    channel.subscribe(changed, try_to_connect=True)
    assert ready.wait(PATIENCE)


def test_an_idle_sender_that_pings_as_often_as_it_may_is_left_in_peace(left):
    # 10 seconds and 30 seconds, scaled down: what SDKs use, and what the house allows by default.
    with opened(GrpcDoor, settings(min_ping_interval_s=0.1)) as house, pinging(house, 300) as channel:
        watch(channel, left)
        assert not left.wait(2.0), "cut off after some 6 pings"
        assert channel.unary_unary(raw_http2.LOGS.decode())(b"x", timeout=PATIENCE) == b""


def test_a_sender_that_pings_too_often_is_sent_away_and_may_come_again(left):
    with opened(GrpcDoor, settings(min_ping_interval_s=600)) as house, pinging(house, 50) as channel:
        watch(channel, left)
        assert left.wait(PATIENCE)
        assert channel.unary_unary(raw_http2.LOGS.decode())(b"x", timeout=PATIENCE, wait_for_ready=True) == b""


def test_a_sender_that_is_sent_away_for_its_pings_is_told_so():
    with opened(GrpcDoor, settings()) as house, connected(house) as line:
        line.socket.sendall(raw_http2.frame(raw_http2.PING, payload=bytes(8)) * 5)
        frames = line.read_to_end()
    assert any(frame.kind == raw_http2.GOAWAY and TOO_MANY_PINGS in frame.payload for frame in frames)


def test_the_real_exporter_with_keepalive_sends_over_the_same_connection_after_a_silence(left):
    with opened(GrpcDoor, settings(min_ping_interval_s=0.1)) as house:
        options = (("grpc.keepalive_time_ms", 300), ("grpc.keepalive_permit_without_calls", 1))
        exporter = OTLPLogExporter(f"127.0.0.1:{house.port}", insecure=True, channel_options=options)
        watch(exporter._channel, left)
        assert exporter.export([]) is LogRecordExportResult.SUCCESS
        assert not left.wait(1.0)
        assert exporter.export([]) is LogRecordExportResult.SUCCESS
        exporter.shutdown()


def test_a_connection_that_says_nothing_is_closed(monkeypatch):
    assert dict(grpc_credentials.HANDSHAKE_OPTIONS)["grpc.server_handshake_timeout_ms"] == 10_000
    assert tls_settings.HANDSHAKE_SECONDS == 10.0
    monkeypatch.setattr(grpc_credentials, "HANDSHAKE_OPTIONS", [("grpc.server_handshake_timeout_ms", 100)])
    with opened(GrpcDoor, settings()) as house:
        for beginning in (b"", raw_http2.PREFACE[:10]):
            with socket.create_connection(("127.0.0.1", house.port), PATIENCE) as line:
                line.sendall(beginning)
                while line.recv(4096):
                    pass


def test_headers_that_never_end_are_cut_off_with_the_idle():
    with opened(GrpcDoor, settings(max_connection_idle_s=1)) as house, connected(house) as line:
        line.send(raw_http2.SETTINGS, raw_http2.ACK)
        line.send(raw_http2.HEADERS, 0, 1, raw_http2.block()[:20])
        frames = line.read_to_end()
        assert any(frame.kind == raw_http2.GOAWAY for frame in frames)
        assert house.intake.requests.empty()


@linux
def test_headers_without_bound_hold_no_memory_and_keep_nobody_waiting():
    field = b"\x00\x01x\x7f\x81\x7d" + b"y" * 16_128
    with opened(GrpcDoor, settings()) as house, connected(house) as line:
        assert export(house) == b""
        before = resident()
        line.send(raw_http2.HEADERS, 0, 1, raw_http2.block())
        for _ in range(256 * 64):
            line.send(raw_http2.CONTINUATION, 0, 1, field)
        assert resident() - before < 128 * MEBIBYTE, "256 were sent"
        assert export(house) == b""
        assert house.intake.requests.qsize() == 2


def resident() -> int:
    """Bytes of this process in memory."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * int(status.partition("VmRSS:")[2].split()[0])


def test_a_message_that_dribbles_in_is_told_to_come_again_and_holds_no_memory():
    with opened(GrpcDoor, settings(read_timeout_s=0.2)) as house, connected(house) as line:
        line.send(raw_http2.SETTINGS, raw_http2.ACK)
        line.send(raw_http2.HEADERS, raw_http2.END_HEADERS, 1, raw_http2.block())
        line.send(raw_http2.DATA, 0, 1, raw_http2.message(b"dribble", MEBIBYTE))
        answer = line.until(raw_http2.HEADERS, raw_http2.ACK)
        assert b"grpc-status\x0214" in answer.payload, "UNAVAILABLE"
        assert house.budget.used == 0
        assert house.intake.requests.empty()


@linux
@pytest.mark.usefixtures("_looks_often")
def test_a_sender_that_takes_no_answers_is_cut_off():
    nothing = struct.pack(">HI", raw_http2.INITIAL_WINDOW_SIZE, 0)
    with (
        opened(GrpcDoor, settings(write_timeout_s=0.2)) as house,
        Connection(house.port, PATIENCE, nothing) as line,
    ):
        for stream in (1, 3, 5):
            line.call(stream, b"x")
        answered = [frame for frame in line.read_to_end() if frame.kind == raw_http2.HEADERS]
        assert {frame.stream for frame in answered} == {1, 3, 5}
        assert not any(frame.flags & raw_http2.END_STREAM for frame in answered)
        assert export(house) == b""


def test_a_sender_that_reads_nothing_at_all_is_cut_off_by_keepalive():
    bounds = settings(keepalive_time_s=1, keepalive_timeout_s=1)
    with opened(GrpcDoor, bounds) as house, connected(house) as line:
        line.call(1, b"x")
        line.until(raw_http2.PING)  # as far as the house can see, it is never read
        assert any(b"ping_timeout" in frame.payload for frame in line.read_to_end())


@linux
@pytest.mark.usefixtures("_looks_often")
def test_an_address_with_too_many_connections_loses_its_longest_silent_ones():
    with opened(GrpcDoor, settings(max_connections_per_address=2)) as house:
        lines = []
        for _ in range(4):
            lines.append(connected(house))
            lines[-1].until(raw_http2.SETTINGS)
        ended = [line for line in lines if not is_open(line)]
        assert len(ended) == 2
        assert export(house) == b""
        for line in lines:
            line.socket.close()


@linux
@pytest.mark.usefixtures("_looks_often")
def test_a_newcomer_finds_room_beside_as_many_idle_connections_as_there_may_be():
    with opened(GrpcDoor, settings(max_connections=3)) as house:
        lines = [connected(house) for _ in range(8)]
        assert export(house) == b""
        assert sum(map(is_open, lines)) <= 3
        for line in lines:
            line.socket.close()


def is_open(line: Connection) -> bool:
    """Whether it is still open in a while, which no house that closes it would need."""
    line.socket.settimeout(0.3)
    try:
        line.read_to_end()
    except TimeoutError:
        return True
    return False
