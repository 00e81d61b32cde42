"""A store at the seam that records what it is told and does what a test says: never asleep, never out of reach."""

import queue
import threading
from collections.abc import Callable

from store.port import Answer, Insert, InsertReceipt, Select

Rule = Callable[[Insert, int], Exception | None]
"""What to raise for an insert; the number counts inserts from 1."""

PATIENCE = 10.0
"""Seconds after which a test that waits for an insert has failed."""


def always_well(_insert: Insert, _number: int) -> None:
    return None


class RecordingStore:
    """Records inserts. `gate` closed holds each insert after it was recorded; `arrived` gets each as it comes."""

    def __init__(self, rule: Rule = always_well) -> None:
        self.rule = rule
        self.inserts: list[Insert] = []
        self.stored: list[Insert] = []
        self.arrived: queue.Queue[Insert] = queue.Queue()
        self.gate = threading.Event()
        self.gate.set()
        self._lock = threading.Lock()

    def insert(self, insert: Insert) -> InsertReceipt:
        with self._lock:
            self.inserts.append(insert)
            number = len(self.inserts)
        self.arrived.put(insert)
        assert self.gate.wait(PATIENCE)
        error = self.rule(insert, number)
        if error is not None:
            raise error
        with self._lock:
            self.stored.append(insert)
        return InsertReceipt(elapsed=0.0)

    def select(self, select: Select) -> Answer:
        raise AssertionError(select)

    def cancel(self, query_id: str) -> None:
        raise AssertionError(query_id)

    def close(self) -> None:
        """Nothing is open."""

    def next_insert(self) -> Insert:
        """Wait for the next insert; run it in a thread when on an event loop."""
        return self.arrived.get(timeout=PATIENCE)


def body_of(insert: Insert) -> bytes:
    return b"".join(insert.chunks)
