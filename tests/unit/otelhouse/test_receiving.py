"""The spool and the resend window are opened as the settings say, and what cannot be opened is told with the mend."""

import asyncio
import logging

import pytest
from prometheus_client import CollectorRegistry

from ingest.counters import Counters
from ingest.spool.entry import Part, SpoolLimits
from ingest.spool.folder import Spool
from otelhouse import receiving
from otelhouse.opening import StartError
from otelhouse.settings import Settings


def settings(folder, mode="when_needed", resend_window_s=0.0):
    return Settings.model_validate(
        {"ingest": {"spool": {"mode": mode, "path": str(folder)}, "resend_window_s": resend_window_s}}
    )


def open_spool(folder, mode, began_in):
    return asyncio.run(receiving.open_spool(settings(folder, mode), began_in))


def test_a_house_without_a_spool_says_what_one_before_it_left_behind(tmp_path, caplog):
    spool = Spool(tmp_path / "spool", SpoolLimits(10**9, 86_400.0, 0))
    spool.append("logs", "one", [Part((b"a",), 3)])
    spool.append("traces", "two", [Part((b"b",), 4)])
    spool.close()
    assert open_spool(tmp_path / "spool", "never", tmp_path) is None
    (line,) = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert "7 items that were acknowledged wait" in line.getMessage()
    assert "`otelhouse spool drain` brings them to ClickHouse" in line.getMessage()


def test_a_house_without_a_spool_is_quiet_where_nothing_was_left_and_makes_no_folder(tmp_path, caplog):
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "none", tmp_path / "empty"):
        assert open_spool(folder, "never", tmp_path) is None
    assert caplog.records == []
    assert not (tmp_path / "none").exists()


def test_a_relative_folder_is_meant_from_where_the_house_began(tmp_path):
    spool = open_spool("below/spool", "when_needed", tmp_path)
    spool.close()
    assert (tmp_path / "below" / "spool").is_dir()


def test_a_spool_that_cannot_be_opened_ends_the_start_with_the_mend(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StartError, match=r"cannot open the spool in .*file: .*; make it writable, set another"):
        open_spool(tmp_path / "file", "when_needed", tmp_path)


def test_requests_are_remembered_where_the_settings_say_so_and_what_is_on_disk_is_known(tmp_path):
    async def play():
        spool = Spool(tmp_path, SpoolLimits(10**9, 86_400.0, 0))
        spool.append("logs", "one", [Part((b"a",), 3, "", b"k" * 16)])
        counters = Counters(CollectorRegistry())
        assert await receiving.open_resends(settings(tmp_path), counters, spool) is None
        resends = await receiving.open_resends(settings(tmp_path, "always", 60.0), counters, spool)
        assert len(resends) == 1
        await resends.close()
        spool.close()

    asyncio.run(play())
