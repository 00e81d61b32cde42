"""The embedded engine's folder is made for its owner alone: what the engine writes into it, everybody may read."""

import os
import stat

import pytest

from identity.audit_file import AuditFile
from ingest.spool import files
from store import engine_lock


@pytest.fixture
def _open_handed():
    """A mask that keeps nobody out."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("_open_handed")
def test_the_folder_is_made_for_its_owner_alone(tmp_path):
    os.close(engine_lock.hold(tmp_path / "data"))

    assert mode(tmp_path / "data") == 0o700


@pytest.mark.usefixtures("_open_handed")
def test_so_it_is_where_the_spool_below_it_is_made_first(tmp_path):
    files.make_folder(tmp_path / "data" / "spool")

    assert (mode(tmp_path / "data"), mode(tmp_path / "data" / "spool")) == (0o700, 0o700)


@pytest.mark.usefixtures("_open_handed")
def test_so_it_is_where_the_audit_trail_in_it_is_written_first(tmp_path):
    AuditFile(tmp_path / "data" / "audit.jsonl", max_bytes=1 << 20, max_files=2).append([], durable=False)

    assert mode(tmp_path / "data") == 0o700


@pytest.mark.usefixtures("_open_handed")
def test_a_folder_that_is_there_stays_as_its_owner_made_it(tmp_path):
    (tmp_path / "data").mkdir(mode=0o750)
    os.close(engine_lock.hold(tmp_path / "data"))
    files.make_folder(tmp_path / "data")

    assert mode(tmp_path / "data") == 0o750
