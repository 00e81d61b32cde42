"""A process that dies between any two steps, and a disk that does not take what it is given."""

import errno
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from spool_parts import ROOMY, a_part, path_of

from ingest.spool import files, inspection, names
from ingest.spool.entry import SpoolLimits
from ingest.spool.errors import SpoolBrokenError, SpoolFullError
from ingest.spool.folder import Spool

STEPS = 8
"""System calls of one append, as `DYING` counts them: open the folder and the file, write, fsync, close, rename, fsync,
close."""

DYING = textwrap.dedent(
    """
    import os, pathlib, signal, sys
    from spool_parts import ROOMY, a_part
    from ingest.spool.folder import Spool

    last = int(sys.argv[2])
    taken = 0

    def counted(call):
        def step(*args, **kwargs):
            global taken
            if taken == last:
                os.kill(os.getpid(), signal.SIGKILL)
            taken += 1
            return call(*args, **kwargs)
        return step

    spool = Spool(pathlib.Path(sys.argv[1]), ROOMY)
    write = os.write
    for module, name in ((os, "open"), (os, "writev"), (os, "fsync"), (os, "close"), (pathlib.Path, "rename")):
        setattr(module, name, counted(getattr(module, name)))
    for number in range(3):
        spool.append("logs", f"t{number}", [a_part(), a_part()])
        write(1, f"t{number}\\n".encode())
    """
)

LIMITED = textwrap.dedent(
    """
    import pathlib, resource, sys
    from spool_parts import ROOMY, a_part
    from ingest.spool.errors import SpoolFullError
    from ingest.spool.folder import Spool

    spool = Spool(pathlib.Path(sys.argv[1]), ROOMY)
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        spool.append("logs", "too-large", [a_part(), a_part(b"x" * 200_000)])
    except SpoolFullError as error:
        print(error, "|", error.retry_after)
    spool.append("logs", "small", [a_part()])
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    spool.append("logs", "too-large", [a_part(), a_part(b"x" * 200_000)])
    print(*(path.name for path in sorted(spool.folder.iterdir())), sep="\\n")
    """
)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "spool", ROOMY)
    yield spool
    spool.close()


def run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    here = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(here), str(here.parents[2])])}
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("steps", range(2 * STEPS + 1))
def test_a_process_killed_at_any_step_leaves_every_acknowledged_batch_whole_and_no_half_one(tmp_path, steps):
    dead = run(DYING, tmp_path, steps)
    assert dead.returncode == -9, dead.stderr
    acknowledged = dead.stdout.split()
    assert len(acknowledged) == steps // STEPS
    spool = Spool(tmp_path, ROOMY)
    left = [entry.token for entry in spool.entries()]
    assert left[: len(acknowledged)] == acknowledged
    assert len(left) <= len(acknowledged) + 1  # renamed, and nobody was told
    assert list(spool.verify()) == []
    assert all(spool.read(entry).parts == (a_part(), a_part()) for entry in spool.entries())
    assert {path.name for path in tmp_path.iterdir()} == {names.LOCK, *map(names.name_of, spool.entries())}
    assert spool.append("logs", "next", [a_part()]).number > max([0, *(entry.number for entry in spool.entries()[:-1])])
    spool.close()


def test_a_killed_process_gives_the_folder_free(tmp_path):
    assert run(DYING, tmp_path, 0).returncode == -9
    Spool(tmp_path, ROOMY).close()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> dict[int, Path]:
    """What the descriptors that are opened from now on stand for."""
    paths: dict[int, Path] = {}
    really_open = os.open

    def follow(path: Path, *arguments: int) -> int:
        descriptor = really_open(path, *arguments)
        paths[descriptor] = Path(path)
        return descriptor

    monkeypatch.setattr(os, "open", follow)
    return paths


def test_nothing_is_acknowledged_before_the_file_and_its_name_are_on_disk(spool, monkeypatch, opened):
    steps: list[str] = []

    def follow(owner: object, name: str, tell: Callable[..., str]) -> None:
        call = getattr(owner, name)

        def followed(*args: object) -> object:
            answer = call(*args)
            steps.append(tell(*args))
            return answer

        monkeypatch.setattr(owner, name, followed)

    follow(os, "writev", lambda descriptor, _: f"write {opened[descriptor].suffix}")
    follow(os, "fsync", lambda descriptor: f"fsync {opened[descriptor].suffix or opened[descriptor].name}")
    follow(Path, "rename", lambda source, target: f"rename {source.suffix} {target.suffix}")
    spool.append("logs", "t", [a_part()])
    assert steps == ["write .tmp", "fsync .tmp", "rename .tmp .spool1", "fsync spool"]


def test_a_new_folder_is_on_disk_before_anything_in_it_is_acknowledged(tmp_path, monkeypatch, opened):
    synced: set[Path] = set()
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.add(opened[descriptor]))
    Spool(tmp_path / "a" / "b", ROOMY)
    assert synced == {tmp_path, tmp_path / "a"}


@pytest.mark.parametrize("failing", ["file", "folder"])
def test_after_a_failed_fsync_the_file_is_thrown_away_and_never_synced_again(spool, monkeypatch, opened, failing):
    kept = spool.append("logs", "kept", [a_part()])
    failed: list[int] = []
    sync = os.fsync

    def fail_once(descriptor: int) -> None:
        assert descriptor not in failed, "pages that could not be written may count as written now"
        if (failing == "folder") == opened[descriptor].is_dir():
            failed.append(descriptor)
            raise OSError(errno.EIO, "Input/output error")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fail_once)
    with pytest.raises(SpoolBrokenError, match="Input/output error; check the disk"):
        spool.append("logs", "t", [a_part()])
    assert failed
    assert spool.entries() == [kept]
    assert {path.name for path in spool.folder.iterdir()} == {names.LOCK, names.name_of(kept)}
    monkeypatch.setattr(os, "fsync", sync)
    again = spool.append("logs", "t", [a_part()])
    assert spool.entries() == [kept, again]
    assert spool.status().bytes == kept.size + again.size


def test_writes_that_the_kernel_cuts_short_are_carried_on(spool, monkeypatch):
    write = os.writev
    monkeypatch.setattr(os, "writev", lambda descriptor, buffers: write(descriptor, [buffers[0][:7]]))
    parts = [a_part(b"%d" % number) for number in range(600)]
    entry = spool.append("logs", "t", parts)
    assert spool.read(entry).parts == tuple(parts)


def test_a_file_that_cannot_be_removed_stays_and_may_be_removed_later(spool, monkeypatch):
    entry = spool.append("logs", "t", [a_part()])

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(SpoolBrokenError, match=f"cannot remove {names.name_of(entry)}: Read-only"):
        spool.remove(entry)
    assert spool.entries() == [entry]
    monkeypatch.undo()
    spool.remove(entry)
    assert spool.entries() == []
    assert spool.status().bytes == 0


def test_a_folder_that_vanished_refuses_and_does_not_break(spool):
    entry = spool.append("logs", "t", [a_part()])
    spool.folder.rename(spool.folder.with_name("elsewhere"))
    with pytest.raises(SpoolBrokenError, match="No such file"):
        spool.append("logs", "u", [a_part()])
    assert "cannot be told" in spool.status().full
    spool.folder.with_name("elsewhere").rename(spool.folder)
    assert path_of(spool, entry).exists()
    assert spool.append("logs", "u", [a_part()]) in spool.entries()


def test_a_disk_that_takes_no_more_refuses_leaves_nothing_behind_and_recovers_by_itself(tmp_path):
    # RLIMIT_FSIZE stands for a full disk: the kernel takes a part of the file and refuses the rest.
    ran = run(LIMITED, tmp_path)
    assert ran.returncode == 0, ran.stderr
    refusal, *left = ran.stdout.splitlines()
    assert "is full (File too large): free some space" in refusal
    assert float(refusal.rpartition("|")[2]) > 0
    assert [name.split(".")[2] for name in left if name != names.LOCK] == ["small", "too-large"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 1 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(disk)]
    try:
        mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("no mount command")
    if mounted.returncode:
        pytest.skip(f"no right to mount a file system: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk: Path) -> None:
    """Take all that is left of the disk."""
    (disk / "ballast").write_bytes(bytes(files.free_bytes(disk)))
    assert files.free_bytes(disk) == 0


def test_a_full_disk_refuses_and_recovers_when_there_is_room_again(small_disk, monkeypatch):
    spool = Spool(small_disk / "spool", ROOMY)
    kept = spool.append("logs", "kept", [a_part(b"x" * 100_000)])
    fill(small_disk)
    with pytest.raises(SpoolFullError, match=r"would have 0\.0 MiB left"):
        spool.append("logs", "t", [a_part(b"x" * 100_000)])
    # Others may fill the disk while a batch is being written: then the kernel says so.
    monkeypatch.setattr("ingest.spool.files.free_bytes", lambda _: 2**40)
    with pytest.raises(SpoolFullError, match="is full \\(No space left on device\\)"):
        spool.append("logs", "t", [a_part(b"x" * 100_000)])
    monkeypatch.undo()
    assert spool.status().full
    assert {path.name for path in spool.folder.iterdir()} == {names.LOCK, names.name_of(kept)}
    (small_disk / "ballast").unlink()
    assert spool.status().full == ""
    entry = spool.append("logs", "t", [a_part(b"x" * 100_000)])
    assert spool.entries() == [kept, entry]
    assert list(spool.verify()) == []
    spool.close()


def test_a_full_disk_can_be_drained(small_disk):
    spool = Spool(small_disk / "spool", SpoolLimits(2**30, 3600, 0))
    entries = [spool.append("logs", f"t{number}", [a_part(b"x" * 100_000)]) for number in range(3)]
    fill(small_disk)
    for entry in entries:
        assert spool.read(entry).parts == (a_part(b"x" * 100_000),)
        spool.set_aside(entry, inspection.gone(entry))
        spool.remove(entry)
    assert spool.entries() == []
    spool.close()


def test_a_full_disk_does_not_stop_the_start(small_disk):
    spool = Spool(small_disk / "spool", ROOMY)
    entry = spool.append("logs", "t", [a_part()])
    spool.close()
    (small_disk / "spool" / names.temporary_name(7)).write_bytes(bytes(5000))
    fill(small_disk)
    again = Spool(small_disk / "spool", ROOMY)
    assert again.entries() == [entry]
    again.close()
