"""HTTP/2 by hand, for senders that no library would let us be (RFC 9113; header fields as plain literals, RFC 7541)."""

import socket
from typing import NamedTuple

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
LOGS = b"/opentelemetry.proto.collector.logs.v1.LogsService/Export"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
ACK = END_STREAM = 1
END_HEADERS = 4
INITIAL_WINDOW_SIZE, MAX_CONCURRENT_STREAMS = 4, 3


class Frame(NamedTuple):
    kind: int
    flags: int
    stream: int
    payload: bytes


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def block(path: bytes = LOGS, **more: bytes) -> bytes:
    """The header block of a gRPC call; underscores in names of `more` become hyphens."""
    fields = {
        b":method": b"POST",
        b":scheme": b"http",
        b":path": path,
        b":authority": b"localhost",
        b"te": b"trailers",
        b"content-type": b"application/grpc",
    } | {name.replace("_", "-").encode(): value for name, value in more.items()}
    return b"".join(b"\x00%c%b%c%b" % (len(name), name, len(value), value) for name, value in fields.items())


def message(body: bytes, size: int | None = None) -> bytes:
    """A gRPC message that says it has `size` bytes."""
    return b"\x00" + (len(body) if size is None else size).to_bytes(4, "big") + body


class Connection:
    """A connection on which the test decides every byte."""

    def __init__(self, port: int, patience: float, settings: bytes = b"") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), patience)
        self._received = b""
        self.socket.sendall(PREFACE + frame(SETTINGS, 0, 0, settings))

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> None:
        self.socket.sendall(frame(kind, flags, stream, payload))

    def call(self, stream: int, body: bytes, **more: bytes) -> None:
        """A whole Export call."""
        self.send(HEADERS, END_HEADERS, stream, block(**more))
        self.send(DATA, END_STREAM, stream, message(body))

    def next(self) -> Frame | None:
        """Wait for the next frame; None at the end of the connection."""
        head = self._take(9)
        if head is None:
            return None
        payload = self._take(int.from_bytes(head[:3], "big"))
        return None if payload is None else Frame(head[3], head[4], int.from_bytes(head[5:9], "big"), payload)

    def until(self, kind: int, flags: int = 0) -> Frame:
        """Wait for a frame of this kind, answering nothing meanwhile."""
        while (found := self.next()) is not None:
            if found.kind == kind and found.flags & flags == flags:
                return found
        raise AssertionError("the connection ended before that frame")

    def read_to_end(self) -> list[Frame]:
        """Wait until the other side closes."""
        frames = []
        while (found := self.next()) is not None:
            frames.append(found)
        return frames

    def _take(self, count: int) -> bytes | None:
        while len(self._received) < count:
            try:
                more = self.socket.recv(65536)
            except ConnectionError:
                return None
            if not more:
                return None
            self._received += more
        taken, self._received = self._received[:count], self._received[count:]
        return taken
