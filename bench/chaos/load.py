"""A process of senders, seen from who started it.

In: a `Load`. Out: how many requests were acknowledged so far, and at the end the senders' notes. It dies with this
process.
"""

import itertools
import pickle
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.chaos import ledger, tether
from bench.chaos.ledger import Note
from sql.signals import Signal

PATIENCE = 60.0
"""Seconds within which the first OKs must come; after the end of a load, how long a sender repeats what is open."""
_GRACE = 30.0

_places = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Load:
    """What one process of senders does."""

    run: str
    """The service's name; nobody else's."""
    grpc: str
    """``host:port``"""
    http: str
    """``http://host:port``"""
    senders: int = 2
    """For each signal and transport; each has one request under way."""
    items: int = 50
    pause: float = 0.0
    """Seconds between an OK and the next request; up to twice that, at random."""
    every: float = 0.0
    """Seconds from request to request of one sender whatever the answers take; 0: only `pause` counts."""
    timeout: float = 10.0
    """Seconds that a sender waits for an answer; 10 is what SDKs do by default."""
    longest_pause: float = 1.0
    """Seconds that a sender waits at most before it repeats a request, whatever the house asks for."""
    signals: tuple[Signal, ...] = tuple(Signal)
    transports: tuple[str, ...] = ("grpc", "http")
    seed: int = 0
    token: str = ""
    """An ingest token, without "Bearer "."""
    source: str = ""
    """Address that HTTP connections come from, such as 127.0.0.2; empty for any."""
    most: int = 0
    """Requests of each sender; 0 for as many as there is time for."""
    bodies: int = 0
    """So many different requests, sent again and again; 0: each is another. Repeated ones cannot be counted."""
    first: int = 0
    """The first request's number."""
    plain: bool = False
    """Over HTTP nothing but plain protobuf."""
    nice: int = 0
    """How far the process stands back for others (nice(2)): on a machine of its own it would take nobody's CPU."""
    ledger: Path = Path()


class Senders:
    """A running load."""

    def __init__(self, load: Load, folder: Path) -> None:
        self._load = replace(load, ledger=folder / f"{next(_places)}.ledger")
        job = self._load.ledger.with_suffix(".job")
        job.write_bytes(pickle.dumps(self._load))
        self._log = self._load.ledger.with_suffix(".log")
        command = [sys.executable, "-m", "bench.chaos.sender", str(job)]
        self._process = tether.start(command, self._log, pipes=True)
        self._told = threading.Condition()
        self._acknowledged = 0
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    @property
    def acknowledged(self) -> int:
        """Requests acknowledged so far."""
        return self._acknowledged

    def wait_for(self, acknowledged: int, within: float = PATIENCE) -> None:
        """Return once so many requests are acknowledged in all. Raises `RuntimeError` after `within` seconds."""
        with self._told:
            reached = self._told.wait_for(
                lambda: self._acknowledged >= acknowledged or self._process.poll() is not None, within
            )
        if not reached or self._acknowledged < acknowledged:
            raise RuntimeError(
                f"{self._acknowledged} of {acknowledged} requests were acknowledged within {within:g} s; "
                f"{self._last_words()}"
            )

    def finish(self, within: float = PATIENCE) -> list[Note]:
        """Begin nothing new, give what is under way `within` seconds, and read the notes."""
        if self._process.stdin is None:
            raise RuntimeError("the senders were started without a line to them")
        self._process.stdin.write(f"stop {within}\n")
        self._process.stdin.flush()
        return self.wait(within)

    def wait(self, within: float = PATIENCE) -> list[Note]:
        """Wait for senders that end by themselves (`Load.most`), and read the notes."""
        try:
            code = self._process.wait(within + self._load.timeout + _GRACE)
        except subprocess.TimeoutExpired:
            code = -1
        if code:
            raise RuntimeError(f"the senders ended with {code}; {self._last_words()}")
        return ledger.read(self._load.ledger)

    def end(self) -> None:
        """End the process whatever it does. Safe twice."""
        self._process.kill()
        self._process.wait()
        self._listener.join()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def _listen(self) -> None:
        for line in self._process.stdout or ():
            with self._told:
                self._acknowledged = int(line)
                self._told.notify_all()
        self._process.wait()
        with self._told:
            self._told.notify_all()

    def _last_words(self) -> str:
        return f"last words of the senders: {self._log.read_text(errors='replace')[-800:] or 'none'}"


@contextmanager
def running(load: Load) -> Iterator[Senders]:
    """Start the load, give it, end it after."""
    with tempfile.TemporaryDirectory(prefix="otelhouse-chaos-load-") as folder:
        senders = Senders(load, Path(folder))
        try:
            yield senders
        finally:
            senders.end()
