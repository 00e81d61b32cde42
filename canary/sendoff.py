"""What a beat sends goes out: every request by every door, those of one signal by all doors at the same moment.

In: the doors, and the items. Out: for each cluster, door and signal whether it was acknowledged, and after how long.
Requests that arrive together share an INSERT, which is most of what they cost the house: hence a door is opened before,
and waits for the others, though not for long. One that hangs is left alone for the rest of the beat, and holds up none.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress

from canary import messages
from canary.items import Item
from canary.judging import State, Verdict
from canary.sending import NotAcceptedError, Sender, send

TOGETHER_WITHIN = 1.0
"""Seconds that a door waits for the others; who was waited for in vain is not waited for again."""

At = tuple[str, str, str]
"""Cluster, door and signal."""


class Sendoff:
    """The sending of one beat. `run` once."""

    def __init__(self, senders: Mapping[str, Callable[[], Sender]], items: Sequence[Item]) -> None:
        """`senders`: by door, what opens it."""
        self._senders = senders
        self._items = items
        self._clusters = list(dict.fromkeys(item.cluster for item in items))
        self._meeting = threading.Barrier(max(1, len(senders)))
        self.accepted: dict[At, Verdict] = {}
        self.took: dict[At, float] = {}
        """Seconds, of what was acknowledged."""

    def run(self, seconds: Callable[[], float], stop: threading.Event) -> None:
        """Send all. `seconds` says what one more request may take."""
        with ThreadPoolExecutor(max(1, len(self._senders)), "canary-door") as threads:
            sent = [
                threads.submit(self._send_by, door, opened, seconds, stop) for door, opened in self._senders.items()
            ]
        for one in sent:
            one.result()

    def _send_by(
        self, door: str, opened: Callable[[], Sender], seconds: Callable[[], float], stop: threading.Event
    ) -> None:
        dead = ""
        # Whatever happens to this thread, nobody waits for it any more.
        with closing(opened()) as sender, self._gone_at_the_end():
            for at, request in self._requests(door).items():
                if not dead:
                    self._meet(sender, seconds)
                    dead = self._send(sender, at, request, seconds, stop)
                if dead:
                    self._meeting.abort()
                    self.accepted[at] = Verdict(State.FAILED, dead)

    @contextmanager
    def _gone_at_the_end(self) -> Iterator[None]:
        try:
            yield
        finally:
            self._meeting.abort()

    def _requests(self, door: str) -> dict[At, bytes]:
        found: dict[At, bytes] = {}
        for cluster in self._clusters:
            mine = [item for item in self._items if (item.cluster, item.door) == (cluster, door)]
            found.update({(cluster, door, signal): body for signal, body in messages.requests(mine).items()})
        return found

    def _meet(self, sender: Sender, seconds: Callable[[], float]) -> None:
        sender.ready(min(TOGETHER_WITHIN, seconds()))
        with suppress(threading.BrokenBarrierError):  # each by itself, then
            self._meeting.wait(TOGETHER_WITHIN)

    def _send(self, sender: Sender, at: At, request: bytes, seconds: Callable[[], float], stop: threading.Event) -> str:
        """Send one request; gives why its door is to be left alone from now on, or nothing."""
        began = time.monotonic()
        try:
            send(sender, at[2], request, began + seconds(), stop)
        except NotAcceptedError as problem:
            self.accepted[at] = Verdict(State.FAILED, str(problem))
            # Where it asked to come again, it would be waited for as long again.
            return str(problem) if problem.again_after is not None else ""
        self.accepted[at] = Verdict(State.OK)
        self.took[at] = time.monotonic() - began
        return ""
