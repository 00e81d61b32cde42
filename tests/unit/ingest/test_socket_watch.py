"""The connections of a port are found, and those that are too many are shut down."""

import contextlib
import socket
import sys
from collections.abc import Iterator

import pytest

from ingest.socket_watch import Connection, SocketWatch, connections_of, too_many

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/self")
PATIENCE = 10.0


def silent(*milliseconds: int, address: str = "a") -> list[Connection]:
    return [Connection(None, address, 0, one) for one in milliseconds]


def test_the_longest_silent_of_too_many_have_to_go():
    assert {one.silent for one in too_many(silent(30, 10, 40, 20), 2, 10)} == {30, 40}


def test_an_address_with_too_many_loses_its_own_and_no_others():
    found = silent(10, 20, 30) + silent(1000, address="b")
    assert [(one.address, one.silent) for one in too_many(found, 10, 2)] == [("a", 30)]


def test_what_one_address_may_not_have_leaves_room_for_others():
    found = silent(1, 2, 3, 4, 5) + silent(1000, address="b")
    assert {one.silent for one in too_many(found, 3, 2)} == {3, 4, 5}


class Port:
    """A port with connections to it, both ends in this process."""

    def __init__(self, held: contextlib.ExitStack) -> None:
        self._held = held
        self._listener = held.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.number = self._listener.getsockname()[1]

    def connect(self, address: str = "127.0.0.1") -> socket.socket:
        outside = self._held.enter_context(socket.create_connection(("127.0.0.1", self.number), PATIENCE, (address, 0)))
        self._held.enter_context(self._listener.accept()[0])
        return outside


@pytest.fixture
def port() -> Iterator[Port]:
    with contextlib.ExitStack() as held:
        yield Port(held)


def is_open(outside: socket.socket) -> bool:
    outside.setblocking(False)
    try:
        return outside.recv(1) != b""
    except BlockingIOError:
        return True


@linux
def test_the_accepted_connections_of_a_port_are_found_with_their_peers(port):
    ours = {port.connect().getsockname(), port.connect("127.0.0.2").getsockname()}
    with contextlib.ExitStack() as held:
        assert {(one.address, one.port) for one in connections_of(port.number, held)} == ours


@linux
def test_one_address_keeps_as_many_connections_as_it_may_have(port):
    flood = [port.connect("127.0.0.2") for _ in range(5)]
    polite = port.connect()
    assert SocketWatch(port.number, 100, 2).look() == 3
    assert sum(map(is_open, flood)) == 2
    assert is_open(polite)


@linux
def test_who_has_to_go_for_another_reason_goes(port):
    late, other = port.connect(), port.connect()
    assert SocketWatch(port.number, 100, 100).look([late.getsockname()]) == 1
    assert (is_open(late), is_open(other)) == (False, True)


@linux
def test_within_the_bounds_nothing_is_closed(port):
    lines = [port.connect() for _ in range(3)]
    assert SocketWatch(port.number, 3, 3).look() == 0
    assert all(map(is_open, lines))
