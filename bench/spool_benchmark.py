"""`otelhouse bench spool`: what it costs that all goes by way of the spool, beside the direct way in the same run.

In: a ClickHouse server, and a folder on the disk that is meant. Out: `Figures` for each of two houses that take the
same requests in turns: one that inserts before it says OK (`spool.mode: never`), one that says OK once the request is
fsynced in its spool (`spool.mode: always`) and inserts behind that. ClickHouse itself is asked when the last row was
there. Merges are held back, as in `bench ingest`.
"""

import contextlib
import dataclasses
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import house_process, ingest_benchmark, processes, report, sender
from bench.clickhouse_meter import Meter
from bench.house_process import RunningHouse
from bench.ingest_benchmark import Plan
from bench.workloads import Workload

DIRECT, SPOOLED = "never", "always"
"""`spool.mode` of the two houses."""
STORED_WITHIN = 300.0
"""Seconds after the last acknowledgement within which ClickHouse must hold the last row."""
_LOOK_EVERY = 0.05


@dataclass(frozen=True, slots=True)
class Figures:
    """What one way to ClickHouse gives. Times are wall seconds from the first request on."""

    mode: str
    """`spool.mode` of the house."""
    items: int
    acknowledged_s: float
    """Until the last one was acknowledged."""
    stored_s: float
    """Until ClickHouse held the last one."""
    ingester_us: float
    """CPU microseconds an item, both times the whole way to ClickHouse."""
    clickhouse_us: float
    inserts: int

    @property
    def acknowledged_per_second(self) -> float:
        """Items acknowledged in a second, on a machine that also runs the load and ClickHouse."""
        return self.items / self.acknowledged_s

    @property
    def stored_per_second(self) -> float:
        """Items that reached ClickHouse in a second."""
        return self.items / self.stored_s


@dataclass(frozen=True, slots=True)
class Comparison:
    """One run."""

    workload: str
    direct: Figures
    spooled: Figures
    fsync_ms: float
    """Of 4 KiB, on the disk of the spool."""

    @property
    def acknowledged(self) -> float:
        """Acknowledged by way of the spool in a second, over the same of the direct way."""
        return self.spooled.acknowledged_per_second / self.direct.acknowledged_per_second

    @property
    def stored(self) -> float:
        """The same, of what reached ClickHouse."""
        return self.spooled.stored_per_second / self.direct.stored_per_second


@dataclass(frozen=True, slots=True)
class _House:
    """One of the two, and the database that is its own."""

    house: RunningHouse
    meter: Meter


def run(meter: Meter, store_url: str, workload: Workload, plan: Plan, folder: Path) -> tuple[Figures, Figures]:
    """Measure both ways, direct and by way of a spool in `folder`, in turns. Both databases are this run's own."""
    loads: dict[str, list[Figures]] = {DIRECT: [], SPOOLED: []}
    with contextlib.ExitStack() as opened:
        houses = {mode: opened.enter_context(_house(meter, store_url, mode, folder / mode)) for mode in loads}
        for mode, house in houses.items():  # a round that counts nothing, with a request a sender
            _load(house, mode, workload, Plan(items=0))
        for turn in range(plan.rounds):
            for mode in sorted(loads, reverse=bool(turn % 2)):
                loads[mode].append(_load(houses[mode], mode, workload, plan))
    return together(loads[DIRECT]), together(loads[SPOOLED])


def as_json(found: Comparison, clickhouse_version: str) -> str:
    """Give one object: the machine, the server's version and both lines."""
    told = {"machine": report.machine(), "clickhouse": clickhouse_version, **dataclasses.asdict(found)}
    return json.dumps(told, indent=2) + "\n"


def read(told: Mapping[str, Any]) -> Comparison:
    """Read back what `as_json` wrote."""
    return Comparison(told["workload"], Figures(**told["direct"]), Figures(**told["spooled"]), told["fsync_ms"])


def as_markdown(found: Comparison) -> str:
    """Give the table that stands in docs/reliability.md."""
    lines = [
        f"| {found.workload} | acknowledged/s | in ClickHouse/s | ingester | ClickHouse | items an INSERT |",
        "|---|---:|---:|---:|---:|---:|",
        _line("direct (`spool.mode: never`)", found.direct),
        _line("by way of the spool (`spool.mode: always`)", found.spooled),
        f"| the second over the first | {found.acknowledged:.2f} | {found.stored:.2f} | | | |",
    ]
    return "\n".join(lines) + "\n"


def _line(name: str, figures: Figures) -> str:
    return (
        f"| {name} | {figures.acknowledged_per_second:,.0f} | {figures.stored_per_second:,.0f} "
        f"| {figures.ingester_us:.2f} us | {figures.clickhouse_us:.2f} us "
        f"| {figures.items // max(1, figures.inserts):,} |"
    )


@contextlib.contextmanager
def _house(meter: Meter, store_url: str, mode: str, folder: Path) -> Iterator[_House]:
    own = dataclasses.replace(meter, database=f"{meter.database}_{mode}")
    outside = dataclasses.replace(meter, database="default")
    settings = {
        "OTELHOUSE_STORE_URL": store_url,
        "OTELHOUSE_STORE_DATABASE": own.database,
        "OTELHOUSE_INGEST_SPOOL_MODE": mode,
        "OTELHOUSE_INGEST_SPOOL_PATH": os.fspath(folder.absolute()),
    }
    outside.say(f"CREATE DATABASE {own.database}")
    try:
        with house_process.running("ingest", settings) as house:
            yield _House(house, own)
    finally:
        outside.say(f"DROP DATABASE {own.database} SYNC")


def _load(to: _House, mode: str, workload: Workload, plan: Plan) -> Figures:
    ingest_benchmark.empty_tables(to.meter, workload)
    count = max(workload.senders, int(plan.items * workload.share) // plan.rounds // workload.items_per_request)
    inserts, clickhouse = ingest_benchmark.inserts_so_far(to.meter), to.meter.cpu_seconds()
    ingester = processes.cost_of(to.house.pid).cpu_seconds
    sent = sender.send(to.house.grpc, workload, count=count, at_once=workload.senders, compression="none")
    items = sent.acknowledged * workload.items_per_request
    stored_at = _stored_at(to.meter, workload, items)
    ingester = processes.cost_of(to.house.pid).cpu_seconds - ingester
    clickhouse = to.meter.cpu_seconds() - clickhouse
    ingest_benchmark.check(workload, sent, ingest_benchmark.stored_items(to.meter, workload))
    return Figures(
        mode=mode,
        items=items,
        acknowledged_s=sent.seconds,
        stored_s=sent.seconds + max(0.0, stored_at - sent.ended_at),
        ingester_us=ingester / items * 1e6,
        clickhouse_us=clickhouse / items * 1e6,
        inserts=ingest_benchmark.inserts_so_far(to.meter) - inserts,
    )


def _stored_at(meter: Meter, workload: Workload, items: int) -> float:
    """Wait until ClickHouse holds that many, and give when that was, in seconds since 1970."""
    deadline = time.monotonic() + STORED_WITHIN
    while ingest_benchmark.stored_items(meter, workload) < items:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{workload.name}: ClickHouse did not hold {items} items within {STORED_WITHIN:.0f} s")
        time.sleep(_LOOK_EVERY)  # ClickHouse tells nobody what reaches it
    return time.time()


def together(loads: Sequence[Figures]) -> Figures:
    """Put the rounds of one way together, each by what was sent in it."""
    items = sum(load.items for load in loads)
    return Figures(
        mode=loads[0].mode,
        items=items,
        acknowledged_s=sum(load.acknowledged_s for load in loads),
        stored_s=sum(load.stored_s for load in loads),
        ingester_us=sum(load.ingester_us * load.items for load in loads) / items,
        clickhouse_us=sum(load.clickhouse_us * load.items for load in loads) / items,
        inserts=sum(load.inserts for load in loads),
    )
