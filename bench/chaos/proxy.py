"""A TCP proxy that loses answers.

In: where to connect. Out: a port; and, each time an INSERT goes through, one decision: let the answer pass, cut the
connection when the answer comes (ClickHouse has committed then), or cut it while ClickHouse still works. The sender
of the INSERT sees a connection reset or closed, with no byte of the answer.
"""

import random
import re
import selectors
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

_INSERT = re.compile(rb"INSERT INTO `?\w*`?\.?`?otlp_")
_CHUNK = 1 << 18


@dataclass(slots=True)
class Cuts:
    """What was done so far."""

    after_commit: int = 0
    """An OK of ClickHouse that nobody heard."""
    while_working: int = 0
    passed: int = 0


@dataclass(slots=True)
class _Pair:
    """One connection through the proxy."""

    client: socket.socket
    server: socket.socket
    begun: bytes = b""
    """The first bytes of what the client said since the last answer."""
    is_insert: bool = False
    cut_at: float | None = None
    """When to cut although ClickHouse still works."""
    cut_answer: bool = False
    closed: bool = field(default=False)


class Proxy:
    """Listens from `start` to `stop`, on a thread of its own."""

    def __init__(self, host: str, port: int, seed: int) -> None:
        self.cuts = Cuts()
        self._target = (host, port)
        self._draw = random.Random(seed)
        self._share = 0.0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._selector = selectors.DefaultSelector()
        self._pairs: list[_Pair] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="chaos-proxy", daemon=True)

    def lose(self, share: float) -> None:
        """From now on this share of the answers to INSERTs is lost."""
        self._share = share

    def __enter__(self) -> Self:
        self._listener.settimeout(0)
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()
        for pair in tuple(self._pairs):
            self._close(pair)
        self._listener.close()
        self._selector.close()

    def _serve(self) -> None:
        while not self._stopping.is_set():
            for key, _ in self._selector.select(0.01):
                if key.data is None:
                    self._accept()
                elif not key.data.closed:
                    self._move(key.data, from_client=key.fileobj is key.data.client)
            now = time.monotonic()
            for pair in [one for one in self._pairs if one.cut_at is not None and one.cut_at <= now]:
                self.cuts.while_working += 1
                self._cut(pair)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        try:
            server = socket.create_connection(self._target, timeout=5)
        except OSError:
            client.close()
            return
        for one in (client, server):
            # Blocking sends: the other side reads or is cut off; a cap so that a frozen one does not hold this thread.
            one.settimeout(5)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pair = _Pair(client, server)
        self._pairs.append(pair)
        self._selector.register(client, selectors.EVENT_READ, pair)
        self._selector.register(server, selectors.EVENT_READ, pair)

    def _move(self, pair: _Pair, *, from_client: bool) -> None:
        here, there = (pair.client, pair.server) if from_client else (pair.server, pair.client)
        try:
            data = here.recv(_CHUNK)
            if data and from_client:
                self._look(pair, data)
            elif data and self._loses(pair, data):
                self._cut(pair)
                return
            if data:
                there.sendall(data)
        except OSError:
            data = b""
        if not data:
            self._close(pair)

    def _look(self, pair: _Pair, data: bytes) -> None:
        """Note whether an INSERT begins, and decide what becomes of its answer."""
        if len(pair.begun) >= _CHUNK:
            return
        pair.begun += data
        if pair.is_insert or not _INSERT.search(pair.begun):
            return
        pair.is_insert = True
        pair.cut_answer, pair.cut_at = False, None
        if self._draw.random() < self._share:
            if self._draw.random() < 0.8:
                pair.cut_answer = True
            else:
                pair.cut_at = time.monotonic() + self._draw.random() * 0.06

    def _loses(self, pair: _Pair, data: bytes) -> bool:
        """Look at the beginning of an answer; what it ends is decided."""
        was_insert, cut = pair.is_insert, pair.cut_answer
        pair.begun, pair.is_insert, pair.cut_answer, pair.cut_at = b"", False, False, None
        if not was_insert:
            return False
        if cut and data.startswith(b"HTTP/1.1 200"):
            self.cuts.after_commit += 1
            return True
        self.cuts.passed += 1
        return False

    def _cut(self, pair: _Pair) -> None:
        """Close towards the client, every other time with a reset; ClickHouse sees its client go."""
        if self._draw.random() < 0.5:
            pair.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._close(pair)

    def _close(self, pair: _Pair) -> None:
        if pair.closed:
            return
        pair.closed = True
        for one in (pair.client, pair.server):
            self._selector.unregister(one)
            one.close()
        self._pairs.remove(pair)
