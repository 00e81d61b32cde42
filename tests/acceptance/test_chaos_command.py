"""`otelhouse bench chaos` cleans up after itself, however it ends."""

import os
import select
import signal
import subprocess
from pathlib import Path

import pytest
from running_house import WAIT, command, environment

FAULT = ("bench", "chaos", "--fault", "clickhouse-freeze", "--seed", "1")


def processes_with(variable):
    """Processes that have `variable` in their environment, as those have that were started with it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if variable.encode() in (process / "environ").read_bytes().split(b"\0"):
                found.append(int(process.name))
        except OSError:
            continue  # it ended meanwhile, or is somebody else's
    return found


def started(tmp_path):
    """A run whose ClickHouse is frozen under load, told apart from all others by where its temporary files are."""
    run = subprocess.Popen(
        command(*FAULT), env=environment(TMPDIR=tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    for line in run.stderr:
        if "frozen for" in line:
            return run
    return pytest.fail("the run ended before its first fault")


@pytest.mark.server
@pytest.mark.usefixtures("start_clickhouse")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_run_leaves_no_process_behind(tmp_path, how):
    run = started(tmp_path)
    try:
        mine = processes_with(f"TMPDIR={tmp_path}")
        assert len(mine) >= 4, "the run, its ClickHouse, its house and its senders"

        run.send_signal(how)
        assert run.wait(WAIT) != 0
        gone_within_a_moment(tmp_path)
        if how is not signal.SIGKILL:
            assert not list(tmp_path.glob("otelhouse-*")), "its folders are gone as well"
    finally:
        run.kill()
        run.stderr.close()


def gone_within_a_moment(tmp_path):
    """A tethered process is killed by the kernel, perhaps a moment later: wait for the end of each."""
    for process in processes_with(f"TMPDIR={tmp_path}"):
        try:
            handle = os.pidfd_open(process)
        except ProcessLookupError:
            continue
        try:
            ended, _, _ = select.select([handle], [], [], WAIT)
            assert ended, f"{process} runs on"
        finally:
            os.close(handle)
