"""`otelhouse bench ingest`: what an item costs, in the ingester and in ClickHouse apart, beside the Native floor.

In: a ClickHouse server. Out: one `Figures` a workload. The ingester is a process of its own, started here with its real
settings and spoken to over its real front door; the load comes from another. All figures of a line come from one run.
"""

from dataclasses import dataclass

from bench import house_process, native_floor, processes, sender
from bench.clickhouse_meter import Meter
from bench.workloads import Workload


@dataclass(frozen=True, slots=True)
class Figures:
    """One line of the result. Times are CPU microseconds an item, sizes are bytes."""

    workload: str
    compression: str
    items: int
    seconds: float
    bytes_per_item: float
    ingester_us: float
    clickhouse_us: float
    floor_us: float
    ingester_peak_bytes: int
    rows_per_insert: int

    @property
    def items_per_second(self) -> float:
        """Items acknowledged in a second of wall time, on a machine that also runs the load."""
        return self.items / self.seconds

    @property
    def over_floor(self) -> float:
        """Ingester and ClickHouse together, over the floor of the same run."""
        return (self.ingester_us + self.clickhouse_us) / self.floor_us


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is sent, and how."""

    items: int = 1_500_000
    at_once: int = 12
    compressions: tuple[str, ...] = ("none", "gzip")


def run(meter: Meter, store_url: str, workload: Workload, compression: str, plan: Plan) -> Figures:
    """Send one workload and measure it. The database of `meter` must be empty of its rows."""
    count = max(plan.at_once, plan.items // workload.items_per_request)
    settings = {"OTELHOUSE_STORE_URL": store_url, "OTELHOUSE_STORE_DATABASE": meter.database}
    with house_process.running("ingest", settings) as house:
        sender.send(house.grpc, workload, count=plan.at_once, at_once=plan.at_once, compression=compression)
        meter.wait_for_merges()
        rows_before, inserts_before = _rows(meter, workload), _inserts(meter)
        ingester_before, clickhouse_before = processes.cost_of(house.pid), meter.cpu_seconds()
        sent = sender.send(house.grpc, workload, count=count, at_once=plan.at_once, compression=compression)
        ingester_after = processes.cost_of(house.pid)
        inserts = _inserts(meter) - inserts_before
        meter.wait_for_merges()
        clickhouse_after = meter.cpu_seconds()
        items = _rows(meter, workload) - rows_before
    _check(workload, sent, items)
    rows_per_insert = items // max(inserts, 1)
    return Figures(
        workload=workload.name,
        compression=compression,
        items=items,
        seconds=sent.seconds,
        bytes_per_item=workload.bytes_per_item,
        ingester_us=(ingester_after.cpu_seconds - ingester_before.cpu_seconds) / items * 1e6,
        clickhouse_us=(clickhouse_after - clickhouse_before) / items * 1e6,
        floor_us=_floor(meter, workload, rows_per_insert),
        ingester_peak_bytes=ingester_after.peak_bytes,
        rows_per_insert=rows_per_insert,
    )


def _check(workload: Workload, sent: sender.Sent, items: int) -> None:
    """A figure of a run in which something was refused or lost would be a lie."""
    if sent.refused:
        raise RuntimeError(f"{workload.name}: {sent.refused} requests were refused; the first: {sent.first_refusal}")
    expected = sent.acknowledged * workload.items_per_request
    if items != expected:
        raise RuntimeError(f"{workload.name}: {expected} items were acknowledged, ClickHouse holds {items}")


def _floor(meter: Meter, workload: Workload, rows_per_insert: int) -> float:
    """The floor of one item; where items spread over tables, each table gets its share of an insert's rows."""
    share = max(1, rows_per_insert // len(workload.tables))
    floors = [native_floor.measure(meter, table, share) for table in workload.tables]
    return sum(floor.cpu_seconds for floor in floors) / sum(floor.rows for floor in floors) * 1e6


def _rows(meter: Meter, workload: Workload) -> int:
    return sum(meter.number(f"SELECT count() FROM {table}") for table in workload.tables)


def _inserts(meter: Meter) -> int:
    return meter.number("SELECT sum(value) FROM system.events WHERE event = 'InsertQuery'")
