"""One request may reach back further than ClickHouse's own default of 100 partitions an INSERT allows."""

import time

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from ingest import wire
from sql import migrate, otlp
from sql.settings import RetentionSettings, SchemaSettings
from sql.signals import Signal
from store.port import Select

DAY = 86_400 * 10**9


def test_a_request_over_150_days_is_stored_whole(store):
    migrate.migrate(store, SchemaSettings(retention=RetentionSettings(logs_days=365)))
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    for day in range(150):
        records.add(time_unix_nano=time.time_ns() - day * DAY).body.string_value = f"day {day}"

    parcel = wire.read(Signal.LOGS, request.SerializeToString())
    store.insert(otlp.insert_for(Signal.LOGS, parcel.chunks, "backfill"))

    assert store.select(Select("SELECT uniqExact(Body), count() FROM otel_logs")).rows == [(150, 150)]
