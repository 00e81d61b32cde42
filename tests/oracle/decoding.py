"""Sends Export requests through the product's own decoding into ClickHouse, and holds the rows against the oracle's.

The tables are the product's, but for their engines and the bounds of times: random times would open thousands of
partitions, and retention would drop the rows of 1970. So each otel_* table is swapped for one of the same columns,
without partitions and TTL, and each otlp_* table takes any time. The decoding itself (`ingest.wire`, `sql.otlp`, the
views) is the product's, untouched.
"""

import time
from collections import Counter
from pprint import pformat

from ingest import wire
from oracle import rows, stored
from oracle.wireformat import read
from sql import otlp
from sql.signals import Signal
from sql.time_bounds import TimeBounds

ORACLES = {Signal.LOGS: rows.logs, Signal.TRACES: rows.traces, Signal.METRICS: rows.metrics}
REQUESTS = {Signal.LOGS: "LogsRequest", Signal.TRACES: "TracesRequest", Signal.METRICS: "MetricsRequest"}

TOLD = {(b"TRACE", 1), (b"DEBUG", 5), (b"INFO", 9), (b"WARN", 13), (b"ERROR", 17), (b"FATAL", 21)}
"""Severities that the decoding view writes itself."""

ANY_TIME = TimeBounds(reach_days=10**9, ahead_days=10**9)


def without_partitions(store):
    """Swap every otel_* table of a migrated database for an unpartitioned one that keeps its rows for good."""
    for table in ("otlp_logs", "otlp_traces", "otlp_metrics"):
        stored.statement(store, f"ALTER TABLE {table} MODIFY COLUMN times_are_near Bool MATERIALIZED true")
    sql = """SELECT name FROM system.tables
             WHERE database = currentDatabase() AND startsWith(name, 'otel_') AND endsWith(engine, 'MergeTree')
                 AND name != 'otel_k8s_objects' -- a dictionary holds it, and no request fills it"""
    for (table,) in stored.statement(store, sql):
        stored.statement(store, f"CREATE TABLE {table}_plain AS {table} ENGINE = Memory")
        stored.statement(store, f"DROP TABLE {table} SYNC")
        stored.statement(store, f"RENAME TABLE {table}_plain TO {table}")


def send(store, signal, bodies):
    """Store the requests with one INSERT; gives the number of items that were rejected."""
    parcels = [wire.sort_out(wire.read(signal, body), ANY_TIME)[0] for body in bodies]
    chunks = [chunk for parcel in parcels for chunk in parcel.chunks]
    if chunks:
        store.insert(otlp.insert_for(signal, chunks))
    return sum(parcel.rejected for parcel in parcels)


def check(store, signal, bodies):
    """Store the requests, and fail with the first difference between the rows and the oracle's."""
    expected, rejected = expectation(signal, bodies)
    for table in expected:
        stored.statement(store, f"TRUNCATE TABLE {table}")
    before = time.time_ns()
    assert send(store, signal, bodies) == rejected
    for table, should_be in expected.items():
        names = list(should_be[0]) if should_be else ["ServiceName"]
        found = [untold(with_now(row, before)) for row in stored.rows(store, table, names)]
        difference = compare([untold(row) for row in should_be], found)
        assert not difference, describe(signal, bodies, table, difference)


def with_now(row, before):
    """ClickHouse's clock may go a few minutes wrong; random times are never as late as this test runs."""
    if abs(row.get("Timestamp", 0) - before) < 300 * 10**9:
        return {**row, "Timestamp": rows.NOW}
    return row


def untold(row):
    """The oracle reads no level out of a body, which a random one may have: such severities are as good as none.

    What bodies tell is held to a corpus of lines: tests/integration/test_severity.py.
    """
    if (row.get("SeverityText"), row.get("SeverityNumber")) in TOLD:
        return {**row, "SeverityText": b"", "SeverityNumber": 0}
    return row


def expectation(signal, bodies):
    tables, rejected = {}, 0
    for body in bodies:
        found, lost = ORACLES[signal](body)
        rejected += lost
        for table, found_rows in found.items():
            tables.setdefault(table, []).extend(found_rows)
    return tables, rejected


def compare(should_be, are):
    """(rows that are missing, rows that should not be there), or None."""
    wanted, found = (Counter(map(stored.comparable, some)) for some in (should_be, are))
    if wanted == found:
        return None
    missing = [row for row in should_be if stored.comparable(row) in wanted - found]
    surplus = [row for row in are if stored.comparable(row) in found - wanted]
    return missing, surplus


def describe(signal, bodies, table, difference):
    missing, surplus = difference
    lines = [f"{table}: {len(missing)} rows are missing, {len(surplus)} should not be there"]
    if missing and surplus:
        nearest = min(surplus, key=lambda row: len(columns_apart(missing[0], row)))
        lines += [
            f"{name}: should be {missing[0][name]!r}\n{' ' * len(name)}         is {nearest[name]!r}"
            for name in columns_apart(missing[0], nearest)
        ]
    else:
        lines.append(pformat((missing or surplus)[0]))
    for body in bodies:
        found, _ = ORACLES[signal](body)
        if missing and missing[0] in found[table]:
            lines += [f"the request: {body.hex()}", pformat(read(REQUESTS[signal], body))]
            break
    return "\n".join(lines)


def columns_apart(row, other):
    return [name for name in row if stored.comparable({"": row[name]}) != stored.comparable({"": other[name]})]
