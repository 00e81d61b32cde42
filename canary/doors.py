"""How the canary gets in: an address, what it shows there and what it trusts; and HTTP requests, each with an end.

In: a `Door`, a method, a path, a body. Out: status, headers and body, whatever the status is. Refused, with
`UnreachableError`: nobody there, a broken connection, no answer in time, an answer without end.
"""

import contextlib
import http.client
import select
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar
from urllib.parse import urlsplit

_T = TypeVar("_T")
MOST_BYTES = 4 * 1024**2
"""Of one answer."""


class UnreachableError(Exception):
    """No answer. The message says why."""


@dataclass(frozen=True, slots=True)
class Door:
    """One address of the house."""

    url: str
    """``http://`` or ``https://``, with a path where the door has one."""
    token: str = field(default="", repr=False)
    context: Callable[[], ssl.SSLContext] = ssl.create_default_context
    """TLS for https. May raise `OSError`."""
    roots: bytes | None = field(default=None, repr=False)
    """PEM of the CAs to trust, for gRPC; None for its own."""
    certificate: tuple[bytes, bytes] | None = field(default=None, repr=False)
    """PEM of key and certificate to show, for gRPC."""

    @property
    def headers(self) -> dict[str, str]:
        """What goes with each request."""
        return {"authorization": f"Bearer {self.token}"} if self.token else {}

    @property
    def place(self) -> str:
        """``host:port``."""
        return urlsplit(self.url).netloc

    @property
    def secure(self) -> bool:
        """Whether it speaks TLS."""
        return urlsplit(self.url).scheme == "https"

    def connection(self, seconds: float) -> http.client.HTTPConnection:
        """A connection that is not open yet. Raises `UnreachableError` where the files of TLS cannot be used."""
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        if not self.secure:
            return http.client.HTTPConnection(host, parts.port, timeout=seconds)
        try:
            return http.client.HTTPSConnection(host, parts.port, timeout=seconds, context=self.context())
        except OSError as problem:
            raise UnreachableError(f"TLS cannot be set up: {problem}") from problem

    def path(self, more: str) -> str:
        """The path of the address with `more` behind it."""
        return urlsplit(self.url).path.rstrip("/") + more


@dataclass(frozen=True, slots=True)
class Request:
    """One request."""

    method: str
    path: str
    """Behind the door's own."""
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def ask(door: Door, request: Request, seconds: float) -> tuple[int, Mapping[str, str], bytes]:
    """Send one request; it has `seconds` for its answer, to the last byte. Raises `UnreachableError`."""
    with contextlib.closing(Line(door)) as line:
        return line.ask(request, seconds)


class Line:
    """One connection, for one request after the other."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._connection: http.client.HTTPConnection | None = None

    def open(self, seconds: float) -> None:
        """Connect within `seconds`, where it is not. Raises `UnreachableError`."""
        self._within(seconds, partial(self._connected, seconds))

    def ask(self, request: Request, seconds: float) -> tuple[int, Mapping[str, str], bytes]:
        """Send one request; it has `seconds` for its answer, to the last byte. Raises `UnreachableError`."""
        return self._within(seconds, partial(self._ask, request, seconds))

    def close(self) -> None:
        """End the connection. `ask` opens another one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _within(self, seconds: float, do: "Callable[[_Clock], _T]") -> _T:
        clock = _Clock(seconds)
        try:
            with clock:
                done = do(clock)
            if clock.verdict:  # what was read until then may look whole
                raise TimeoutError
        except (OSError, http.client.HTTPException, ValueError) as problem:  # a header that cannot be said: ValueError
            self.close()
            why = clock.verdict or problem or type(problem).__name__
            raise UnreachableError(f"{self._door.place}: {why}") from problem
        return done

    def _connected(self, seconds: float, clock: "_Clock") -> http.client.HTTPConnection:
        if self._connection is not None and _was_ended(self._connection.sock):
            self.close()
        if self._connection is None:
            self._connection = self._door.connection(seconds)
        if self._connection.sock is None:
            self._connection.timeout = seconds
            self._connection.connect()
        clock.sock = self._connection.sock
        if clock.verdict:  # it struck before there was anything to cut
            raise TimeoutError
        self._connection.sock.settimeout(seconds)
        return self._connection

    def _ask(self, request: Request, seconds: float, clock: "_Clock") -> tuple[int, Mapping[str, str], bytes]:
        connection = self._connected(seconds, clock)
        headers = {**self._door.headers, **request.headers}
        connection.request(request.method, self._door.path(request.path), request.body, headers)
        response = connection.getresponse()
        body = response.read(MOST_BYTES + 1)
        if len(body) > MOST_BYTES:
            raise OSError(f"the answer has more than {MOST_BYTES} bytes")
        return response.status, {name.lower(): value for name, value in response.getheaders()}, body


def _was_ended(sock: socket.socket | None) -> bool:
    """Whether the other side ended a connection between two requests: there is something to read, or its end.

    What TLS has to say may be of its own, so there only a request tells.
    """
    if sock is None or isinstance(sock, ssl.SSLSocket):
        return False
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


class _Clock:
    """Cuts a connection whose time is up: one that sends a byte now and then never comes to its own timeout."""

    def __init__(self, seconds: float) -> None:
        self.verdict = ""
        self.sock: socket.socket | None = None
        """Of the connection, once there is one; the response takes it over."""
        self._seconds = seconds
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def _cut(self) -> None:
        self.verdict = f"no whole answer within {self._seconds:g} s"
        if self.sock is not None:
            with contextlib.suppress(OSError):  # it may have ended by itself
                self.sock.shutdown(socket.SHUT_RDWR)
