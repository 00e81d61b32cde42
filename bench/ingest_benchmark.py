"""`otelhouse bench ingest`: what an item costs, in the ingester and in ClickHouse apart, beside the Native floor.

In: a ClickHouse server. Out: one `Figures` a workload, from rounds of three steps:

1. Load. The ingester is a process of its own, with its real settings, spoken to over its real front door by a load
   generator that is another. Gives the ingester's CPU time and memory, the rate, and how many items go into an INSERT.
2. The same requests in INSERTs of that size, as the ingester writes them, one at a time on a machine that does nothing
   else; then one merge. Gives ClickHouse's CPU time.
3. The rows of those INSERTs ready-made in Native format, one at a time; then one merge. Gives the floor.

Steps 2 and 3 see the same machine. Under load a CPU second buys less work, since caches and memory are shared: what
ClickHouse used in step 1 is given as well, but compared with nothing.

With enrichment the house watches a cluster of five thousand pods (`bench.watched_pods`), which the requests are from:
of Kubernetes they say a pod's uid, and the house adds the rest. Steps 2 and 3 write what it added as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bench import house_process, native_floor, processes, sender, watched_pods
from bench.clickhouse_meter import Meter
from bench.house_process import RunningHouse
from bench.workloads import Workload
from ingest import units
from ingest.wire import Parcel
from sql import otlp
from store.opening import open_store
from store.port import Store
from store.settings import StoreSettings

_INSERTS_A_ROUND = 12
_PATIENT = {"OTELHOUSE_INGEST_SPOOL_PATIENCE_S": "300"}
"""What goes to the spool is stored later, maybe in the next round, and would be counted there."""


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
    clickhouse_under_load_us: float
    ingester_peak_bytes: int
    rows_per_insert: int
    enriched: bool = False

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
    compressions: tuple[str, ...] = ("none", "gzip")
    enriched: bool = False
    """Whether the house enriches what comes in."""


@dataclass(frozen=True, slots=True)
class _Load:
    """Step 1: CPU seconds under load."""

    items: int
    seconds: float
    inserts: int
    ingester: float
    clickhouse: float


@dataclass(frozen=True, slots=True)
class _Pair:
    """Steps 2 and 3: CPU seconds of the same rows, written in two ways."""

    rows: int
    ours: float
    floor: float


def run(meter: Meter, store_url: str, workload: Workload, compression: str, plan: Plan) -> Figures:
    """Measure one workload. The database of `meter` is this run's own."""
    settings = {"OTELHOUSE_STORE_URL": store_url, "OTELHOUSE_STORE_DATABASE": meter.database, **_PATIENT}
    loads, pairs = [], []
    parcels = watched_pods.parcels(workload, enriched=plan.enriched)
    with (
        watched_pods.settings(enriched=plan.enriched) as more,
        house_process.running("ingest", {**settings, **more}) as house,
    ):
        if plan.enriched:
            watched_pods.wait_until_known(house)
        store = open_store(StoreSettings(url=store_url, database=meter.database))
        count = workload.senders
        sender.send(house.grpc, workload, count=count, at_once=workload.senders, compression=compression)
        for _ in range(plan.rounds):
            loads.append(_load(meter, house, workload, compression, plan))
            check_enriched(meter, workload, enriched=plan.enriched)
            rows = loads[-1].items // max(1, loads[-1].inserts)
            pairs.append(_pair(meter, store, workload, parcels, max(1, round(rows / workload.items_per_request))))
        peak = processes.cost_of(house.pid).peak_bytes
        store.close()
    return _figures(workload, compression, plan, loads, pairs, peak)


def _figures(
    workload: Workload, compression: str, plan: Plan, loads: Sequence[_Load], pairs: Sequence[_Pair], peak: int
) -> Figures:
    items, rows = sum(load.items for load in loads), sum(pair.rows for pair in pairs)
    return Figures(
        workload=workload.name,
        compression=compression,
        items=items,
        seconds=sum(load.seconds for load in loads),
        bytes_per_item=workload.bytes_per_item,
        ingester_us=sum(load.ingester for load in loads) / items * 1e6,
        clickhouse_us=sum(pair.ours for pair in pairs) / rows * 1e6,
        floor_us=sum(pair.floor for pair in pairs) / rows * 1e6,
        clickhouse_under_load_us=sum(load.clickhouse for load in loads) / items * 1e6,
        ingester_peak_bytes=peak,
        rows_per_insert=items // max(1, sum(load.inserts for load in loads)),
        enriched=plan.enriched,
    )


def _load(meter: Meter, house: RunningHouse, workload: Workload, compression: str, plan: Plan) -> _Load:
    empty_tables(meter, workload)
    count = max(workload.senders, int(plan.items * workload.share) // plan.rounds // workload.items_per_request)
    inserts, clickhouse = inserts_so_far(meter), meter.cpu_seconds()
    ingester = processes.cost_of(house.pid).cpu_seconds
    sent = sender.send(house.grpc, workload, count=count, at_once=workload.senders, compression=compression)
    ingester = processes.cost_of(house.pid).cpu_seconds - ingester
    clickhouse = meter.cpu_seconds() - clickhouse
    inserts = inserts_so_far(meter) - inserts
    check(workload, sent, items := stored_items(meter, workload))
    return _Load(items, sent.seconds, inserts, ingester, clickhouse)


def _pair(meter: Meter, store: Store, workload: Workload, parcels: Sequence[Parcel], requests_per_insert: int) -> _Pair:
    empty_tables(meter, workload)
    numbers = range(_INSERTS_A_ROUND * requests_per_insert)
    ours = meter.cpu_seconds()
    for first in numbers[::requests_per_insert]:
        group = (parcels[number % len(parcels)] for number in range(first, first + requests_per_insert))
        chunks = [chunk for parcel in group for chunk in parcel.chunks]
        store.insert(otlp.insert_for(workload.signal, chunks, token=units.new_token()))
    ours = meter.cpu_seconds() - ours
    ready_made = {table: native_floor.blocks(meter, table) for table in workload.tables}
    ours += sum(map(meter.merge_once, workload.tables))
    floors = [native_floor.measure(meter, table, *blocks) for table, blocks in ready_made.items()]
    return _Pair(stored_items(meter, workload), ours, sum(floors))


def check(workload: Workload, sent: sender.Sent, items: int) -> None:
    """A figure of a run in which something was refused or lost would be a lie."""
    if sent.refused:
        raise RuntimeError(f"{workload.name}: {sent.refused} requests were refused; the first: {sent.first_refusal}")
    expected = sent.acknowledged * workload.items_per_request
    if items != expected:
        raise RuntimeError(f"{workload.name}: {expected} items were acknowledged, ClickHouse holds {items}")


def check_enriched(meter: Meter, workload: Workload, *, enriched: bool) -> None:
    """The same of a run in which not every item was enriched, or one was that should not."""
    wrong = "=" if enriched else "!="
    for table in workload.tables:
        asked = f"SELECT count() FROM {table} WHERE ResourceAttributes['k8s.deployment.name'] {wrong} ''"
        if count := meter.number(asked):
            raise RuntimeError(f"{workload.name}: {count} items in {table} were {'not ' * enriched}enriched")


def empty_tables(meter: Meter, workload: Workload) -> None:
    """Empty the workload's tables, and let nothing merge in them."""
    for table in workload.tables:
        meter.say(f"TRUNCATE TABLE {table} SYNC")
        meter.hold_merges(table)


def stored_items(meter: Meter, workload: Workload) -> int:
    """Items of the workload that ClickHouse holds."""
    return sum(meter.number(f"SELECT count() FROM {table}") for table in workload.tables)


def inserts_so_far(meter: Meter) -> int:
    """INSERTs since the server started."""
    return meter.number("SELECT sum(value) FROM system.events WHERE event = 'InsertQuery'")
