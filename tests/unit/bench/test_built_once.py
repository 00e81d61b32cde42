"""What tests need beside Python is made once, however many ask for it and however often."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from bench import built_once
from bench.unavailable import UnavailableError

PATIENCE = 60.0


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "otelhouse-tests"


def test_what_is_there_is_not_made_again(cache):
    made = []

    def make(folder):
        made.append(folder)
        (folder / "tool").write_text("works")

    first, again = (built_once.ensure("tool-1", "tool", make) for _ in range(2))

    assert first == again == cache / "tool-1" / "tool" == built_once.path("tool-1", "tool")
    assert (first.read_text(), len(made)) == ("works", 1)


def test_of_two_that_ask_at_once_one_makes_it_and_the_other_waits():
    begun, may_end = threading.Event(), threading.Event()
    made = []

    def make(folder):
        made.append(folder)
        begun.set()
        assert may_end.wait(PATIENCE)
        (folder / "tool").touch()

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(built_once.ensure, "tool-1", "tool", make)
        assert begun.wait(PATIENCE)
        second = threads.submit(built_once.ensure, "tool-1", "tool", make)
        may_end.set()
        assert first.result(PATIENCE) == second.result(PATIENCE)

    assert len(made) == 1


def test_what_broke_half_way_leaves_nothing_and_is_made_anew(cache):
    def breaks(folder):
        (folder / "tool").touch()
        raise UnavailableError("no compiler")

    with pytest.raises(UnavailableError):
        built_once.ensure("tool-1", "tool", breaks)
    left = [one.name for one in cache.iterdir()]
    there = built_once.ensure("tool-1", "tool", lambda folder: (folder / "tool").touch())

    assert left == ["tool-1.lock"]
    assert there.exists()


def test_a_folder_that_lacks_what_is_wanted_is_made_anew(cache):
    (cache / "tool-1").mkdir(parents=True)
    (cache / "tool-1" / "rest").touch()

    there = built_once.ensure("tool-1", "tool", lambda folder: (folder / "tool").touch())

    assert [one.name for one in there.parent.iterdir()] == ["tool"]


def test_a_build_that_fails_says_what_was_to_be_built_and_why(tmp_path):
    with pytest.raises(UnavailableError, match="building the tool failed: no such flag"):
        built_once.compile_go("the tool", ["sh", "-c", "echo no such flag >&2; exit 1"], tmp_path, {})
