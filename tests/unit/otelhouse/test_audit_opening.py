"""Where a house's audit trail goes, and what it says about the settings at the start."""

import asyncio
import json
import logging
import stat
from pathlib import Path

import pytest

from identity.audit import Deed
from identity.audit_log import LOGGER
from otelhouse import __version__, audit_opening, configuration, configuration_in_force
from otelhouse.opening import StartError
from sql import own_rows

DEED = Deed("token.created", "anna", "", "ok", "ops-2")
ROWS = [{"Id": "1" * 32, "Action": "a"}, {"Id": "2" * 32, "Action": "b"}]


def settings(**flags):
    given = {key.replace("__", "."): configuration.Given(value, "--set") for key, value in flags.items()}
    return configuration.load(flags=given).settings


def record_one(settings, folder):
    trail = audit_opening.open_trail(settings, folder)
    trail.record(DEED)
    trail.close()


def test_on_the_embedded_engine_the_trail_is_a_file_beside_its_data(tmp_path):
    record_one(settings(), tmp_path)
    file = tmp_path / "otelhouse-data" / "audit.jsonl"
    line = json.loads(file.read_text())
    assert (line["action"], line["version"]) == ("token.created", __version__)
    assert stat.S_IMODE(file.stat().st_mode) & 0o007 == 0


def test_with_a_server_the_trail_is_in_the_log(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    record_one(settings(store__url="clickhouse://h"), tmp_path)
    assert [record.name for record in caplog.records] == [LOGGER]
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_named_counts_with_a_server_too(tmp_path):
    record_one(settings(store__url="clickhouse://h", identity__audit__file="x/trail.jsonl"), tmp_path)
    assert (tmp_path / "x" / "trail.jsonl").exists()


def test_a_house_that_cannot_write_its_trail_does_not_start(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StartError, match=r"audit trail to .*file/a\.jsonl: .*identity\.audit\.file"):
        audit_opening.open_trail(settings(identity__audit__file="file/a.jsonl"), tmp_path)


def test_rows_go_the_way_of_telemetry_and_the_same_rows_under_the_same_token():
    kept = []

    async def keep(table, token, chunks, count):
        kept.append((table, token, b"".join(chunks), count))

    async def hand_over():
        sink = audit_opening.through_pipeline(keep, asyncio.get_running_loop())
        for rows in (ROWS, ROWS, ROWS[:1]):
            await asyncio.to_thread(sink, rows)

    asyncio.run(hand_over())
    tables, tokens, bodies, counts = zip(*kept, strict=True)
    assert set(tables) == {own_rows.AUDIT}
    assert counts == (2, 2, 1)
    assert tokens[0] == tokens[1] != tokens[2]
    assert [json.loads(line) for line in bodies[0].splitlines()] == ROWS


def test_what_the_pipeline_refuses_comes_back_to_the_trail():
    async def keep(*_):
        raise BlockingIOError("full")

    async def hand_over():
        await asyncio.to_thread(audit_opening.through_pipeline(keep, asyncio.get_running_loop()), ROWS)

    with pytest.raises(BlockingIOError, match="full"):
        asyncio.run(hand_over())


def test_the_settings_in_force_are_told_with_their_source_and_without_secrets(tmp_path):
    file = tmp_path / "house.yaml"
    file.write_text(
        "store:\n  url: clickhouse://u:s3cr3t@h/d\n  password: s3cr3t\nsql:\n  retention:\n    logs_days: 7\n"
    )
    loaded = configuration.load(
        file=file,
        environ={"OTELHOUSE_LOG_LEVEL": "debug"},
        flags={"query.port": configuration.Given(0, "--set")},
    )
    deed = configuration_in_force.deed(loaded, "up")
    assert (deed.action, deed.outcome) == ("configuration.in_force", "ok")
    assert deed.target.startswith("up on ClickHouse at h")
    assert deed.details["sql.retention.logs_days"] == f"7 ({file}, line 6)"
    assert deed.details["log.level"] == "debug (OTELHOUSE_LOG_LEVEL)"
    assert deed.details["query.port"] == "0 (--set)"
    assert deed.details["store.password"] == f"******** ({file}, line 3)"
    assert "log.format" not in deed.details
    assert "s3cr3t" not in str(deed)


def test_a_house_without_settings_of_its_own_tells_none():
    assert configuration_in_force.deed(configuration.load(), "up").details == {}


def test_the_working_folder_plays_no_part(tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert audit_opening.audit_file(settings(), tmp_path) == tmp_path / "otelhouse-data" / "audit.jsonl"
    assert audit_opening.audit_file(settings(identity__audit__file="/a/b"), tmp_path) == Path("/a/b")
