"""Whatever a sender does with its connection to the OTLP/HTTP door, it holds neither memory nor places for long."""

import contextlib
import http.client
import socket
from collections.abc import Iterator

import pytest
from door_harness import MEBIBYTE, PATIENCE, Opened, opened

from ingest import connections
from ingest.http_door import HttpDoor
from ingest.intake import Accepted
from ingest.settings import HttpSettings, IngestSettings

REQUEST = b"POST /v1/logs HTTP/1.1\r\nhost: test\r\ncontent-type: application/x-protobuf\r\ncontent-length: 1\r\n\r\nx"


def settings(**values: object) -> IngestSettings:
    return IngestSettings(
        http=HttpSettings(port=0, **values), max_request_bytes=2 * MEBIBYTE, memory_bytes=16 * MEBIBYTE
    )


class Line:
    """One connection."""

    def __init__(self, house: Opened, address: str = "127.0.0.1") -> None:
        self.socket = socket.create_connection(("127.0.0.1", house.port), PATIENCE, (address, 0))

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def answer(self) -> http.client.HTTPResponse:
        """Read one answer to its end."""
        response = http.client.HTTPResponse(self.socket)
        response.begin()
        response.read()
        return response

    def post(self) -> http.client.HTTPResponse:
        """Send one request, and read its answer."""
        self.socket.sendall(REQUEST)
        return self.answer()

    def has_ended(self) -> bool:
        """Wait for the end of the connection."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionError:
            return True


@pytest.fixture
def three() -> Iterator[Opened]:
    with opened(HttpDoor, settings(max_connections=3)) as house:
        yield house


def test_a_newcomer_takes_the_place_of_the_longest_idle(three):
    with Line(three) as first, Line(three) as second, Line(three) as third:
        assert [line.post().status for line in (second, first, third)] == [200] * 3
        with Line(three) as fourth:
            assert fourth.post().status == 200
            assert second.has_ended()
            assert [line.post().status for line in (first, third, fourth)] == [200] * 3


def test_those_who_only_connect_drive_out_each_other(three):
    with Line(three) as working:
        three.intake.released.clear()
        working.socket.sendall(REQUEST)
        three.intake.next()
        silent = [Line(three) for _ in range(5)]
        for line in silent[:3]:
            assert line.has_ended()
        half = Line(three)
        half.socket.sendall(REQUEST[:20])
        three.intake.released.set()
        assert working.answer().status == 200
        for line in (*silent, half):
            line.socket.close()


def test_when_all_are_at_work_a_newcomer_is_told_to_come_again(three):
    three.intake.released.clear()
    lines = [Line(three) for _ in range(3)]
    for line in lines:
        line.socket.sendall(REQUEST)
        three.intake.next()
    with Line(three) as fourth:
        refused = fourth.answer()
        assert (refused.status, refused.headers["retry-after"], refused.headers["connection"]) == (503, "1", "close")
        assert fourth.has_ended()
    three.intake.released.set()
    for line in lines:
        assert line.answer().status == 200
        line.socket.close()
    with Line(three) as another:
        assert another.post().status == 200


def test_one_address_drives_out_only_its_own_connections():
    with (
        opened(HttpDoor, settings(max_connections_per_address=2)) as house,
        Line(house) as polite,
        Line(house, "127.0.0.2") as first,
        Line(house, "127.0.0.2") as second,
    ):
        assert [line.post().status for line in (polite, first, second)] == [200] * 3
        with Line(house, "127.0.0.2") as third:
            assert third.post().status == 200
            assert first.has_ended()
            assert [line.post().status for line in (polite, second, third)] == [200] * 3


def test_an_old_connection_is_closed_with_its_next_answer_and_loses_no_request(monkeypatch):
    monkeypatch.setattr(connections, "_AGE_SPREAD", 0.0)
    with opened(HttpDoor, settings(max_connection_age_s=0.001)) as house, Line(house) as line:
        answers = [line.post()]
        while answers[-1].headers["connection"] is None:
            answers.append(line.post())
        assert {answer.status for answer in answers} == {200}
        assert answers[-1].headers["connection"] == "close"
        assert line.has_ended()


def test_a_young_connection_stays():
    with opened(HttpDoor, settings()) as house, Line(house) as line:
        assert [line.post().headers["connection"] for _ in range(3)] == [None] * 3


def test_answers_that_nobody_reads_are_held_up_to_a_bound_and_cut_off_in_the_end():
    with opened(HttpDoor, settings(write_timeout_s=0.4)) as house, Line(house) as line:
        house.intake.answer = Accepted(rejected=1, message="x" * 500_000)
        house.intake.requests.put = lambda _received: None
        with pytest.raises(ConnectionError):
            flood(line)
        with Line(house) as other:
            assert other.post().status == 200


def flood(line: Line) -> None:
    """Ask and ask without ever reading; bounded by the patience of the socket."""
    while True:
        line.socket.sendall(REQUEST * 10)


def test_an_answer_that_nobody_reads_does_not_keep_a_closing_connection():
    closing = REQUEST.replace(b"host: test", b"host: test\r\nconnection: close")
    with opened(HttpDoor, settings(write_timeout_s=0.2)) as house:
        line = socket.socket()
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.settimeout(PATIENCE)
        line.connect(("127.0.0.1", house.port))
        house.intake.answer = Accepted(rejected=1, message="x" * 4_000_000)
        line.sendall(closing)
        house.intake.next()
        wait_until_gone(house)
        assert len(read_to_end(line)) < 4_000_000
        line.close()


def read_to_end(line: socket.socket) -> bytes:
    received = b""
    with contextlib.suppress(ConnectionError):
        while more := line.recv(65536):
            received += more
    return received


def wait_until_gone(house: Opened) -> None:
    """Wait until no connection is in the house's table."""
    for _ in range(10_000):
        if not len(house.door._connections):
            return
        house.intake.cancelled.wait(0.002)
    pytest.fail("the connection is still there")
