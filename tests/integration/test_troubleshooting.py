"""Every file in sql/troubleshooting/ runs on the tables as they are, and finds what it says it finds."""

import json
from importlib import resources

import pytest

import ready_tables
from sql.settings import SchemaSettings
from store.port import Insert, Select

FILES = sorted(entry.name for entry in (resources.files("sql") / "troubleshooting").iterdir())


def ask(store, name):
    text = (resources.files("sql") / "troubleshooting" / name).read_text(encoding="utf-8")
    answer = store.select(Select(text))
    return [dict(zip((column.name for column in answer.columns), row, strict=True)) for row in answer.rows]


@pytest.fixture
def filled(store):
    ready_tables.make(store, SchemaSettings(fsync_inserts=False))
    now = store.select(Select("SELECT toString(now64(9))")).rows[0][0]
    spans = [
        {"Timestamp": now, "ServiceName": "clock", "SpanName": "tick", "EndedBeforeStart": True},
        {"Timestamp": now, "ServiceName": "sound", "SpanName": "tick"},
    ]
    body = "\n".join(map(json.dumps, spans)).encode()
    store.insert(Insert("otel_traces", "JSONEachRow", [body], tuple(spans[0])))
    return store


@pytest.mark.parametrize("name", FILES)
def test_it_runs(filled, name):
    ask(filled, name)


def test_spans_that_ended_before_they_started_are_counted_by_service(filled):
    rows = ask(filled, "spans_ended_before_start.sql")
    assert [(row["ServiceName"], row["spans"]) for row in rows] == [("clock", 1)]


def test_the_lag_is_told_by_signal_and_service(filled):
    rows = ask(filled, "ingest_lag.sql")
    assert sorted((row["signal"], row["ServiceName"], row["rows"]) for row in rows) == [
        ("traces", "clock", 1),
        ("traces", "sound", 1),
    ]


def test_every_table_with_rows_is_listed_with_its_size(filled):
    rows = {row["table"]: row for row in ask(filled, "storage_by_table.sql")}
    assert rows["otel_traces"]["rows"] == 2
