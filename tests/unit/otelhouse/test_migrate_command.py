"""`otelhouse migrate` over both doors: once, twice, dry, and where nothing can be done."""

import socket

import pytest
from click.testing import CliRunner

from otelhouse.__main__ import cli
from otelhouse.invocation import Surroundings
from store.port import Select


@pytest.fixture
def migrate(store_settings):
    def run(*arguments, database=store_settings.database):
        place = [f"--set=store.{key}={getattr(store_settings, key)}" for key in ("url", "path")]
        return CliRunner().invoke(
            cli, ["migrate", *place, f"--set=store.database={database}", *arguments], obj=Surroundings()
        )

    return run


def tables(store):
    return {row[0] for row in store.select(Select("SHOW TABLES")).rows}


def test_it_makes_the_tables_and_says_what_it_did(migrate, store):
    result = migrate()

    assert result.exit_code == 0, result.output
    assert {"otel_logs", "otel_traces", "otel_metrics_sum"} <= tables(store)
    assert "done: " in result.stderr
    assert result.stdout == ""


def test_the_second_time_there_is_nothing_to_do(migrate):
    assert migrate().exit_code == 0

    again = migrate()

    assert again.exit_code == 0, again.output
    assert again.stderr.splitlines() == ["the tables are up to date"]


def test_a_dry_run_prints_the_statements_and_changes_nothing(migrate, store):
    result = migrate("--dry-run")

    assert result.exit_code == 0, result.output
    assert "CREATE TABLE IF NOT EXISTS" in result.stdout
    assert "due: " in result.stderr
    assert tables(store) == set()


@pytest.mark.parametrize("door", ["embedded"], indirect=True)  # the tests' server dies of a refused greeting
def test_a_database_that_is_missing_is_made(migrate, store, store_settings):
    name = f"{store_settings.database}_new"
    try:
        result = migrate(database=name)

        assert result.exit_code == 0, result.output
        assert "otel_logs" in {row[0] for row in store.select(Select(f"SHOW TABLES FROM {name}")).rows}
    finally:
        store.select(Select(f"DROP DATABASE IF EXISTS {name} SYNC"))


def test_tables_that_were_here_before_are_left_alone_and_named(migrate, store):
    store.select(
        Select(
            "CREATE TABLE otel_traces_trace_id_ts (TraceId String, Start DateTime, End DateTime) "
            "ENGINE = MergeTree ORDER BY TraceId"
        )
    )

    result = migrate()

    assert "left as they were" in result.stderr, result.output
    assert "otel_traces_trace_id_ts" in result.stderr


def test_a_table_in_the_way_is_told_and_ends_with_exit_code_1(migrate, store):
    store.select(Select("CREATE TABLE otel_logs (Timestamp DateTime, Body JSON) ENGINE = MergeTree ORDER BY Timestamp"))

    result = migrate()

    assert result.exit_code == 1
    assert "otel_logs" in result.stderr


def test_a_server_that_does_not_answer_is_told_and_ends_with_exit_code_1():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    url = f"clickhouse://127.0.0.1:{port}?http_port={port}"

    result = CliRunner().invoke(
        cli, ["migrate", "--clickhouse", url, "--set=process.store_wait_s=0"], obj=Surroundings()
    )

    assert result.exit_code == 1
    assert "did not answer" in result.stderr
