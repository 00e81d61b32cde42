"""How many HTTP connections there may be, how old they get, and how long an answer may lie unread.

In: connections that open, work, rest and close. Out: which one has to go for a new one, or that the new one has to go.
Refuses with a plain 503 who comes when all connections, or all of one address, are at work. One that is idle counts as
free, the longest idle first: closing it costs its sender a new connection and nothing else. A connection on which no
request has a whole header block yet is idle, so that those who open many and say nothing only drive out each other.
"""

import asyncio
import random
from collections import OrderedDict
from typing import Protocol

from ingest.http_server import BoundedProtocol

_AGE_SPREAD = 0.1
"""Part of the greatest age that a connection may live longer, at random, so that not all come anew at once."""
_CHECKS = 4
"""Looks within a write timeout."""
_FULL_TEXT = b"too many connections: send the same again later\n"
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 1\r\ncontent-type: text/plain\r\n"
    b"content-length: %d\r\n\r\n%s" % (len(_FULL_TEXT), _FULL_TEXT)
)


class Connection(Protocol):
    """What a table needs of a connection."""

    def drop(self) -> None:
        """Close it; it is idle."""

    def check_unread(self, now: float, patience: float) -> None:
        """Cut it off if an answer lies unread for longer than `patience` seconds."""


class Connections:
    """The connections of one door. Belongs to one event loop."""

    def __init__(self, most: int, most_per_address: int) -> None:
        self._most = most
        self._most_per_address = most_per_address
        self._open: dict[Connection, str] = {}
        self._counts: dict[str, int] = {}
        self._idle: OrderedDict[Connection, None] = OrderedDict()
        """The longest idle first."""
        self._idle_of: dict[str, OrderedDict[Connection, None]] = {}
        """The same by address."""
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._open)

    def opened(self, connection: Connection, address: str) -> bool:
        """Take a new connection in, and drop an idle one for it if need be. False: there is no room."""
        if self._counts.get(address, 0) >= self._most_per_address:
            idle = next(iter(self._idle_of.get(address, ())), None)
        elif len(self._open) >= self._most:
            idle = next(iter(self._idle), None)
        else:
            return self._add(connection, address)
        if idle is None:
            return False
        self.closed(idle)
        idle.drop()
        return self._add(connection, address)

    def working(self, connection: Connection) -> None:
        """It has a request that waits for its answer."""
        address = self._open.get(connection)
        if address is not None and connection in self._idle:
            del self._idle[connection]
            self._rest_no_more(connection, address)

    def resting(self, connection: Connection) -> None:
        """It waits for its next request."""
        address = self._open.get(connection)
        if address is not None:
            self._idle[connection] = None
            self._idle_of.setdefault(address, OrderedDict())[connection] = None

    def closed(self, connection: Connection) -> None:
        """Forget it. Safe twice."""
        self.working(connection)
        address = self._open.pop(connection, None)
        if address is None:
            return
        self._counts[address] -= 1
        if not self._counts[address]:
            del self._counts[address]

    def watch_unread(self, patience: float) -> None:
        """Cut off from now on who leaves an answer unread for `patience` seconds, to a quarter of it."""
        loop = asyncio.get_running_loop()
        for connection in tuple(self._open):
            connection.check_unread(loop.time(), patience)
        self._timer = loop.call_later(patience / _CHECKS, self.watch_unread, patience)

    def stop_watching(self) -> None:
        """End `watch_unread`. Safe twice."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _add(self, connection: Connection, address: str) -> bool:
        self._open[connection] = address
        self._counts[address] = self._counts.get(address, 0) + 1
        self.resting(connection)
        return True

    def _rest_no_more(self, connection: Connection, address: str) -> None:
        resting = self._idle_of[address]
        del resting[connection]
        if not resting:
            del self._idle_of[address]


class CountedProtocol(BoundedProtocol):
    """One connection of a table. `table` and `max_age` are set by `counted`."""

    table: Connections
    max_age: float

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        """Find a place in the table."""
        super().connection_made(transport)
        spread = random.random() * _AGE_SPREAD  # noqa: S311  spreads load, hides nothing
        self._expires = self.loop.time() + self.max_age * (1 + spread)
        self._unread_since: float | None = None
        if not self.table.opened(self, self.client[0] if self.client else ""):
            transport.write(_FULL)
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the table."""
        self.table.closed(self)
        super().connection_lost(exc)

    def on_headers_complete(self) -> None:
        """A request is at work; the last one, if the connection is old."""
        super().on_headers_complete()
        self.table.working(self)
        if self.loop.time() >= self._expires:
            self.cycle.keep_alive = False

    def on_response_complete(self) -> None:
        """A request is answered."""
        super().on_response_complete()
        if self.cycle.response_complete:  # else another was sent without waiting for this answer
            self.table.resting(self)

    def drop(self) -> None:
        """Close it; it is idle."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.transport.close()

    def check_unread(self, now: float, patience: float) -> None:
        """Cut it off if an answer lies unread for longer than `patience` seconds."""
        if not self.transport.get_write_buffer_size():
            self._unread_since = None
        elif self._unread_since is None:
            self._unread_since = now
        elif now - self._unread_since >= patience:
            self.transport.abort()


def counted(protocol: type[BoundedProtocol], table: Connections, max_age: float) -> type[CountedProtocol]:
    """The class for uvicorn that is `protocol` in all but that its connections are in `table`; `max_age` in seconds."""
    return type("CountedProtocol", (CountedProtocol, protocol), {"table": table, "max_age": max_age})
