"""How a stream is written: as Server-Sent Events, or as messages of a WebSocket, once for all who get it.

In: rows, cursors, and what else there is to tell. Out: what goes over the wire, as `Chunk`s that can be put together.
SSE: https://html.spec.whatwg.org/multipage/server-sent-events.html. A block with an id and without data is no event,
and still moves a browser's place forward.

Of a Kubernetes event there are two messages, as Krateo's portal knows them: one for the topic `krateo`, and one for its
composition, if it has one. Who asked for compositions gets theirs alone. The tail has one message a row.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from sql.parameter import iso_time
from sse_proxy.rows import Row
from sse_proxy.watching import Watch

Chunk = Any
"""Bytes for SSE, a tuple of texts for a WebSocket; nobody but the coding that made it looks inside."""

MISSED = "/api/v1/tail/missed"
EVERYTHING = "krateo"
"""The topic of all events."""


@dataclass(frozen=True, slots=True)
class Gap:
    """What a client does not get here, and where it gets it."""

    reason: str
    """`flood`, `too_large`, `behind`, `overdue`, `late`, `slow` or `unreadable`."""
    after: int | None
    """Nanoseconds since 1970, of arrival; None where nobody knows."""
    until: int
    rows: int | None = None

    def told(self, watch: Watch) -> bytes:
        """JSON for the client."""
        feed = watch.feed
        # Of rows that were never looked at, nobody knows which belong to this client; their number is of all.
        counts_all = self.reason in ("flood", "overdue") and (watch.wanted or not watch.scope.everything)
        query: list[tuple[str, str]] = [("signal", feed.name)]
        if self.after is not None:
            query += [("after", iso_time(self.after))]
        query += [("until", iso_time(self.until))]
        query += [(name, value) for name, values in watch.wanted for value in values]
        return json.dumps(
            {
                "reason": self.reason,
                "signal": feed.name,
                "from": None if self.after is None else iso_time(self.after),
                "to": iso_time(self.until),
                "rows": None if counts_all else self.rows,
                "fetch": None if self.after is None else f"{MISSED}?{urlencode(query)}",
            }
        ).encode()


class Coding:
    """Writes for one kind of client; `topics` says which messages there are of a row."""

    def __init__(self, name: str, watch: Watch, *, by_topic: bool) -> None:
        self.name = name
        self._by_topic = by_topic
        at = watch.feed.columns.index
        self._composition = at("composition_id")
        self._asked_for = dict(watch.wanted).get("composition_id", ())
        self._belongs = [at(column) for column in watch.feed.filters["composition_id"].columns]

    def topics(self, row: Row) -> Sequence[str]:
        """The topics of a row's messages, in order; one that is empty is that of a message without a topic."""
        if not self._by_topic:
            return ("",)
        if self._asked_for:
            found = {str(row.values[place]) for place in self._belongs}
            return tuple(_one_line(one) for one in self._asked_for if one in found)
        composition = _one_line(str(row.values[self._composition]))
        return (EVERYTHING, composition) if composition else (EVERYTHING,)

    def message(self, topic: str, cursor: bytes, data: bytes) -> Chunk:
        """One message; with an empty cursor it does not move the client's place."""
        raise NotImplementedError

    def join(self, chunks: Iterable[Chunk]) -> Chunk:
        """Several in one."""
        raise NotImplementedError

    def size(self, chunk: Chunk) -> int:
        """What it takes in memory, in bytes, about."""
        raise NotImplementedError

    def greeting(self, cursor: bytes, retry_ms: int) -> Chunk:
        """What comes first; with an empty cursor, where the stream begins is told later."""
        raise NotImplementedError

    def position(self, cursor: bytes) -> Chunk:
        """The stream is here."""
        raise NotImplementedError

    def keepalive(self, cursor: bytes) -> Chunk:
        """Nothing new until here, or, with an empty cursor, until some place."""
        raise NotImplementedError

    def farewell(self, retry_ms: int) -> Chunk:
        """What comes last."""
        raise NotImplementedError


def _one_line(text: str) -> str:
    """Without what would end a line of the stream."""
    return "".join(letter for letter in text if letter.isprintable())


class SseCoding(Coding):
    """Server-Sent Events."""

    def message(self, topic: str, cursor: bytes, data: bytes) -> bytes:
        """One block."""
        event = b"event: %s\n" % topic.encode("utf-8", "replace") if topic else b""
        return b"%s%sdata: %s\n\n" % (b"id: %s\n" % cursor if cursor else b"", event, data)

    def join(self, chunks: Iterable[bytes]) -> bytes:
        """Bytes in a row."""
        return b"".join(chunks)

    def size(self, chunk: bytes) -> int:
        """Its length."""
        return len(chunk)

    def greeting(self, cursor: bytes, retry_ms: int) -> bytes:
        """The comment that clients of old wait for, then where the stream begins."""
        return b": connected\n\nretry: %d\n%s\n" % (retry_ms, b"id: %s\n" % cursor if cursor else b"")

    def position(self, cursor: bytes) -> bytes:
        """A block without data."""
        return b"id: %s\n\n" % cursor

    def keepalive(self, cursor: bytes) -> bytes:
        """A comment, and where the stream is."""
        return b": keepalive\nid: %s\n\n" % cursor if cursor else b": keepalive\n\n"

    def farewell(self, retry_ms: int) -> bytes:
        """When to come back."""
        return b": bye\nretry: %d\n\n" % retry_ms


class WebSocketCoding(Coding):
    """Messages of a WebSocket: `{"event": TOPIC, "id": CURSOR, "data": {...}}`."""

    def message(self, topic: str, cursor: bytes, data: bytes) -> tuple[str, ...]:
        """One text."""
        head = f'{{"event":{json.dumps(topic)},"id":"{cursor.decode()}","data":'
        return (f"{head}{data.decode()}}}",)

    def join(self, chunks: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
        """All texts."""
        return tuple(text for chunk in chunks for text in chunk)

    def size(self, chunk: tuple[str, ...]) -> int:
        """The length of all texts."""
        return sum(map(len, chunk))

    def greeting(self, cursor: bytes, retry_ms: int) -> tuple[str, ...]:
        """Where the stream begins."""
        return (json.dumps({"event": "connected", "id": cursor.decode(), "data": {"retry_ms": retry_ms}}),)

    def position(self, cursor: bytes) -> tuple[str, ...]:
        """As when nothing comes for a while."""
        return self.keepalive(cursor)

    def keepalive(self, cursor: bytes) -> tuple[str, ...]:
        """Where the stream is."""
        return (json.dumps({"event": "keepalive", "id": cursor.decode(), "data": {}}),)

    def farewell(self, retry_ms: int) -> tuple[str, ...]:
        """When to come back."""
        return (json.dumps({"event": "bye", "id": "", "data": {"retry_ms": retry_ms}}),)
