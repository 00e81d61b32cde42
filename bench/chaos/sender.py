"""Senders in a process of their own: real OTLP clients that keep book of every request.

In: a `Load`, as a pickle. Out: a ledger (`bench.chaos.ledger`), written at the end, and on standard output a line with
the number of OKs, at most ten a second. Each sender has one request under way; what is refused or has no answer it
sends again, byte by byte the same, until it is acknowledged, as SDKs do. ``stop SECONDS`` on standard input: no new
requests, so many seconds for those under way, then the ledger. The end of standard input: stop at once.
Run as ``python -m bench.chaos.sender``; `bench.chaos.load` starts it.
"""

import asyncio
import contextlib
import itertools
import os
import pickle
import random
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from bench.chaos import clients, ledger
from bench.chaos.clients import Body
from bench.chaos.ledger import Attempt, Note, Outcome
from bench.chaos.load import Load
from sql.signals import Signal

_SHORTEST_PAUSE = 0.1
_TELL_EVERY = 0.1


@dataclass(slots=True)
class _Crew:
    """All senders of the process."""

    load: Load
    acknowledged: int = 0
    notes: list[Note] = field(default_factory=list)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    patience: float = float("inf")
    """When those that wait for an OK give up, on the monotonic clock."""
    numbers: Iterator[int] = field(init=False)
    made: dict[tuple[str, Signal, int], Body] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.numbers = itertools.count(self.load.first)

    async def send_all(self) -> None:
        """Run every sender until it is told to stop."""
        load = self.load
        with ThreadPoolExecutor(max(1, load.senders * len(load.signals))) as threads:
            made: dict[str, Callable[[], clients.Client]] = {
                "grpc": lambda: clients.Grpc(load),
                "http": lambda: clients.Http(load, threads),
            }
            async with contextlib.AsyncExitStack() as stack:
                doors = [await stack.enter_async_context(made[name]()) for name in load.transports]
                await asyncio.gather(
                    *(
                        self._one_sender(door, signal, random.Random(f"{load.seed} {door.name} {signal} {index}"))
                        for index in range(load.senders)
                        for signal in load.signals
                        for door in doors
                    )
                )

    async def _one_sender(self, door: clients.Client, signal: Signal, draw: random.Random) -> None:
        load = self.load
        begun = time.monotonic() + draw.random() * (load.every or load.pause)
        for count in itertools.count() if not load.most else range(load.most):
            if load.every:
                await self._rest(max(0.0, begun + count * load.every - time.monotonic()))
            if self.stopping.is_set():
                return
            await self._until_acknowledged(door, signal, next(self.numbers), draw)
            if load.pause and not load.every:
                await self._rest(load.pause * 2 * draw.random())

    async def _until_acknowledged(self, door: clients.Client, signal: Signal, number: int, draw: random.Random) -> None:
        body = self._body(door, signal, number)
        attempts: list[Attempt] = []
        while True:
            begun = time.monotonic()
            outcome, words, pause = await door.send(signal, body)
            attempts.append(Attempt(outcome, begun, time.monotonic(), words))
            if outcome in (Outcome.ACKNOWLEDGED, Outcome.DENIED):
                break
            pause = min(max(pause, _SHORTEST_PAUSE) * (1 + draw.random()), self.load.longest_pause)
            if time.monotonic() + pause > self.patience:
                break
            await asyncio.sleep(pause)
        self.acknowledged += outcome is Outcome.ACKNOWLEDGED
        self.notes.append(Note(number, signal.value, door.name, self.load.items, tuple(attempts)))

    def _body(self, door: clients.Client, signal: Signal, number: int) -> Body:
        if not self.load.bodies:
            return door.written(signal, number)
        key = (door.name, signal, number % self.load.bodies)
        if key not in self.made:
            self.made[key] = door.written(signal, number)
        return self.made[key]

    async def _rest(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)


async def _run(load: Load) -> None:
    crew = _Crew(load)
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin.fileno(), _obey, crew)
    told = loop.create_task(_tell(crew))
    await crew.send_all()
    told.cancel()
    ledger.write(load.ledger, crew.notes)


def _obey(crew: _Crew) -> None:
    words = os.read(sys.stdin.fileno(), 1024).decode().split()
    if not words:  # whoever started this is gone
        os._exit(1)
    crew.patience = time.monotonic() + float(words[-1])
    crew.stopping.set()


async def _tell(crew: _Crew) -> None:
    told = -1
    while True:
        if crew.acknowledged != told:
            told = crew.acknowledged
            sys.stdout.write(f"{told}\n")
            sys.stdout.flush()
        await asyncio.sleep(_TELL_EVERY)


if __name__ == "__main__":
    # Written by `bench.chaos.load`, a moment ago, by this very program.
    given = pickle.loads(Path(sys.argv[1]).read_bytes())  # noqa: S301
    if given.nice:
        os.nice(given.nice)
    asyncio.run(_run(given))
