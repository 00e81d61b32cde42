"""Without a ClickHouse server its tests are skipped loudly, or fail where skipping is forbidden."""

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent.parent


def _run(cache: Path, no_skip: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "CLICKHOUSE_URL"}
    environment |= {"PATH": "/nonexistent", "XDG_CACHE_HOME": str(cache), "OTELHOUSE_TESTS_NO_SKIP": no_skip}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "contract/test_server_loss.py", "-k", "lz4"],
        cwd=TESTS, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_without_npm_the_servers_tests_are_skipped_and_counted(tmp_path):
    done = _run(tmp_path, "0")
    assert done.returncode == 0, done.stdout
    assert "NOT TESTED AGAINST A CLICKHOUSE SERVER" in done.stdout
    assert "1 tests were skipped: npm is not installed. To run them, install Node.js with npm" in done.stdout


def test_where_skipping_is_forbidden_they_fail(tmp_path):
    done = _run(tmp_path, "1")
    assert done.returncode == 1, done.stdout
    assert "no ClickHouse server: npm is not installed" in done.stdout
