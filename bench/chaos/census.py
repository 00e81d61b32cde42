"""How often ClickHouse holds each numbered request's items.

In: settings of a store, and the run's name. Out: rows and distinct items by signal and request. What the embedded
engine holds is read by a process of its own (``python -m bench.chaos.census FOLDER DATABASE RUN``) once the house has
let go of the folder: the engine is one a process.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from bench.chaos.ledger import Held
from bench.chaos.numbered import ATTRIBUTE
from sql.signals import Signal
from store.opening import open_store
from store.port import Limits, Select, Store
from store.settings import StoreSettings

Counts = dict[tuple[str, int], Held]

_POINTS = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
_IDS: Mapping[Signal, str] = {
    Signal.LOGS: "SELECT Body AS id, ServiceName FROM otel_logs",
    Signal.TRACES: f"SELECT SpanAttributes['{ATTRIBUTE}'] AS id, ServiceName FROM otel_traces",
    Signal.METRICS: " UNION ALL ".join(
        f"SELECT Attributes['{ATTRIBUTE}'] AS id, ServiceName FROM otel_metrics_{kind}" for kind in _POINTS
    ),
}
_COUNT = (
    "SELECT toUInt32OrZero(splitByChar('/', id)[1]) AS request, count() AS rows, uniqExact(id) AS items "
    "FROM ({ids}) WHERE ServiceName = {{run:String}} GROUP BY request"
)
_LIMITS = Limits(seconds=120.0, rows=10_000_000)


def take(settings: StoreSettings, run: str) -> Counts:
    """Count. The embedded engine's folder must be free."""
    if settings.embedded:
        command = [sys.executable, "-m", "bench.chaos.census", str(settings.path), settings.database, run]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
        return {(signal, number): Held(rows, items) for signal, number, rows, items in json.loads(done.stdout)}
    store = open_store(settings)
    try:
        return _count(store, run)
    finally:
        store.close()


def _count(store: Store, run: str) -> Counts:
    found: Counts = {}
    for signal, ids in _IDS.items():
        answer = store.select(Select(_COUNT.format(ids=ids), {"run": run}, limits=_LIMITS))
        if answer.truncated:
            raise RuntimeError(f"more requests of {signal} than can be counted")
        for request, rows, items in answer.rows:
            found[signal.value, int(str(request))] = Held(int(str(rows)), int(str(items)))
    return found


def _main(folder: str, database: str, run: str) -> None:
    store = open_store(StoreSettings(path=Path(folder), database=database))
    try:
        counts = _count(store, run)
    finally:
        store.close()
    sys.stdout.write(json.dumps([[*key, held.rows, held.distinct] for key, held in counts.items()]))


if __name__ == "__main__":
    _main(*sys.argv[1:])
