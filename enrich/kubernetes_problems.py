"""What is wrong between this house and its clusters, right now.

In: problems, reported and solved by the threads that watch. Out: all that are open, in words for `/readyz` and
`otelhouse doctor`; and a line in the log when one arises and when it is over, not each time it is seen, and not each
time that it comes and goes.
"""

import logging
import threading
import time
from collections.abc import Callable

_log = logging.getLogger(__name__)

MAX_TOLD = 10
"""Problems in one sentence."""
SILENT_S = 300.0
"""Seconds before the same words are logged again, of a problem that was over and is back."""
MAX_REMEMBERED = 1000
"""Words whose time is remembered."""


class Problems:
    """The open problems. May be used by many threads at once."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._open: dict[tuple[str, str], str] = {}
        self._logged: dict[str, float] = {}
        self._lock = threading.Lock()

    def report(self, cluster: str, subject: str, text: str) -> None:
        """Note a problem; `subject` is what it is about, and a problem of the same subject takes its place."""
        with self._lock:
            news = text not in self._open.values() and self._is_news(text)
            self._open[cluster, subject] = text
        if news:
            _log.warning("%s", text)

    def solved(self, cluster: str, subject: str) -> None:
        """Note that there is no such problem, or none any more."""
        with self._lock:
            text = self._open.pop((cluster, subject), None)
            over = text is not None and text not in self._open.values() and self._is_news(f"no longer: {text}")
        if over:
            _log.info("no longer: %s", text)

    def _is_news(self, words: str) -> bool:
        """Whether they were not logged lately; notes that they are now."""
        now = self._now()
        if now - self._logged.get(words, -SILENT_S) < SILENT_S:
            return False
        if len(self._logged) >= MAX_REMEMBERED:
            self._logged = {}
        self._logged[words] = now
        return True

    def forget(self, cluster: str) -> None:
        """Drop all problems of a cluster that is no longer watched."""
        with self._lock:
            self._open = {key: text for key, text in self._open.items() if key[0] != cluster}

    def all(self) -> tuple[str, ...]:
        """Every open problem, each once."""
        with self._lock:
            return tuple(sorted(set(self._open.values())))

    def summary(self) -> str:
        """All of them in one text; empty if there are none."""
        texts = self.all()
        more = f"; and {len(texts) - MAX_TOLD} more" if len(texts) > MAX_TOLD else ""
        return "; ".join(texts[:MAX_TOLD]) + more
