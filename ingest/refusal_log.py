"""One log line a minute for each sender and reason that is refused, however often.

In: every refusal. Out: log lines with address, token id, transport, reason and how many since the last line; never
what a sender wrote, such as headers. Bounded: `MOST_KEPT` senders and reasons are remembered, and no more than
`MOST_LINES` lines are written a minute; how many were left out is said with the next line.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable

_log = logging.getLogger(__name__)

INTERVAL = 60.0
"""Seconds between two lines about the same sender and reason."""
MOST_KEPT = 1024
MOST_LINES = 60

_Key = tuple[str, str, str, str]


class _Entry:
    __slots__ = ("since", "told")

    def __init__(self, told: float) -> None:
        self.told = told
        self.since = 0


class RefusalLog:
    """Remembers whom it told about. Belongs to one event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._entries: OrderedDict[_Key, _Entry] = OrderedDict()
        self._minute = float("-inf")
        self._lines = 0
        self._left_out = 0

    def note(self, transport: str, peer: str, name: str, reason: str) -> None:
        """A request was refused. `peer` is an address, `name` a token's id or empty, `reason` a short fixed word."""
        key, now = (transport, peer, name, reason), self._clock()
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = _Entry(float("-inf"))
            if len(self._entries) > MOST_KEPT:
                self._entries.popitem(last=False)
        entry.since += 1
        if now - entry.told >= INTERVAL:
            entry.told = now
            self._entries.move_to_end(key)
            count, entry.since = entry.since, 0
            self._tell(now, key, count)

    def _tell(self, now: float, key: _Key, count: int) -> None:
        if now - self._minute >= INTERVAL:
            self._minute, self._lines = now, 0
        if self._lines >= MOST_LINES:
            self._left_out += 1
            return
        self._lines += 1
        transport, peer, name, reason = key
        who = f"{peer or 'an unknown address'}, token {name}" if name else peer or "an unknown address"
        more = f"; {self._left_out} lines about others were left out" if self._left_out else ""
        self._left_out = 0
        times = "once" if count == 1 else f"{count} times"
        _log.warning("refused %s over %s %s: %s%s", who, transport, times, reason, more)
