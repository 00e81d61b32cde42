"""The embedded engine's folder: who may hold it, and what stays in it."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from store import errors
from store.opening import open_store
from store.settings import EngineSettings, StoreSettings

PRELUDE = """
import json, sys
from pathlib import Path
from store import errors
from store.opening import open_store
from store.port import Insert, Limits, Select
from store.settings import StoreSettings
path = Path(sys.argv[1])
"""


def _in_a_process(folder: Path, program: str) -> object:
    """Run a program in a process of its own, since a process has one engine; it prints one line of JSON at its end."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PRELUDE + textwrap.dedent(program), str(folder)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_rows_outlive_the_process(tmp_path):
    _in_a_process(
        tmp_path / "data",
        """
        store = open_store(StoreSettings(path=path))
        store.select(Select("CREATE TABLE t (n UInt8) ENGINE = MergeTree ORDER BY n"))
        store.insert(Insert("t", "CSV", [b"1"]))
        store.close()
        print("null")
        """,
    )
    rows = _in_a_process(
        tmp_path / "data",
        """
        store = open_store(StoreSettings(path=path))
        print(json.dumps(store.select(Select("SELECT n FROM t")).rows))
        store.close()
        """,
    )
    assert rows == [[1]]


def test_rows_outlive_a_process_that_was_killed(tmp_path):
    program = """
        store = open_store(StoreSettings(path=path))
        store.select(Select("CREATE TABLE t (n UInt8) ENGINE = MergeTree ORDER BY n"))
        store.insert(Insert("t", "CSV", [b"1"]))
        import os, signal
        os.kill(os.getpid(), signal.SIGKILL)
        """
    with pytest.raises(AssertionError):
        _in_a_process(tmp_path / "data", program)
    program = "print(json.dumps(open_store(StoreSettings(path=path)).select(Select('SELECT n FROM t')).rows))"
    assert _in_a_process(tmp_path / "data", program) == [[1]]


def test_a_second_process_is_refused_and_told_which_folder(engine_folder):
    message = _in_a_process(
        engine_folder,
        """
        try:
            open_store(StoreSettings(path=path))
        except errors.MisconfiguredError as error:
            print(json.dumps(str(error)))
        """,
    )
    assert message == (
        f"the engine's folder {engine_folder} is in use by another process: ask that one over REST, or stop it first"
    )


def test_a_second_folder_in_one_process_is_refused(engine_folder, tmp_path):
    with pytest.raises(errors.MisconfiguredError, match=f"{engine_folder} and cannot open {tmp_path}"):
        open_store(StoreSettings(path=tmp_path))


def test_the_same_folder_with_other_engine_settings_is_refused(engine_folder):
    with pytest.raises(errors.MisconfiguredError, match="other settings"):
        open_store(StoreSettings(path=engine_folder, engine=EngineSettings(merge_threads=1)))


def test_a_closed_folder_may_be_followed_by_another(tmp_path):
    program = """
        for name in ("one", "two", "one"):
            store = open_store(StoreSettings(path=path / name))
            last = store.select(Select("SELECT 1")).rows
            store.close()
        print(json.dumps(last))
        """
    assert _in_a_process(tmp_path, program) == [[1]]


def test_a_folder_that_cannot_be_made_is_refused_by_name(tmp_path):
    program = """
        path.write_text("a file")
        try:
            open_store(StoreSettings(path=path / "data"))
        except errors.MisconfiguredError as error:
            print(json.dumps(str(error)))
        """
    message = _in_a_process(tmp_path / "file", program)
    assert message == f"the engine's folder {tmp_path / 'file' / 'data'} cannot be used: Not a directory"


def test_a_path_that_chdb_would_misread_is_refused(tmp_path):
    program = """
        try:
            open_store(StoreSettings(path=path / "a?b"))
        except errors.MisconfiguredError as error:
            print(json.dumps(str(error)))
        """
    assert "has a '?' in its path" in str(_in_a_process(tmp_path, program))


def test_a_question_over_half_of_the_engines_memory_fails_alone(tmp_path):
    program = """
        from store.settings import EngineSettings
        store = open_store(StoreSettings(path=path, engine=EngineSettings(memory_bytes=400 * 2**20)))
        try:
            store.select(Select("SELECT length(groupArray(toString(number) || repeat('x', 40))) FROM numbers(5e7)"))
        except errors.LimitError as error:
            print(json.dumps([error.code, store.select(Select("SELECT 1")).rows]))
        """
    assert _in_a_process(tmp_path, program) == [241, [[1]]]


def test_closing_waits_for_who_is_inside(tmp_path):
    program = """
        import threading
        store = open_store(StoreSettings(path=path))
        answers = []
        asking = threading.Thread(target=lambda: answers.append(store.select(Select("SELECT sleep(1), 7")).rows[0][1]))
        asking.start()
        while not store._selects._inside:
            pass
        store.close()
        asking.join(10)
        print(json.dumps(answers))
        """
    assert _in_a_process(tmp_path, program) == [7]


def test_the_server_door_loads_no_engine():
    program = """
        open_store(StoreSettings(url="clickhouse://127.0.0.1:1")).close()
        print(json.dumps([name for name in ("chdb", "pyarrow", "pandas", "numpy") if name in sys.modules]))
        """
    assert _in_a_process(Path(), program) == []
