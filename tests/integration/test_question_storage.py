"""What `storage` says of the tables, and who may ask."""

import pytest
from answers import found, log, span, the

from identity.reader import Reader, Role
from query.errors import DeniedError


def test_tables_are_told_with_rows_bytes_parts_and_age(desk, put):
    put("otel_logs", [log(n, f"line {n}" * 50) for n in range(100)])
    put("otel_logs", [log(0), log(0, Timestamp="2025-12-31 12:00:00")])
    put("otel_traces", [span("a")])

    reply = desk.ask("storage", {})

    told = {row[0]: row[1:] for row in found(reply, "table", "rows", "partitions", "oldest", "newest")}
    assert told["otel_logs"] == (102, 2, "2025-12-31", "2026-01-01")
    assert told["otel_traces"] == (1, 1, "2026-01-01", "2026-01-01")
    assert "otel_schema_migrations" not in told
    logs = the(reply, "table").index("otel_logs")
    columns = ("bytes_on_disk", "bytes_uncompressed", "compression", "bytes_per_row", "parts", "most_parts")
    on_disk, uncompressed, compression, per_row, parts, most_parts = found(reply, *columns)[logs]
    assert on_disk > 0
    assert uncompressed > 100 * 50 * len("line 1")
    assert compression > 2
    assert per_row == pytest.approx(on_disk / 102, abs=0.1)
    assert 2 <= parts <= 3
    assert 1 <= most_parts <= 2
    assert min(the(reply, "disk_free_bytes")) > 0
    assert the(reply, "bytes_on_disk") == sorted(the(reply, "bytes_on_disk"), reverse=True)


def test_only_operators_may_ask(desk):
    with pytest.raises(DeniedError):
        desk.ask("storage", {}, reader=Reader("somebody", Role.VIEWER))
    assert desk.ask("storage", {}, reader=Reader("somebody", Role.OPERATOR)).question == "storage"


def test_a_table_s_bytes_are_shared_out_by_rows(desk, put):
    east = {"ResourceAttributes": {"k8s.cluster.name": "east"}}
    put("otel_logs", [log(n, "x" * 100) for n in range(30)] + [log(n, ServiceName="bank", **east) for n in range(10)])
    put("otel_traces", [span("a")])

    reply = desk.ask("storage_by_service", {})
    tables = dict(found(desk.ask("storage", {}), "table", "bytes_on_disk"))

    told = {row[:3]: row[3:] for row in found(reply, "table", "service", "cluster", "rows", "share", "bytes_on_disk")}
    assert told["otel_logs", "shop", ""][:2] == (30, 0.75)
    assert told["otel_logs", "bank", "east"][:2] == (10, 0.25)
    assert told["otel_traces", "shop", ""] == (1, 1.0, tables["otel_traces"])
    logs = [row for key, row in told.items() if key[0] == "otel_logs"]
    assert sum(row[2] for row in logs) == pytest.approx(tables["otel_logs"], abs=1)
    assert the(reply, "bytes_on_disk") == sorted(the(reply, "bytes_on_disk"), reverse=True)


def test_storage_of_one_service_keeps_its_share_of_all(desk, put):
    put("otel_logs", [log(0), log(1), log(2, ServiceName="bank")])

    assert found(desk.ask("storage_by_service", {"service": "bank"}), "rows", "share") == [(1, 0.333333)]


def test_only_operators_may_ask_what_services_take(desk):
    with pytest.raises(DeniedError):
        desk.ask("storage_by_service", {}, reader=Reader("somebody", Role.VIEWER))
