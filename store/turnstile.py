"""A bound on how many do something at once.

In: a number of places. Out: a context manager that holds one place.
It refuses, with `OverloadedError`, who has waited too long for a place, and with `NotReachableError` who comes after
the closing.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from store import errors


class Turnstile:
    """Lets a bounded number through at once; safe for any thread."""

    def __init__(self, places: int, what: str) -> None:
        self._places = places
        self._what = what
        self._inside = 0
        self._closed = False
        self._change = threading.Condition()

    @contextmanager
    def turn(self, wait_s: float) -> Iterator[None]:
        """Hold one place, waiting for it at most `wait_s` seconds."""
        with self._change:
            if not self._change.wait_for(lambda: self._closed or self._inside < self._places, wait_s):
                raise errors.OverloadedError(
                    f"there were {self._places} {self._what} for {wait_s:g} s: ask for less at once"
                )
            if self._closed:
                raise errors.NotReachableError("this store is closed")
            self._inside += 1
        try:
            yield
        finally:
            with self._change:
                self._inside -= 1
                self._change.notify_all()

    def close(self) -> None:
        """Let nobody in any more; who waits is refused at once."""
        with self._change:
            self._closed = True
            self._change.notify_all()

    def wait_until_empty(self, wait_s: float) -> bool:
        """Wait until everybody has left; False if somebody is still inside after `wait_s` seconds."""
        with self._change:
            return self._change.wait_for(lambda: not self._inside, wait_s)
