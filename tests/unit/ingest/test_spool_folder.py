import os
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from spool_parts import ROOMY, a_part, path_of, random_parts

from ingest.spool import names
from ingest.spool.entry import Part, SpoolEntry, SpoolLimits
from ingest.spool.errors import SpoolBrokenError, SpoolFullError, SpoolLockedError
from ingest.spool.folder import Spool, SpoolReader


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "spool", ROOMY)
    yield spool
    spool.close()


def reopened(spool: Spool, limits: SpoolLimits = ROOMY) -> Spool:
    spool.close()
    return Spool(spool.folder, limits)


def test_a_batch_comes_back_as_it_was_given_chunk_by_chunk(spool):
    parts = random_parts(random.Random(1), 40)
    entry = spool.append("logs", "a-token", parts)
    assert (entry.kind, entry.token, entry.parts) == ("logs", "a-token", 40)
    assert entry.items == sum(part.items for part in parts)
    assert entry.size == path_of(spool, entry).stat().st_size
    assert spool.read(entry).parts == tuple(parts)
    assert spool.read(entry).damage is None


@pytest.mark.parametrize(
    "part",
    [
        Part((), 0),
        Part((b"",), 0),
        Part((b"", b"x", b""), 1),
        Part(tuple(b"%d" % number for number in range(5000)), 5000),
        Part((b"x" * 3_000_000, b"y"), 2, "ein Körper", b"k" * 64),
    ],
)
def test_odd_requests_come_back_as_well(spool, part):
    entry = spool.append("traces", "t", [part, a_part()])
    assert spool.read(entry).parts == (part, a_part())


def test_a_sender_whose_name_is_no_text_or_too_long_costs_nothing_but_its_name(spool):
    entry = spool.append("logs", "t", [a_part(sender="\udcff"), a_part(sender="n" * 5000)])
    contents = spool.read(entry)
    assert [part.sender for part in contents.parts] == [r"\udcff", "n" * 1000]
    assert contents.damage is None


def test_a_batch_survives_the_end_of_the_process_with_all_that_its_name_says(spool):
    written = [spool.append(kind, f"token-{kind}-1", [a_part()]) for kind in ("logs", "dead_letters", "audit")]
    again = reopened(spool)
    assert again.entries() == written
    assert again.read(written[1]).parts == (a_part(),)
    again.close()


def test_entries_come_oldest_first_over_restarts_as_well(spool):
    tokens = [f"t{number}" for number in range(12)]
    for token in tokens[:6]:
        spool.append("logs", token, [a_part()])
    again = reopened(spool)
    again.remove(again.entries()[0])
    for token in tokens[6:]:
        again.append("logs", token, [a_part()])
    assert [entry.token for entry in again.entries("logs")] == tokens[1:]
    assert [entry.token for entry in reopened(again).entries()] == tokens[1:]


def test_the_entries_of_one_kind_can_be_asked_for_and_only_the_first_of_them(spool):
    for number in range(6):
        spool.append(("logs", "traces")[number % 2], f"t{number}", [a_part()])
    assert [entry.token for entry in spool.entries("traces")] == ["t1", "t3", "t5"]
    assert [entry.token for entry in spool.entries("traces", limit=2)] == ["t1", "t3"]
    assert [entry.token for entry in spool.entries(limit=3)] == ["t0", "t1", "t2"]
    assert spool.entries("metrics") == []


def test_what_is_removed_is_gone_for_good_and_may_be_removed_again(spool):
    entry, other = (spool.append("logs", token, [a_part()]) for token in ("a", "b"))
    spool.remove(entry)
    spool.remove(entry)
    assert spool.entries() == [other]
    assert not path_of(spool, entry).exists()
    assert spool.read(entry).parts == ()
    assert spool.read(entry).damage is None
    assert reopened(spool).entries() == [other]


def test_two_files_of_one_number_both_stay(spool):
    # After a power loss removed entries come back, perhaps beside new ones of the same number.
    entry = spool.append("logs", "newer", [a_part()])
    twin = SpoolEntry(entry.number, "logs", "earlier", entry.items, entry.size, entry.created)
    path_of(spool, twin).write_bytes(b"")
    again = reopened(spool)
    assert {found.token for found in again.entries()} == {"newer", "earlier"}
    again.remove(twin)
    assert again.entries() == [entry]


def test_the_status_counts_what_is_there(spool):
    assert spool.status().oldest is None
    first = spool.append("logs", "a", [a_part(items=5)])
    second = spool.append("audit", "b", [a_part(items=1), a_part(items=1)])
    status = spool.status()
    assert (status.entries, status.items, status.bytes) == (2, 7, first.size + second.size)
    assert status.by_kind == {"logs": (1, 5, first.size), "audit": (1, 2, second.size)}
    assert status.oldest == first.created
    assert (status.limit_bytes, status.damaged, status.full) == (2**30, 0, "")


def test_a_full_spool_takes_nothing_and_says_so_until_it_is_drained(tmp_path):
    spool = Spool(tmp_path, SpoolLimits(3000, 3600, 0))
    first = spool.append("logs", "a", [a_part(b"x" * 2000)])
    with pytest.raises(SpoolFullError, match=r"no room for 0\.0 MiB more: .*ingest\.spool\.max_bytes") as refused:
        spool.append("logs", "b", [a_part(b"x" * 2000)])
    assert refused.value.retry_after > 0
    assert "no room" in spool.status().full
    assert spool.append("logs", "small", [a_part(b"x")]).items == 3
    assert spool.status().full == ""
    spool.remove(first)
    assert spool.append("logs", "b", [a_part(b"x" * 2000)]).token == "b"
    assert [entry.token for entry in spool.entries()] == ["small", "b"]


def test_the_refusal_is_over_once_there_is_room_even_if_nobody_tries(tmp_path):
    spool = Spool(tmp_path, SpoolLimits(3000, 3600, 0))
    first = spool.append("logs", "a", [a_part(b"x" * 2000)])
    with pytest.raises(SpoolFullError):
        spool.append("logs", "b", [a_part(b"x" * 2000)])
    spool.remove(first)
    assert spool.status().full == ""


def test_a_batch_that_can_never_fit_is_told_so(tmp_path):
    spool = Spool(tmp_path, SpoolLimits(3000, 3600, 0))
    with pytest.raises(SpoolFullError, match="can never take a batch as large"):
        spool.append("logs", "a", [a_part(b"x" * 4000)])
    assert spool.status().full == ""


def test_what_is_in_the_spool_counts_after_a_restart(tmp_path):
    spool = Spool(tmp_path, SpoolLimits(3000, 3600, 0))
    spool.append("logs", "a", [a_part(b"x" * 2000)])
    again = reopened(spool, SpoolLimits(3000, 3600, 0))
    with pytest.raises(SpoolFullError):
        again.append("logs", "b", [a_part(b"x" * 2000)])


def test_a_spool_whose_oldest_batch_is_too_old_takes_nothing_until_that_is_drained(spool):
    entry = spool.append("logs", "a", [a_part()])
    an_hour_ago = SpoolEntry(entry.number, "logs", "a", entry.items, entry.size, entry.created - 3601, 1)
    path_of(spool, entry).rename(path_of(spool, an_hour_ago))
    again = reopened(spool)
    with pytest.raises(SpoolFullError, match=r"waited for more than 3600 s.*ingest\.spool\.max_age_s"):
        again.append("logs", "b", [a_part()])
    assert "waited" in again.status().full
    again.remove(an_hour_ago)
    assert again.append("logs", "b", [a_part()]).token == "b"


@pytest.mark.parametrize("jump", [-3600.0, 3600.0, 1e9])
def test_a_clock_that_jumps_makes_nothing_old(spool, monkeypatch, jump):
    spool.append("logs", "a", [a_part()])
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now + int(jump * 1e9))
    monkeypatch.setattr(time, "time", lambda: now / 1e9 + jump)
    assert spool.append("logs", "b", [a_part()]).token == "b"
    assert spool.status().full == ""
    assert [entry.token for entry in spool.entries()] == ["a", "b"]


def test_a_batch_from_the_future_is_as_old_as_this_run(spool, monkeypatch):
    spool.append("logs", "a", [a_part()])
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 10_000_000)
    again = reopened(spool)
    assert again.append("logs", "b", [a_part()]).token == "b"


def test_the_disk_keeps_what_the_spool_must_leave_free(tmp_path):
    free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    spool = Spool(tmp_path, SpoolLimits(2**50, 3600, keep_free_bytes=2 * free))
    with pytest.raises(SpoolFullError, match=r"would have .* left.*ingest\.spool\.keep_free_bytes"):
        spool.append("logs", "a", [a_part()])
    assert "leaves to others" in spool.status().full


def test_a_folder_belongs_to_one_spool(spool):
    with pytest.raises(SpoolLockedError, match=f"{spool.folder} is held by another process: stop that one"):
        Spool(spool.folder, ROOMY)
    spool.append("logs", "a", [a_part()])
    assert len(reopened(spool).entries()) == 1


def test_a_folder_that_cannot_be_made_is_told_with_its_name(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolBrokenError, match=r"file/spool cannot be used: Not a directory; check"):
        Spool(tmp_path / "file" / "spool", ROOMY)


def test_only_its_owner_may_read_the_spool(spool):
    entry = spool.append("logs", "a", [a_part()])
    assert path_of(spool, entry).stat().st_mode & 0o077 == 0
    assert spool.folder.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("token", ["", "a.b", "../a", "a b", "é", "x" * 121])
def test_a_token_that_cannot_stand_in_a_name_is_refused(spool, token):
    with pytest.raises(ValueError, match="token"):
        spool.append("logs", token, [a_part()])


@pytest.mark.parametrize("kind", ["", "Logs", "a/b", "logs2"])
def test_a_kind_that_cannot_stand_in_a_name_is_refused(spool, kind):
    with pytest.raises(ValueError, match="kind"):
        spool.append(kind, "t", [a_part()])


def test_nothing_cannot_be_kept(spool):
    with pytest.raises(ValueError, match="no parts"):
        spool.append("logs", "t", [])
    with pytest.raises(ValueError, match="key"):
        spool.append("logs", "t", [a_part(key=b"k" * 65)])
    assert list(spool.folder.iterdir()) == [spool.folder / names.LOCK]


def test_a_closed_spool_takes_nothing_and_lets_the_next_one_in(spool):
    spool.close()
    spool.close()
    with pytest.raises(SpoolBrokenError, match="closed"):
        spool.append("logs", "t", [a_part()])
    Spool(spool.folder, ROOMY).close()


def test_the_keys_of_all_requests_can_be_read(spool):
    keys = [bytes([number]) * 16 for number in range(6)]
    spool.append("logs", "a", [a_part(key=key) for key in keys[:4]])
    spool.append("traces", "b", [a_part(key=keys[4]), a_part(), a_part(key=keys[5])])
    assert list(reopened(spool).keys()) == keys


def test_a_reader_looks_into_a_spool_that_another_process_holds(spool):
    entries = [spool.append("logs", token, [a_part()]) for token in ("a", "b")]
    reader = SpoolReader(spool.folder, ROOMY)
    assert reader.entries() == entries
    assert reader.status().items == 6
    assert reader.read(entries[0]).parts == (a_part(),)
    spool.remove(entries[0])  # drained meanwhile: no damage
    assert list(reader.verify()) == []


def test_a_reader_changes_nothing(spool):
    spool.append("logs", "a", [a_part()])
    (spool.folder / names.temporary_name(9)).write_bytes(b"being written")
    (spool.folder / "notes.txt").write_text("not the spool's")
    before = {path: path.stat().st_mtime_ns for path in spool.folder.iterdir()}
    reader = SpoolReader(spool.folder, ROOMY)
    assert [damage.what for damage in reader.verify()] == [
        "the name of 'notes.txt' is not one that this spool writes: left where it is"
    ]
    assert {path: path.stat().st_mtime_ns for path in spool.folder.iterdir()} == before


def test_a_reader_needs_a_folder(tmp_path):
    with pytest.raises(SpoolBrokenError, match="missing cannot be read: No such file"):
        SpoolReader(tmp_path / "missing", ROOMY)


def test_threads_may_append_read_and_remove_at_once(spool):
    def work(worker: int) -> list[SpoolEntry]:
        source = random.Random(worker)
        kept = []
        for number in range(20):
            parts = random_parts(source, 3)
            entry = spool.append("logs", f"t-{worker}-{number}", parts)
            assert spool.read(entry).parts == tuple(parts)
            assert entry in spool.entries("logs")
            if number % 2:
                spool.remove(entry)
            else:
                kept.append(entry)
            spool.status()
        return kept

    with ThreadPoolExecutor(8) as threads:
        kept = [entry for entries in threads.map(work, range(8)) for entry in entries]
    expected = sorted(kept, key=lambda entry: entry.number)
    assert spool.entries() == expected
    assert len({entry.number for entry in kept}) == 80
    assert spool.status().bytes == sum(entry.size for entry in kept)
    again = reopened(spool)
    assert again.entries() == expected
    assert list(again.verify()) == []


def test_appends_wait_for_the_disk_side_by_side(spool, monkeypatch):
    together = threading.Barrier(2, timeout=20)
    sync = os.fsync

    def meet(descriptor: int) -> None:
        together.wait()  # broken, and so the append, unless another one is here at the same time
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", meet)
    with ThreadPoolExecutor(2) as threads:
        entries = list(threads.map(lambda token: spool.append("logs", token, [a_part()]), ["a", "b"]))
    monkeypatch.undo()
    assert spool.entries() == sorted(entries, key=lambda entry: entry.number)


def test_room_that_is_being_written_is_not_given_away_twice(tmp_path, monkeypatch):
    spool = Spool(tmp_path, SpoolLimits(3000, 3600, 0))
    writing, go_on = threading.Event(), threading.Event()
    sync = os.fsync

    def wait(descriptor: int) -> None:
        writing.set()
        assert go_on.wait(20)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", wait)
    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(spool.append, "logs", "a", [a_part(b"x" * 2000)])
        assert writing.wait(20)
        with pytest.raises(SpoolFullError):
            spool.append("logs", "b", [a_part(b"x" * 2000)])
        go_on.set()
        entry = first.result(20)
    assert spool.entries() == [entry]


def test_many_entries_are_known_from_their_names_alone(tmp_path):
    entries = [SpoolEntry(number, "logs", f"t{number}", 10, 100, 1.5e9, 2) for number in range(1, 2_001)]
    for entry in entries:
        os.close(os.open(tmp_path / names.name_of(entry), os.O_CREAT, 0o600))
    spool = Spool(tmp_path, SpoolLimits(2**40, 1e12, 0))
    assert spool.entries() == entries
    assert spool.status().items == 20_000
    assert spool.append("logs", "next", [a_part()]).number == 2_001
