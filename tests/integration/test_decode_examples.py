"""Export requests worth keeping (`oracle.strange`), each row of them in ClickHouse held against the oracle's."""

import time

import pytest

import ready_tables
from ingest import wire
from oracle import decoding, doors, stored
from oracle.messages import GROUPS_AND_WRONG_TYPES
from oracle.strange import FOUND, MAP, STRANGE, attribute, fixed64, ids, logs, traces
from oracle.wireformat import VARINT, delimited, tag
from sql import otlp
from sql.settings import SchemaSettings
from sql.signals import Signal
from store.errors import BadDataError


def hold_against_the_oracle(store, requests):
    doors.prepared(store)
    for name, (signal, body) in requests.items():
        try:
            decoding.check(store, signal, [body])
        except Exception as error:
            error.add_note(f"the request: {name}")
            raise


def test_strange_requests_become_the_oracles_rows(store):
    hold_against_the_oracle(store, STRANGE | FOUND)


def test_fields_that_clickhouse_cannot_skip_are_mended_away(store):
    hold_against_the_oracle(store, {odd.hex(): (Signal.LOGS, everywhere(odd)) for odd in GROUPS_AND_WRONG_TYPES})


def everywhere(odd):
    """A log request with the bytes of a field nobody knows in each of its messages."""
    record = odd + delimited(3, b"kept") + attribute(6, b"k", odd + delimited(1, b"v") + odd)
    return delimited(1, odd + delimited(1, odd) + delimited(2, odd + delimited(2, record)))


@pytest.mark.parametrize(
    ("signal", "table", "good", "bad"),
    [
        pytest.param(Signal.TRACES, "otel_traces", traces(ids()), traces(ids(trace=b"short")), id="short id"),
        pytest.param(Signal.LOGS, "otel_logs", logs(delimited(3, b"x")), logs(GROUPS_AND_WRONG_TYPES[0]), id="group"),
    ],
)
def test_one_bad_request_keeps_the_whole_insert_out_until_it_is_mended(store, signal, table, good, bad):
    doors.prepared(store)
    parcels = [wire.read(signal, body) for body in (good, bad, good)]
    with pytest.raises(BadDataError):
        store.insert(otlp.insert_for(signal, [chunk for parcel in parcels for chunk in parcel.chunks]))
    assert stored.rows(store, table, ["ServiceName"]) == []
    mended = [wire.sort_out(parcel, decoding.ANY_TIME)[0] for parcel in parcels]
    store.insert(otlp.insert_for(signal, [chunk for parcel in mended for chunk in parcel.chunks]))
    assert len(stored.rows(store, table, ["ServiceName"])) == sum(parcel.items for parcel in mended)


def test_a_log_record_is_read_back_as_it_was_sent(store):
    ready_tables.make(store, SchemaSettings(fsync_inserts=False))
    now = time.time_ns()
    pod, shop = (b"k8s.pod.name", b"shop-1"), (b"service.name", b"shop")
    resource = b"".join(attribute(1, key, delimited(1, value)) for key, value in (shop, pod))
    severity = delimited(3, b"INFO") + tag(2, VARINT) + b"\x09"
    record = fixed64(1, now) + severity + delimited(5, MAP) + delimited(9, b"\xab" * 16)
    decoding.send(store, Signal.LOGS, [logs(record, resource)])
    assert stored.rows(
        store,
        "otel_logs",
        ["Timestamp", "TraceId", "SpanId", "SeverityText", "SeverityNumber", "Body", "ResourceAttributes"],
    ) == [
        {
            "Timestamp": now,
            "TraceId": b"ab" * 16,
            "SpanId": b"",
            "SeverityText": b"INFO",
            "SeverityNumber": 9,
            "Body": b'{"a":true,"b":-5}',
            "ResourceAttributes": [pod, shop],
        }
    ]
