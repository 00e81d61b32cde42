"""`otelhouse audit verify` says whether the trail is whole, and which line is not."""

import pytest
from click.testing import CliRunner

from identity.audit import AuditTrail, Deed
from identity.audit_file import AuditFile
from otelhouse.audit_command import audit
from otelhouse.invocation import Surroundings


def verify(*arguments, **environ):
    return CliRunner().invoke(audit, ["verify", *map(str, arguments)], obj=Surroundings(environ))


@pytest.fixture
def path(tmp_path):
    file = AuditFile(tmp_path / "audit.jsonl", max_bytes=1 << 20, max_files=3)
    trail = AuditTrail(file, version="1")
    for number in range(3):
        trail.record(Deed("token.created", "anna", "", "ok", f"ops-{number}"))
    trail.close()
    return file.path


def test_a_whole_trail_is_whole(path):
    result = verify("--data", path.parent)
    assert (result.exit_code, result.output) == (0, f"the audit trail is whole: {path}\n")
    assert verify(path).exit_code == 0


def test_a_changed_line_is_named_and_the_command_fails(path):
    path.write_bytes(path.read_bytes().replace(b"ops-1", b"ops-9"))
    result = verify(path)
    assert result.exit_code == 1
    assert f"{path}:3: the line before was changed, taken out or put in" in result.output


def test_no_trail_is_no_whole_trail(tmp_path):
    assert "there is no audit trail" in verify("--data", tmp_path).output
    assert "cannot read" in verify(tmp_path / "none").output
    assert "in the log" in verify(OTELHOUSE_STORE_URL="clickhouse://h").output
