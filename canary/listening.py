"""The live streams, watched while a beat is under way.

In: a door. Out: an `Ear` for each of the feeds that can be watched, each on a thread of its own, which collects lines
as they come, and says whether the stream told of a gap. A stream that breaks is not opened again: that it broke is
what is to be known.
"""

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from urllib.parse import urlencode

from canary.doors import Door, UnreachableError
from canary.finding import STREAM, LookError
from canary.items import EVENT, KINDS, LOG, SERVICE, SPAN, Item
from canary.judging import Seen
from canary.questions import seen_in

FEEDS: Mapping[str, Mapping[str, str]] = {
    LOG: {"signal": "logs", "service": SERVICE},
    SPAN: {"signal": "spans", "service": SERVICE},
    EVENT: {"signal": "events", "namespace": SERVICE},
}
"""By kind, what to watch. Metrics have no stream."""

_LONGEST_LINE = 1024 * 1024
_MOST_LINES = 10_000
"""Of one beat; more is no canary's."""


class Ear:
    """One stream, until `close`."""

    def __init__(self, door: Door, kind: str, seconds: float) -> None:
        self.problem = ""
        self.gap = ""
        self._door = door
        self._kind = kind
        self._seconds = seconds
        self._heard: list[Seen] = []
        self._closed = False
        self._open = threading.Event()
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(target=self._listen, name=f"canary-{kind}", daemon=True)
        self._thread.start()

    def wait_open(self, seconds: float) -> None:
        """Wait until rows would come, or it is known that none will."""
        self._open.wait(seconds)

    def heard(self) -> list[Seen]:
        """What came until now. Raises `LookError` where the stream broke."""
        if self.problem:
            raise LookError(self.problem)
        return list(self._heard)

    def close(self) -> None:
        """Listen no more."""
        self._closed = True
        if self._socket is not None:
            with contextlib.suppress(OSError):  # it may have ended by itself
                self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(1.0)

    def _listen(self) -> None:
        try:
            connection = self._door.connection(self._seconds)
            with contextlib.closing(connection):
                connection.connect()
                self._socket = connection.sock
                path = self._door.path(f"/api/v1/tail?{urlencode(FEEDS[self._kind])}")
                connection.request("GET", path, headers={**self._door.headers, "accept": "text/event-stream"})
                response = connection.getresponse()
                if response.status == http.client.OK:
                    self._read(response)
                else:
                    self.problem = f"it says {response.status}: {response.read(300).decode('utf-8', 'replace')}"
        except (OSError, http.client.HTTPException, UnreachableError) as problem:
            if not self._closed:
                self.problem = f"{problem or type(problem).__name__}"
        finally:
            self._open.set()

    def _read(self, response: http.client.HTTPResponse) -> None:
        event = ""
        while (line := response.readline(_LONGEST_LINE)) and len(self._heard) < _MOST_LINES:
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            if text.startswith(": connected"):
                self._open.set()
            elif text.startswith("event:"):
                event = text[6:].strip()
            elif text.startswith("data:"):
                self._take(event, text[5:])
            elif not text:
                event = ""
        if not self._closed:
            self.problem = "the stream ended"

    def _take(self, event: str, data: str) -> None:
        if event in {"gap", "status"}:
            self.gap = data.strip()[:200]
            return
        self._heard += seen_in(data, {self._kind}, place=len(self._heard))


class Streams:
    """All feeds, as one place to look."""

    leg = STREAM

    def __init__(self, door: Door, seconds: float, life: float, kinds: Collection[str] = KINDS) -> None:
        """Open those of `kinds`. `seconds`: until they are open; `life`: seconds without a byte until one is broken."""
        self._ears = {kind: Ear(door, kind, life) for kind in FEEDS if kind in kinds}
        until = time.monotonic() + seconds
        for ear in self._ears.values():
            ear.wait_open(max(0.0, until - time.monotonic()))

    @property
    def kinds(self) -> Collection[str]:
        """Those that are listened for."""
        return self._ears.keys()

    def look(self, items: Sequence[Item], kinds: object, seconds: float) -> list[Seen]:
        """What came until now."""
        return [seen for ear in self._ears.values() for seen in ear.heard()]

    def gap(self, kind: str) -> str:
        """What a stream said that it left out, or empty."""
        return self._ears[kind].gap

    def close(self) -> None:
        """Listen no more."""
        for ear in self._ears.values():
            ear.close()
