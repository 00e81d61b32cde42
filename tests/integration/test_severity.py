"""A log record without a severity gets the one that its body tells; a sender's own is never touched."""

import time
from pathlib import Path

import pytest
import yaml
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, LogsData, ResourceLogs, ScopeLogs

import ready_tables
from ingest import wire
from sql import otlp
from sql.settings import SchemaSettings
from sql.signals import Signal
from store.port import Select

CORPUS = yaml.safe_load((Path(__file__).parents[1] / "corpus" / "severity.yaml").read_text(encoding="utf-8"))
NUMBERS = {"": 0, "TRACE": 1, "DEBUG": 5, "INFO": 9, "WARN": 13, "ERROR": 17, "FATAL": 21}
LINES = [(level, text) for lines in CORPUS.values() for level, text in lines]


@pytest.fixture
def tables(store):
    ready_tables.make(store, SchemaSettings(fsync_inserts=False))
    return store


def record(body, **fields):
    value = AnyValue(string_value=body) if isinstance(body, str) else body
    return LogRecord(time_unix_nano=time.time_ns(), body=value, **fields)


def stored(store, records):
    """What otel_logs says of them, in the order of their times."""
    for number, one in enumerate(records):
        one.time_unix_nano += number
    data = LogsData(resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=records)])])
    store.insert(otlp.insert_for(Signal.LOGS, wire.read(Signal.LOGS, data.SerializeToString()).chunks))
    return store.select(Select("SELECT SeverityText, SeverityNumber, Body FROM otel_logs ORDER BY Timestamp")).rows


def test_every_line_of_the_corpus_gets_its_level(tables):
    found = stored(tables, [record(text) for _, text in LINES])

    assert len(found) == len(LINES)
    expected = [(level, NUMBERS[level], text) for level, text in LINES]
    assert [row for row, wanted in zip(found, expected, strict=True) if row != wanted] == []


def test_a_senders_own_severity_is_never_touched(tables):
    told = "ERROR: this is what the body says"
    found = stored(
        tables,
        [
            record(told, severity_number=9, severity_text="Information"),
            record(told, severity_number=9),
            record(told, severity_text="meh"),
            record(told),
        ],
    )
    assert [row[:2] for row in found] == [("Information", 9), ("", 9), ("meh", 0), ("ERROR", 17)]


def test_a_body_that_is_a_map_tells_its_level_by_its_fields(tables):
    fields = [
        KeyValue(key="msg", value=AnyValue(string_value="x")),
        KeyValue(key="level", value=AnyValue(int_value=50)),
    ]
    body = AnyValue(kvlist_value=KeyValueList(values=fields))
    assert [row[:2] for row in stored(tables, [record(body)])] == [("ERROR", 17)]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "ERROR",
        "\x1b[31mERROR",
        "\x1b[",
        "{" * 5000,
        "[" * 5000,
        '{"a":' * 900,
        "2026-11-20 " * 400 + "ERROR x",
        "a=b " * 400 + "level=error",
        "\x00ERROR",
        "é" * 600,
        '{"level":"' + "e" * 900,
    ],
)
def test_a_strange_body_is_stored_as_it_is(tables, body):
    ((text, number, kept),) = stored(tables, [record(body)])
    assert kept == body
    assert (text, number) in {("", 0), ("ERROR", 17)}


def test_a_level_far_into_a_line_is_not_looked_for(tables):
    """Only the first thousand bytes are read, so that a long record costs no more than a short one."""
    near, far = "a=b " * 200 + "level=error", "a=b " * 400 + "level=error"
    assert [row[0] for row in stored(tables, [record(near), record(far)])] == ["ERROR", ""]
