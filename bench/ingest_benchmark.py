"""`otelhouse bench ingest`: what an item costs, in the ingester and in ClickHouse apart, beside the Native floor.

In: a ClickHouse server. Out: one `Figures` a workload. The ingester is a process of its own, started here with its real
settings and spoken to over its real front door; the load comes from another. All figures of a line come from one run.
"""

from dataclasses import dataclass

from bench import house_process, native_floor, processes, sender
from bench.clickhouse_meter import Meter
from bench.house_process import RunningHouse
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
    rounds: int = 3
    at_once: int = 12
    compressions: tuple[str, ...] = ("none", "gzip")


def run(meter: Meter, store_url: str, workload: Workload, compression: str, plan: Plan) -> Figures:
    """Send one workload and measure it, in rounds: ours, the floor, ours, the floor.

    The machine's speed drifts while neighbours come and go; in turns, both see the same of it.
    """
    settings = {"OTELHOUSE_STORE_URL": store_url, "OTELHOUSE_STORE_DATABASE": meter.database}
    with house_process.running("ingest", settings) as house:
        sender.send(house.grpc, workload, count=plan.at_once, at_once=plan.at_once, compression=compression)
        rounds = [_round(meter, house, workload, compression, plan) for _ in range(plan.rounds)]
        peak = processes.cost_of(house.pid).peak_bytes
    items = sum(each.items for each in rounds)
    floor_rows = sum(each.floor_rows for each in rounds)
    return Figures(
        workload=workload.name,
        compression=compression,
        items=items,
        seconds=sum(each.seconds for each in rounds),
        bytes_per_item=workload.bytes_per_item,
        ingester_us=sum(each.ingester for each in rounds) / items * 1e6,
        clickhouse_us=sum(each.clickhouse for each in rounds) / items * 1e6,
        floor_us=sum(each.floor for each in rounds) / floor_rows * 1e6,
        ingester_peak_bytes=peak,
        rows_per_insert=items // max(1, sum(each.inserts for each in rounds)),
    )


@dataclass(frozen=True, slots=True)
class _Round:
    """CPU seconds of one round."""

    items: int
    seconds: float
    inserts: int
    ingester: float
    clickhouse: float
    floor: float
    floor_rows: int


def _round(meter: Meter, house: RunningHouse, workload: Workload, compression: str, plan: Plan) -> _Round:
    for table in workload.tables:
        meter.say(f"TRUNCATE TABLE {table} SYNC")
        meter.hold_merges(table)
    count = max(plan.at_once, plan.items // plan.rounds // workload.items_per_request)
    inserts, clickhouse = _inserts(meter), meter.cpu_seconds()
    ingester = processes.cost_of(house.pid).cpu_seconds
    sent = sender.send(house.grpc, workload, count=count, at_once=plan.at_once, compression=compression)
    ingester = processes.cost_of(house.pid).cpu_seconds - ingester
    clickhouse = meter.cpu_seconds() - clickhouse
    inserts = _inserts(meter) - inserts
    _check(workload, sent, items := _rows(meter, workload))
    ready_made = {table: native_floor.blocks(meter, table) for table in workload.tables}
    clickhouse += sum(map(meter.merge_once, workload.tables))
    floors = [native_floor.measure(meter, table, *blocks) for table, blocks in ready_made.items()]
    return _Round(
        items=items,
        seconds=sent.seconds,
        inserts=inserts,
        ingester=ingester,
        clickhouse=clickhouse,
        floor=sum(floor.cpu_seconds for floor in floors),
        floor_rows=sum(floor.rows for floor in floors),
    )


def _check(workload: Workload, sent: sender.Sent, items: int) -> None:
    """A figure of a run in which something was refused or lost would be a lie."""
    if sent.refused:
        raise RuntimeError(f"{workload.name}: {sent.refused} requests were refused; the first: {sent.first_refusal}")
    expected = sent.acknowledged * workload.items_per_request
    if items != expected:
        raise RuntimeError(f"{workload.name}: {expected} items were acknowledged, ClickHouse holds {items}")


def _rows(meter: Meter, workload: Workload) -> int:
    return sum(meter.number(f"SELECT count() FROM {table}") for table in workload.tables)


def _inserts(meter: Meter) -> int:
    return meter.number("SELECT sum(value) FROM system.events WHERE event = 'InsertQuery'")
