"""A request may reach back as far as its rows are kept, further than ClickHouse's own default of 100 partitions."""

import time

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from ingest import wire
from sql import migrate, otlp, time_bounds
from sql.settings import RetentionSettings, SchemaSettings
from sql.signals import Signal
from store.errors import BadDataError
from store.port import Select

DAY = 86_400 * 10**9


def a_request_over_150_days():
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    for day in range(150):
        records.add(time_unix_nano=time.time_ns() - day * DAY).body.string_value = f"day {day}"
    return wire.read(Signal.LOGS, request.SerializeToString())


def stored(store):
    return store.select(Select("SELECT uniqExact(Body), count() FROM otel_logs")).rows


def insert(store, parcel):
    store.insert(otlp.insert_for(Signal.LOGS, parcel.chunks, "backfill"))


def test_a_request_over_150_days_is_stored_whole_where_logs_are_kept_for_a_year(store):
    migrate.migrate(store, SchemaSettings(retention=RetentionSettings(logs_days=365)))

    insert(store, a_request_over_150_days())

    assert stored(store) == [(150, 150)]


def test_where_logs_are_kept_for_a_month_the_days_before_are_refused_with_the_setting_to_change(store):
    migrate.migrate(store, SchemaSettings())
    parcel = a_request_over_150_days()

    with pytest.raises(BadDataError, match="log_times_are_near"):
        insert(store, parcel)
    rest, found = wire.sort_out(parcel, time_bounds.bounds(RetentionSettings())(Signal.LOGS))
    insert(store, rest)

    assert (len(found), stored(store)) == (120, [(30, 30)])
    assert "more than 30 days before its arrival" in rest.message
    assert "sql.retention.logs_days" in rest.message
