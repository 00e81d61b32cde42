"""What a real house tells of itself to itself is stored as any telemetry, and shown to who asks for it by name."""

import pytest
from running_house import House

from store.opening import open_store
from store.port import Select

OWN = "otelhouse-self"
TABLES = ("otel_logs", "otel_traces", "otel_metrics_gauge", "otel_metrics_sum", "otel_metrics_histogram")


@pytest.fixture
def stored(server_settings):
    """How many rows a table has of a service, read from ClickHouse itself."""
    store = open_store(server_settings)

    def stored(table):
        sql = f"SELECT ServiceName, count() FROM {table} GROUP BY ServiceName"  # noqa: S608 - names of our own
        return dict(store.select(Select(sql)).rows)

    yield stored
    store.close()


def house(folder, settings, *more):
    place = ("--clickhouse", settings.url, f"--set=store.database={settings.database}")
    return House(folder, *place, "--set=own_telemetry.to=self", "--set=own_telemetry.interval_s=3600", *more).up()


def test_log_lines_spans_and_figures_of_a_house_are_stored_when_it_ends_at_the_latest(
    server_settings, stored, tmp_path
):
    first = house(tmp_path, server_settings)
    assert first.question("services") == []
    first.end()

    assert {table: set(stored(table)) for table in TABLES} == {table: {OWN} for table in TABLES}

    again = house(tmp_path, server_settings)
    try:
        assert again.question("recent_logs") == again.question("services") == []
        assert {row["service"] for row in again.question("recent_logs", service=OWN)} == {OWN}
        assert {row["match_service"] for row in again.question("find_traces", service=OWN)} == {OWN}
        assert "otelhouse_ingest_in_flight_bytes" in {
            row["metric"] for row in again.question("metric_names", service=OWN)
        }
    finally:
        again.end()
