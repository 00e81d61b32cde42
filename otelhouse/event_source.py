"""Follows a house's stream as a browser's EventSource would, for as long as it takes.

In: the house's address and the path of a stream. Out: messages; after a break it comes back by itself, from where it
was, first after the time that the house asks for, then less and less often up to every 30 seconds.
https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import http.client
import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from otelhouse import house_client
from otelhouse.house_access import Access

LONGEST_PAUSE = 30.0
"""Seconds."""
_BUSY = frozenset({"busy", "too_many", "keys_unavailable", "not_reachable"})
"""What a house refuses now and may allow later."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message."""

    event: str
    data: str


class EventSource:
    """One stream."""

    def __init__(self, url: str, path: str, access: Access, remark: Callable[[str], None]) -> None:
        """`remark` is told of breaks."""
        self._url, self._path, self._access, self._remark = url, path, access, remark
        self._place = ""
        self._retry = 2.0

    def messages(self, sleep: Callable[[float], None] = time.sleep) -> Iterator[Message]:
        """All messages, without an end.

        Raises `house_client.Refusal`, and `Unreachable` where there was no house from the beginning.
        """
        failures = 0
        begun = False
        while True:
            try:
                headers = {"accept": "text/event-stream"} | ({"last-event-id": self._place} if self._place else {})
                with house_client.streamed(self._url, self._path, headers, self._access) as response:
                    begun, failures = True, 0
                    yield from self._read(_lines(response))
                problem = "the house ended the stream"
            except (OSError, http.client.HTTPException) as error:
                problem = f"the stream broke off: {error or type(error).__name__}"
            except house_client.Unreachable as error:
                if not begun:
                    raise
                problem = str(error)
            except house_client.Refusal as error:
                if not begun or error.code not in _BUSY:
                    raise
                problem = str(error)
            pause = min(LONGEST_PAUSE, self._retry * 2**failures) * random.uniform(0.8, 1.2)  # noqa: S311  no secret
            failures += 1
            self._remark(f"{problem}; back in {pause:.0f} s")
            sleep(pause)

    def _read(self, lines: Iterable[str]) -> Iterator[Message]:
        event, place = "", self._place
        data: list[str] = []
        for line in lines:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if not line:
                self._place = place  # not before: a block that is cut off was not received
                if data:
                    yield Message(event or "message", "\n".join(data))
                event, data = "", []
            elif name == "data":
                data.append(value)
            elif name == "event":
                event = value
            elif name == "id":
                place = value
            elif name == "retry" and value.isdecimal():
                self._retry = int(value) / 1000


def _lines(response: http.client.HTTPResponse) -> Iterator[str]:
    while line := response.readline():
        yield line.decode("utf-8", "replace").rstrip("\r\n")
