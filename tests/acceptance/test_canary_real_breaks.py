"""What really breaks behind the doors of a real house on a real server is named by the canary: the leg, and the signal.

The house is a process of its own; the canary beats when the test tells it to, so that things break between two beats.
"""

import pytest
from running_house import House

from canary.book import Book
from canary.items import KINDS
from canary.judging import State
from canary.watch import Canary
from otelhouse import canary_ways
from otelhouse.canary_records import StoredRecords
from otelhouse.canary_ways import Shown
from otelhouse.house_access import Access
from otelhouse.settings import Settings
from store.opening import open_store
from store.port import Select

SECONDS = 15.0
"""For which the canary looks for what is lost: longer than a beat takes."""
TABLES = {"log": "otel_logs", "span": "otel_traces", "histogram": "otel_metrics_histogram"}


@pytest.fixture
def house(server_settings, tmp_path):
    house = House(tmp_path, "--clickhouse", server_settings.url, f"--set=store.database={server_settings.database}")
    try:
        yield house.up()
    finally:
        house.end()


@pytest.fixture
def store(house, server_settings):
    """ClickHouse itself, past the house."""
    store = open_store(server_settings)
    yield store
    store.close()


@pytest.fixture
def canary(house, store):
    where = {
        "rest_url": house.address("REST"),
        "grpc_url": house.address("OTLP/gRPC"),
        "http_url": house.address("OTLP/HTTP"),
        "mcp_url": f"{house.address('MCP')}/mcp",
    }
    settings = Settings.model_validate({"canary": {**where, "give_up_s": SECONDS, "late_s": SECONDS}})
    records = StoredRecords(store, SECONDS)
    ways = canary_ways.ways(settings, canary_ways.told(settings), Access(), Shown(), records)
    return Canary(ways, settings.canary, ("",), Book(("",), SECONDS))


def broken(beaten):
    """By leg, what is broken there, of which signals."""
    found = {}
    for one in beaten.broken:
        found.setdefault(one.leg, {})[one.signal] = one.state
    return found


@pytest.mark.parametrize(
    ("view", "signal"),
    [("otel_metrics_gauge_mv", "gauge"), ("otel_k8s_events_mv", "event")],
)
def test_a_view_that_was_dropped_breaks_the_leg_stored(canary, store, view, signal):
    assert broken(canary.beat()) == {}

    store.select(Select(f"DROP VIEW {view} SYNC"))
    beaten = canary.beat()

    assert beaten.broken[0].leg == "stored"
    # The house may see it meanwhile, and hold everything back.
    assert broken(beaten)["stored"][signal] is State.LOST
    assert "kept" not in broken(beaten), "what the beat before stored is still there"


def test_a_row_that_was_deleted_breaks_the_leg_kept(canary, store):
    assert broken(canary.beat()) == {}

    for signal, table in TABLES.items():
        gone = f"ALTER TABLE {table} DELETE WHERE ServiceName = 'otelhouse-canary'"
        store.select(Select(f"{gone} SETTINGS mutations_sync = 2"))
        beaten = canary.beat()
        assert broken(beaten) == {"kept": {signal: State.LOST}}
        kept = {one.signal: one.state for one in beaten.findings if one.leg == "kept"}
        assert kept == {kind: State.LOST if kind == signal else State.OK for kind in KINDS}

    assert broken(canary.beat()) == {}, "the beat before it is whole"
