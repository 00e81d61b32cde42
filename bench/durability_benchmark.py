"""`otelhouse bench durability`: what it costs that an INSERT is on the disk before it is answered.

In: which door to measure, and how many INSERTs. Out: a line for each workload and batch size, with `sql.fsync_inserts`
off and on. Two databases of one engine take the same bytes in turns, with merges held, so both see the same machine;
medians are given, since a disk has bad moments. An engine of its own is started and removed: nothing else may use the
machine meanwhile.
"""

import contextlib
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import clickhouse_server, processes, workloads
from bench.workloads import Workload
from ingest import wire
from sql import migrate, otlp
from sql.settings import SchemaSettings
from store.opening import open_store
from store.port import Select, Store
from store.settings import StoreSettings

SIZES = (8_192, 40_960)
"""Items an INSERT: one large request, and a batch of several."""
_WARM_UP = 2


@dataclass(slots=True)
class Side:
    """INSERTs with the setting off, or on."""

    seconds: list[float] = field(default_factory=list)
    cpu_seconds: float = 0.0

    @property
    def median_ms(self) -> float:
        """Milliseconds of the INSERT in the middle."""
        return statistics.median(self.seconds) * 1e3


@dataclass(frozen=True, slots=True)
class Comparison:
    """One line of the result."""

    door: str
    workload: str
    items: int
    off: Side
    on: Side

    def cpu_us(self, side: Side) -> float:
        """CPU microseconds an item."""
        return side.cpu_seconds / len(side.seconds) / self.items * 1e6


def run(door: str, inserts: int) -> Iterator[Comparison]:
    """Measure one door, ``server`` or ``embedded``. Raises `bench.unavailable.UnavailableError`."""
    with _engine(door) as (settings, pid), contextlib.ExitStack() as opened:
        stores = {on: opened.enter_context(_database(settings, fsync=on)) for on in (False, True)}
        for workload in (workloads.flat_logs(), workloads.spans(), workloads.number_points()):
            for size in SIZES:
                items, chunks = _batch(workload, size)
                sides = _in_turns(stores, workload, chunks, pid, inserts)
                yield Comparison(door, workload.name, items, sides[False], sides[True])


def fsync_ms(folder: Path | None = None) -> float:
    """Median milliseconds of an fsync of 4 KiB, on the disk of `folder`, or without one of temporary files."""
    taken = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(200):
            file.write(bytes(4096))
            file.flush()
            begun = time.perf_counter()
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - begun)
    return statistics.median(taken) * 1e3


def as_text(comparisons: Sequence[Comparison], fsync: float) -> str:
    """Write the outcome for people, as a Markdown table."""
    lines = [
        f"One INSERT at a time, medians; an fsync of 4 KiB takes {fsync:.2f} ms here.",
        "",
        "| door | INSERT | off | on | | CPU off | CPU on |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for one in comparisons:
        more = (one.on.median_ms / one.off.median_ms - 1) * 100
        lines.append(
            f"| {one.door} | {one.items:,} {one.workload} | {one.off.median_ms:.0f} ms | {one.on.median_ms:.0f} ms "
            f"| {more:+.0f} % | {one.cpu_us(one.off):.1f} us | {one.cpu_us(one.on):.1f} us |"
        )
    return "\n".join(lines) + "\n"


def _in_turns(
    stores: Mapping[bool, Store], workload: Workload, chunks: Sequence[bytes], pid: int, inserts: int
) -> dict[bool, Side]:
    sides = {on: Side() for on in stores}
    for turn in range(inserts + _WARM_UP):
        for on in sorted(stores, reverse=bool(turn % 2)):
            cpu, begun = processes.cost_of(pid).cpu_seconds, time.perf_counter()
            stores[on].insert(otlp.insert_for(workload.signal, chunks, uuid.uuid4().hex))
            taken = time.perf_counter() - begun
            if turn >= _WARM_UP:
                sides[on].seconds.append(taken)
                sides[on].cpu_seconds += processes.cost_of(pid).cpu_seconds - cpu
    return sides


def _batch(workload: Workload, size: int) -> tuple[int, list[bytes]]:
    """At least `size` items as the ingester writes them."""
    items, chunks = 0, list[bytes]()
    while items < size:
        request = workload.requests[len(chunks) % len(workload.requests)]
        parcel = wire.pack(wire.parse(workload.signal, request))
        if parcel is None:
            raise ValueError(f"{workload.name} holds nested values, which this bench does not read")
        items, chunks = items + parcel.items, [*chunks, *parcel.chunks]
    return items, chunks


@contextlib.contextmanager
def _engine(door: str) -> Iterator[tuple[StoreSettings, int]]:
    """An engine of this run's own, and the process whose CPU time counts."""
    if door == "server":
        with clickhouse_server.ClickHouseServer() as server:
            yield StoreSettings(url=server.url), server.pid
        return
    with tempfile.TemporaryDirectory(prefix="otelhouse-bench-") as folder, contextlib.chdir(folder):
        yield StoreSettings(path=Path(folder) / "data"), os.getpid()


@contextlib.contextmanager
def _database(settings: StoreSettings, *, fsync: bool) -> Iterator[Store]:
    """A fresh database with our tables, in which nothing is merged."""
    outside = open_store(settings)
    name = f"fsync_{'on' if fsync else 'off'}"
    migrate.create_database(outside, name)
    store = open_store(settings.model_copy(update={"database": name}))
    try:
        migrate.migrate(store, SchemaSettings(fsync_inserts=fsync))
        store.select(Select("SYSTEM STOP MERGES"))
        yield store
    finally:
        store.close()
        outside.close()
