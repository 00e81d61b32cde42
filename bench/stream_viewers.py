"""Many clients of a stream, in a process of their own, as cheap as Python makes them.

    python -m bench.stream_viewers HOST PORT PATH NUMBER

Says `open` on standard output when all are connected, and at `stop` on standard input writes one JSON object: for each
client how many events it got, and of all deliveries how long they took from the time that the event's name says.
"""

import asyncio
import json
import re
import sys
import time
from collections import Counter

import uvloop

NAME = re.compile(rb'event: krateo\ndata: \{"metadata":\{"name":"at-(\d+)"')
_AT_ONCE = 50
_BUCKET = 5
"""Milliseconds."""


class Viewer(asyncio.Protocol):
    """One connection."""

    def __init__(self, seconds: Counter[int], path: str) -> None:
        self.got: Counter[int] = Counter()
        self.open = asyncio.get_running_loop().create_future()
        self.lost = False
        self._milliseconds = seconds
        self._path = path
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        request = f"GET {self._path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n"
        transport.write(request.encode())  # type: ignore[attr-defined]  # asyncio calls it a BaseTransport

    def data_received(self, data: bytes) -> None:
        """Count; an event may lie over two parts."""
        now = time.time_ns()
        if not self.open.done() and b": connected" in data:
            self.open.set_result(None)
        held = self._rest + data
        end = held.rfind(b"\n\n") + 2
        self._rest = held[end:] if end > 1 else held
        for found in NAME.finditer(held, 0, max(0, end)):
            sent = int(found[1])
            self.got[sent] += 1
            self._milliseconds[(now - sent) // (1_000_000 * _BUCKET) * _BUCKET] += 1

    def connection_lost(self, exc: Exception | None) -> None:
        """Remember it: no client is cut in a benchmark."""
        self.lost = True


async def watch(host: str, port: int, path: str, number: int) -> None:
    """Open them all, wait for `stop`, tell."""
    loop = asyncio.get_running_loop()
    milliseconds: Counter[int] = Counter()
    viewers = [Viewer(milliseconds, path) for _ in range(number)]
    for begin in range(0, number, _AT_ONCE):
        some = viewers[begin : begin + _AT_ONCE]
        await asyncio.gather(*(loop.create_connection(lambda one=one: one, host, port) for one in some))  # type: ignore[misc]  # mypy knows no default in a lambda
        await asyncio.gather(*(one.open for one in some))
    sys.stdout.write("open\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.readline)
    told = {
        "events": [len(one.got) for one in viewers],
        "twice": sum(count - 1 for one in viewers for count in one.got.values()),
        "lost": sum(one.lost for one in viewers),
        "milliseconds": sorted(milliseconds.items()),
    }
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(watch(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
