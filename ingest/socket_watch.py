"""The TCP connections of a listening port as the kernel sees them, for a server that shows none of its own: gRPC.

In: a port of this process, how many connections one address may have, and all together, and which have to go for
another reason. Out: those, and those that are too many, the longest silent first, are shut down; to gRPC it is as if
their senders had gone, and senders come again. Looks every `INTERVAL` seconds on a thread of its own; between two looks
gRPC's own bound on all connections holds. Needs Linux's /proc; elsewhere nothing is watched, and that bound is the only
one.

A connection is looked at through a duplicate of its file descriptor, so that it cannot become another one meanwhile.
"""

import asyncio
import contextlib
import logging
import os
import socket
import stat
import struct
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

_log = logging.getLogger(__name__)

INTERVAL = 2.0
"""Seconds between two looks; one takes some 20 us a connection."""
_DESCRIPTORS = Path("/proc/self/fd")
_TCP_INFO_SIZE = 64
_LAST_DATA_RECEIVED = 52
"""Where `tcpi_last_data_recv` stands in `struct tcp_info`: milliseconds, 32 bits (include/uapi/linux/tcp.h)."""


@dataclass(frozen=True, slots=True)
class Connection:
    """One connection, seen through a descriptor of our own."""

    socket: socket.socket
    address: str
    port: int
    silent: int
    """Milliseconds since its last byte."""


Peer = tuple[str, int]
"""Address and port."""


class SocketWatch:
    """Watches one port, between `start` and `stop`."""

    def __init__(
        self, port: int, most: int, most_per_address: int, late: Callable[[], Collection[Peer]] = tuple
    ) -> None:
        """`late` gives the peers that have to go, at every look; it runs on the event loop."""
        self._port = port
        self._most = most
        self._most_per_address = most_per_address
        self._late = late
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        if _DESCRIPTORS.is_dir():
            self._task = asyncio.create_task(self._run(), name=f"sockets of port {self._port}")

    async def stop(self) -> None:
        """End. Safe twice, and without a start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def look(self, late: Collection[Peer] = ()) -> int:
        """Shut down what is too many or late, and give how many that were. Blocks for some 20 us a connection."""
        if not late and len(_descriptors()) <= min(self._most, self._most_per_address):
            return 0
        with contextlib.ExitStack() as held:
            found = connections_of(self._port, held)
            surplus = [one for one in found if (one.address, one.port) in late]
            surplus += too_many([one for one in found if one not in surplus], self._most, self._most_per_address)
            for connection in surplus:
                with contextlib.suppress(OSError):  # it has just gone by itself
                    connection.socket.shutdown(socket.SHUT_RDWR)
        return len(surplus)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            closed = await asyncio.to_thread(self.look, self._late())
            if closed:
                _log.warning("closed %d gRPC connections: too many and longest silent, or an answer lay unread", closed)


def too_many(found: Iterable[Connection], most: int, most_per_address: int) -> list[Connection]:
    """Choose those that have to go, so that the bounds hold."""
    taken: Counter[str] = Counter()
    kept, surplus = 0, []
    for connection in sorted(found, key=lambda one: one.silent):
        if kept >= most or taken[connection.address] >= most_per_address:
            surplus.append(connection)
        else:
            kept += 1
            taken[connection.address] += 1
    return surplus


def connections_of(port: int, held: contextlib.ExitStack) -> list[Connection]:
    """Find this process's accepted connections at a port; they are good for as long as `held` is open."""
    found = []
    for descriptor in _descriptors():
        with contextlib.suppress(OSError):  # closed meanwhile, a listener, or a connection whose peer has just gone
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                one = held.enter_context(socket.socket(fileno=os.dup(descriptor)))
                if one.family in {socket.AF_INET, socket.AF_INET6} and one.getsockname()[1] == port:
                    found.append(_connection(one))
    return found


def _connection(one: socket.socket) -> Connection:
    address, port = one.getpeername()[:2]
    info = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_SIZE)
    (silent,) = struct.unpack_from("=I", info, _LAST_DATA_RECEIVED)
    return Connection(one, address.removeprefix("::ffff:"), port, silent)


def _descriptors() -> list[int]:
    return [int(entry.name) for entry in os.scandir(_DESCRIPTORS)]
