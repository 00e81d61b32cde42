"""One request is read: JSON becomes protobuf, protobuf is checked and made ready for ClickHouse.

In: a whole, decompressed body. Out: a `wire.Parcel`. Refuses what cannot be read (`MalformedError`) and what does not
fit into memory (`BusyError`, `TooLargeError`).

Protobuf is read on the event loop, in C, some 3 ms a mebibyte. What is Python per record runs on a thread: JSON and the
text of nested values (both at once where they are small).

Memory: a request is read only when what reading usually takes is free. One that needs more than the whole budget is
not refused for that, or a size that the doors allow would never get in: it needs the whole budget free, so it is read
while nothing else is held, and takes for that moment what it takes.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TypeVar

from identity.sender import Sender
from ingest import binding, otlp_json, wire
from ingest.counters import Counters
from ingest.enriching import Enricher, Enriching
from ingest.intake import Encoding
from ingest.memory import Budget, Lease
from ingest.nested import Hold
from ingest.resends import key_of
from sql.signals import Signal

R = TypeVar("R")

PROTOBUF_COST = 6
"""Bytes held for a moment per byte of protobuf: the body, its parsed form, what goes out. Measured as growth of the
process: 6.3 for flat logs of 270 bytes, less for longer ones. Only one request at a time is read like this, so what
tells little costs little: 33 for nothing but empty attributes, 71 for nothing but empty records."""
NESTED_COST = 26
"""The same where values are arrays or maps, which become text while the request is held. Measured: 5 for Kubernetes
events, 21 for attributes that are arrays of one number. `nested.TEXT_COST` comes on top for values over 64 KiB."""
JSON_COST = 16
"""The same for JSON: the body, its text, Python's objects for it, the messages made of them. Measured: 14.5."""
JSON_ON_LOOP = 16 * 1024
"""Bytes of JSON that are read at once on the event loop; more would hold up everybody else."""
NESTED_ON_LOOP = 64 * 1024
"""The same for protobuf whose nested values become text: 5 ms for Kubernetes events, 40 ms for empty arrays."""


class Reader:
    """Reads requests. Used on one event loop."""

    def __init__(self, budget: Budget, counters: Counters) -> None:
        self._budget = budget
        self._counters = counters
        self.enricher: Enricher | None = None
        """Who finds out more about what comes in; nobody, if the house has none."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="otelhouse-read")

    async def read(self, signal: Signal, body: bytes, encoding: Encoding, sender: Sender) -> wire.Parcel:
        """Read one request, with the memory that it takes in its sender's share."""
        cost = PROTOBUF_COST if encoding is Encoding.PROTOBUF else JSON_COST
        held = self._budget.reserve(max(len(body), self._capped(cost * len(body))), sender.key)
        try:
            parcel = await self._read(signal, body, encoding, sender, held)
            return replace(parcel, key=key_of(sender.key, signal, body)) if parcel.offences else parcel
        finally:
            # The body ends here: the chunks are counted as long as their batch lives.
            del body
            held.release()

    def close(self) -> None:
        """Let the thread go."""
        self._thread.shutdown(wait=False)

    async def _read(self, signal: Signal, body: bytes, encoding: Encoding, sender: Sender, held: Lease) -> wire.Parcel:
        if encoding is Encoding.JSON:
            read = partial(otlp_json.read, signal, body)
            body = read() if len(body) <= JSON_ON_LOOP else await self._on_thread(read)
        request = wire.parse(signal, body)
        self._counters.other_cluster(signal, binding.bind(request.resources, sender))
        wire.take_out_untyped(request)
        enriching = Enriching(self.enricher, request, self._on_thread, body)
        await enriching.resources(sender)
        parcel = wire.pack(request)
        if parcel is not None:
            enriching.count()
            return parcel
        need = NESTED_COST * request.size
        held.grow(self._capped(need))

        def hold(size: int) -> None:
            # One value that alone is too much is refused for good; beside other requests it is a matter of waiting.
            held.grow(max(size, self._capped(need + size)))

        await self._flatten(request, hold)
        await enriching.maps()
        enriching.count()
        return wire.packed(request)

    async def _flatten(self, request: wire.Request, hold: Hold) -> None:
        flatten = partial(wire.flatten, request, hold)
        if request.size <= NESTED_ON_LOOP:
            flatten()
        else:
            await self._on_thread(flatten)

    async def _on_thread(self, read: Callable[[], R]) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._thread, read)

    def _capped(self, size: int) -> int:
        return min(size, self._budget.limit)
