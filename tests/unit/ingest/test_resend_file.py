import asyncio
import errno
import logging
import os
import random
import signal as signals
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from resend_works import KEY, OTHER, Work, counted, opened, rows_on_disk, run
from spool_parts import ROOMY, a_part

from ingest import resend_file
from ingest.intake import Accepted
from ingest.resends import FILE
from ingest.spool.folder import Spool


def test_answers_outlive_the_process(tmp_path):
    async def scenario() -> None:
        async with opened(tmp_path) as resends:
            await resends.once(KEY, Work(Accepted(2, "zwei é \udcff")))
            await resends.once(OTHER, Work())
        async with opened(tmp_path) as resends:
            work = Work()
            assert await resends.once(KEY, work) == Accepted(2, "zwei é ?")
            assert await resends.once(OTHER, work) == Accepted()
            assert work.times == 0

    run(scenario)


def test_a_row_is_on_disk_before_its_sender_hears_ok(tmp_path, monkeypatch):
    async def scenario() -> None:
        async with opened(tmp_path) as resends:
            for number in range(5):
                await resends.once(bytes([number]) * 16, Work())
                assert rows_on_disk(tmp_path) == number + 1

    run(scenario)


def test_many_answers_share_a_commit(tmp_path, monkeypatch):
    sizes = []
    write = resend_file.ResendFile.write

    def follow(self: resend_file.ResendFile, rows: list, first: int) -> None:
        sizes.append(len(rows))
        write(self, rows, first)

    monkeypatch.setattr(resend_file.ResendFile, "write", follow)

    async def scenario() -> None:
        async with opened(tmp_path) as resends:
            sizes.clear()
            await asyncio.gather(*(resends.once(number.to_bytes(16), Work()) for number in range(100)))
            assert sum(sizes) == 100
            assert len(sizes) <= 5
            assert rows_on_disk(tmp_path) == 100

    run(scenario)


KILLED = textwrap.dedent(
    """
    import asyncio, os, pathlib, signal, sys
    from prometheus_client import CollectorRegistry
    from ingest.counters import Counters
    from ingest.intake import Accepted
    from ingest.resends import Resends

    async def work():
        return Accepted()

    async def main():
        resends = Resends(pathlib.Path(sys.argv[1]), 3600, Counters(CollectorRegistry()))
        for number in range(20):
            await resends.once(number.to_bytes(16, "little"), work)
        os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(main())
    """
)


def test_answers_outlive_a_kill(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    dead = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert dead.returncode == -signals.SIGKILL, dead.stderr

    async def scenario() -> None:
        async with opened(tmp_path, 3600.0) as resends:
            work = Work()
            for number in range(20):
                await resends.once(number.to_bytes(16, "little"), work)
            assert work.times == 0

    run(scenario)


def test_what_lies_in_the_spool_is_known_although_nobody_was_told(tmp_path):
    spool = Spool(tmp_path / "spool", ROOMY)
    spool.append("logs", "t", [a_part(key=KEY), a_part(), a_part(key=OTHER)])

    async def scenario() -> None:
        work = Work()
        async with opened(spool.folder / "resends", held=spool.keys()) as resends:
            await resends.once(KEY, work)
            await resends.once(OTHER, work)
            assert len(resends) == 2
        spool.remove(spool.entries()[0])
        async with opened(spool.folder / "resends", held=spool.keys()) as resends:
            await resends.once(KEY, work)
        assert work.times == 0

    run(scenario)
    spool.close()
    again = Spool(spool.folder, ROOMY)
    assert again.found == ()
    again.close()


def damage(path: Path, source: random.Random) -> None:
    data = bytearray(path.read_bytes())
    if source.random() < 0.3:
        del data[source.randrange(len(data)) :]
    elif source.random() < 0.3:
        data[:100] = source.randbytes(100)
    else:
        for _ in range(source.choice([1, 5, 50])):
            data[source.randrange(len(data))] ^= 1 << source.randrange(8)
    path.write_bytes(data)


@pytest.mark.parametrize("seed", range(25))
def test_a_damaged_file_costs_protection_and_nothing_else(tmp_path, seed):
    source = random.Random(seed)

    async def scenario() -> None:
        async with opened(tmp_path) as resends:
            for number in range(200):
                await resends.once(number.to_bytes(16), Work(Accepted(number, "x" * number)))
        damage(tmp_path / FILE, source)
        async with opened(tmp_path) as resends:
            work = Work()
            for number in range(300):
                assert isinstance(await resends.once(number.to_bytes(16), work), Accepted)
            assert 100 <= work.times <= 300
        async with opened(tmp_path) as resends:
            again = Work()
            for number in range(200, 300):
                await resends.once(number.to_bytes(16), again)
            assert again.times == 0, "what was answered since the damage is known"

    run(scenario)


def test_a_file_that_is_no_database_is_set_aside_with_a_warning(tmp_path, caplog):
    (tmp_path / FILE).write_bytes(b"this is not a database" * 500)

    async def scenario() -> None:
        with caplog.at_level(logging.WARNING):
            async with opened(tmp_path) as resends:
                await resends.once(KEY, Work())
        assert f"{FILE} is damaged" in caplog.text
        assert (tmp_path / f"{FILE}.damaged").read_bytes().startswith(b"this is not a database")
        assert rows_on_disk(tmp_path) == 1

    run(scenario)


def test_a_file_that_breaks_while_it_is_used_is_begun_anew(tmp_path, caplog):
    registry = CollectorRegistry()
    caplog.set_level("WARNING")

    async def scenario() -> None:
        async with opened(tmp_path, registry=registry) as resends:
            await resends.once(KEY, Work())
            connection = sqlite3.connect(tmp_path / FILE)
            connection.execute("DROP TABLE answered")
            connection.close()
            assert await resends.once(OTHER, Work()) == Accepted()
            assert counted(registry, "resends_unwritten") == 0
            assert len(resends) == 2
        assert rows_on_disk(tmp_path) == 1

    run(scenario)
    assert "is damaged" in caplog.text


def test_a_disk_that_takes_nothing_costs_the_protection_through_a_kill_only(tmp_path, monkeypatch, caplog):
    registry = CollectorRegistry()

    async def scenario() -> None:
        async with opened(tmp_path, registry=registry) as resends:
            with monkeypatch.context() as patched:

                def full(*_: object) -> None:
                    error = sqlite3.OperationalError("database or disk is full")
                    error.sqlite_errorcode = sqlite3.SQLITE_FULL
                    raise error

                patched.setattr(resend_file.ResendFile, "_write", full)
                work = Work()
                for _ in range(3):
                    assert await resends.once(KEY, work) == Accepted()
                assert (work.times, counted(registry, "resends_unwritten")) == (1, 1)
            await resends.once(OTHER, Work())
        assert rows_on_disk(tmp_path) == 1

    run(scenario)
    assert "cannot be used (database or disk is full)" in caplog.text
    assert not (tmp_path / f"{FILE}.damaged").exists()


def test_a_folder_that_cannot_be_used_does_not_stop_the_start(tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("")

    async def scenario() -> None:
        async with opened(tmp_path / "file" / "resends") as resends:
            work = Work()
            for _ in range(2):
                assert await resends.once(KEY, work) == Accepted()
            assert work.times == 1

    run(scenario)
    assert os.strerror(errno.ENOTDIR) in caplog.text
