"""The live streams, watched while a beat is under way.

In: a door. Out: an `Ear` for each of the feeds that can be watched, each on a thread of its own, which collects lines
as they come, and says whether the stream told of a gap. A stream that does not open is tried again for as long as
nothing was sent, as browsers do; one that breaks is not opened again: that it broke is what is to be known.
"""

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Callable, Collection, Mapping
from urllib.parse import urlencode

from canary.doors import Door, UnreachableError
from canary.finding import STREAM
from canary.items import EVENT, LOG, SERVICE, SPAN, Identity
from canary.judging import Seen
from canary.questions import seen_in

FEEDS: Mapping[str, Mapping[str, str]] = {
    LOG: {"signal": "logs", "service": SERVICE},
    SPAN: {"signal": "spans", "service": SERVICE},
    EVENT: {"signal": "events", "namespace": SERVICE},
}
"""By kind, what to watch. Metrics have no stream."""

PAUSE = 0.5
"""Seconds before a stream that did not open is tried again."""
_LONGEST_LINE = 1024 * 1024
_MOST_LINES = 10_000
"""Of one beat; more is no canary's."""


class Ear:
    """One stream, until `close`."""

    def __init__(self, door: Door, kind: str, seconds: float, told: Callable[[], None] = lambda: None) -> None:
        """`told` is called, on the thread of this ear, whenever something came or the stream ended."""
        self.problem = ""
        """Why nothing more will come, or empty."""
        self.gap = ""
        self._told = told
        self._door = door
        self._kind = kind
        self._seconds = seconds
        self._heard: list[Seen] = []
        self._closed = False
        self._trying = True
        self.opened_in_time = False
        """Whether it was known how it stands before anything was sent."""
        self._open = threading.Event()
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(target=self._listen, name=f"canary-{kind}", daemon=True)
        self._thread.start()

    def wait_open(self, until: float) -> None:
        """Wait until rows would come or it is known that none will; after `until` (monotonic) it tries no more."""
        self._open.wait(max(0.0, until - time.monotonic()))
        self.opened_in_time = self._open.is_set()
        self._trying = False

    def heard(self) -> list[Seen]:
        """What came until now."""
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
            self._listen_once()
            while self.problem and self._trying and not self._closed and not self._open.is_set():
                time.sleep(PAUSE)
                self.problem = ""
                self._listen_once()
        finally:
            self._open.set()
            self._told()

    def _listen_once(self) -> None:
        try:
            connection = self._door.connection(self._seconds)
            with contextlib.closing(connection):
                connection.connect()
                self._socket = connection.sock
                if self._closed:
                    return
                path = self._door.path(f"/api/v1/tail?{urlencode(FEEDS[self._kind])}")
                connection.request("GET", path, headers={**self._door.headers, "accept": "text/event-stream"})
                response = connection.getresponse()
                if response.status == http.client.OK:
                    self._read(response)
                else:
                    # Whoever is refused for what they show is refused again, and perhaps locked out.
                    self._trying = self._trying and response.status >= http.client.INTERNAL_SERVER_ERROR
                    self.problem = f"it says {response.status}: {response.read(300).decode('utf-8', 'replace')}"
        except (OSError, http.client.HTTPException, UnreachableError, ValueError) as problem:
            if not self._closed:
                self.problem = f"{problem or type(problem).__name__}"

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
        self._told()


class Streams:
    """All feeds, as one place to look."""

    leg = STREAM
    kinds = FEEDS.keys()

    def __init__(self, door: Door, seconds: float, life: float) -> None:
        """Open them. `seconds`: until they are open; `life`: seconds without a byte until one is broken."""
        self._news = threading.Condition()
        self._ears = {kind: Ear(door, kind, life, self._told) for kind in FEEDS}
        until = time.monotonic() + seconds
        for ear in self._ears.values():
            ear.wait_open(until)

    def _told(self) -> None:
        with self._news:
            self._news.notify_all()

    def wait_for(self, wanted: Collection[Identity], seconds: float) -> bool:
        """Wait until all of these came or a stream is in trouble, which is true, or until time is up."""
        with self._news:
            return self._news.wait_for(lambda: self._is_done(wanted), seconds)

    def _is_done(self, wanted: Collection[Identity]) -> bool:
        heard = {seen.identity for seen in self.look(0.0)}
        troubled = any(ear.problem or ear.gap or not ear.opened_in_time for ear in self._ears.values())
        return heard.issuperset(wanted) or troubled

    def look(self, seconds: float) -> list[Seen]:
        """What came until now."""
        return [seen for ear in self._ears.values() for seen in ear.heard()]

    def problem(self, kind: str) -> str:
        """Why a stream broke, or empty."""
        return self._ears[kind].problem

    def excuse(self, kind: str) -> str:
        """Why a stream need not tell what was sent, or empty: it said that it left rows out, or opened too late."""
        ear = self._ears[kind]
        if ear.gap:
            return f"it says that it left rows out: {ear.gap}"
        return "" if ear.opened_in_time or ear.problem else "it was not open yet when this was sent"

    def close(self) -> None:
        """Listen no more."""
        for ear in self._ears.values():
            ear.close()
