"""Who sends so much that it gets batches of its own, so that nobody else waits for them.

In: what each sender holds, whenever it sends. Out: whether its request goes with the crowd's. A sender is a crowd while
it holds more than an eighth of the memory, and for `AFTER_S` seconds after; bounded, since no more than eight can be at
any time, and those of before are forgotten.

Why: a batch is answered as a whole. One small request in a batch of 16 MiB waits for 16 MiB to be inserted, and behind
four such batches it waits for those first.
"""

from collections.abc import Iterable

PART = 8
"""A sender that holds more than one part in so many of the memory is a crowd."""
AFTER_S = 5.0


class Crowding:
    """Follows one event loop's senders."""

    def __init__(self, memory_bytes: int) -> None:
        self._much = memory_bytes // PART
        self._until: dict[str, float] = {}
        self._others_until = float("-inf")

    def is_crowd(self, sender_key: str, held: int, now: float) -> bool:
        """Whether the sender, which holds so many bytes, is one; `now` in seconds of the event loop's clock."""
        if held > self._much:
            self._until[sender_key] = now + AFTER_S
            self._forget(list(self._until), now)
        elif self._until.get(sender_key, now) <= now:
            self._others_until = now + AFTER_S
            return False
        return True

    def has_others(self, now: float) -> bool:
        """Whether somebody beside the crowds was here within `AFTER_S` seconds."""
        return now < self._others_until

    def _forget(self, keys: Iterable[str], now: float) -> None:
        for key in keys:
            if self._until[key] <= now:
                del self._until[key]
