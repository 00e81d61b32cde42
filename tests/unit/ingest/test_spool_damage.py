import errno
import logging
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spool_parts import ROOMY, a_part, path_of, random_parts

from ingest.spool import aside, frames, names
from ingest.spool.entry import Part, SpoolEntry, SpoolLimits
from ingest.spool.errors import SpoolBrokenError
from ingest.spool.folder import Spool

ROUNDS = 300


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "spool", ROOMY)
    yield spool
    spool.close()


def bounds_of(parts: list[Part], token: str) -> list[tuple[int, int]]:
    """Where each request lies in the file."""
    sizes = [frames.size_of([part]) for part in parts]
    assert sum(sizes) == sum(map(len, frames.encode(parts, token)))
    return [(sum(sizes[:index]), sum(sizes[: index + 1])) for index in range(len(sizes))]


def flip_bits(source: random.Random, data: bytearray) -> None:
    for _ in range(source.choice([1, 1, 1, 2, 5])):
        data[source.randrange(len(data))] ^= 1 << source.randrange(8)


def cut(source: random.Random, data: bytearray) -> None:
    del data[source.choice([0, source.randrange(len(data))]) :]


def forget_a_sector(source: random.Random, data: bytearray) -> None:
    """Put zeros over it, as a disk does that lost a write."""
    start = source.randrange(0, len(data), 512)
    data[start : start + 512] = bytes(len(data[start : start + 512]))


def test_exactly_the_hit_requests_are_lost_and_named_in_300_rounds(spool):
    source = random.Random(20260101)
    held: dict[SpoolEntry, list[Part]] = {}
    for number in range(6):
        parts = random_parts(source, source.randrange(1, 12))
        held[spool.append("logs", f"token{number}", parts)] = parts
    for _ in range(ROUNDS):
        entry, parts = source.choice(list(held.items()))
        file = path_of(spool, entry)
        whole = file.read_bytes()
        data = bytearray(whole)
        source.choice([flip_bits, flip_bits, cut, forget_a_sector])(source, data)
        file.write_bytes(data)
        bounds = bounds_of(parts, entry.token)
        intact = [part for part, (start, end) in zip(parts, bounds, strict=True) if data[start:end] == whole[start:end]]
        check_what_is_left(spool, entry, parts, intact)
        others = [other for other in held if other != entry]
        assert all(spool.read(other).parts == tuple(held[other]) for other in others)
        file.write_bytes(whole)
    assert list(spool.verify()) == []


def check_what_is_left(spool: Spool, entry: SpoolEntry, parts: list[Part], intact: list[Part]) -> None:
    contents = spool.read(entry)
    assert contents.parts == tuple(intact)
    if len(intact) == len(parts):
        assert contents.damage is None
        return
    damage = contents.damage
    assert damage.entry == entry
    assert damage.parts_lost == len(parts) - len(intact)
    assert damage.items_lost == entry.items - sum(part.items for part in intact)
    assert damage.bytes_lost == entry.size - frames.size_of(intact)
    assert names.name_of(entry) in damage.what
    assert list(spool.verify()) == [damage]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_bit_flips_no_request_comes_back_changed(data):
    chunks = st.lists(st.binary(max_size=60), max_size=4).map(tuple)
    parts = data.draw(
        st.lists(st.builds(Part, chunks, st.integers(0, 2**32 - 1), st.text(max_size=5)), min_size=1, max_size=5)
    )
    content = bytearray(b"".join(frames.encode(parts, "token")))
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    content[bit // 8] ^= 1 << bit % 8
    bounds = bounds_of(parts, "token")
    hit = next(index for index, (start, end) in enumerate(bounds) if start <= bit // 8 < end)
    found = list(frames.walk(lambda offset, length: bytes(content[offset : offset + length]), len(content), "token"))
    assert [frame.index for frame in found] == [index for index in range(len(parts)) if index != hit]
    assert [frame.part for frame in found] == [part for index, part in enumerate(parts) if index != hit]


def test_every_single_bit_of_a_batch_costs_its_request_and_no_other():
    parts = [a_part(b"first"), a_part(b"second"), a_part(b"third")]
    whole = b"".join(frames.encode(parts, "t"))
    bounds = bounds_of(parts, "t")
    for bit in range(8 * len(whole)):
        content = bytearray(whole)
        content[bit // 8] ^= 1 << bit % 8
        left = frames.walk(lambda offset, length, seen=content: bytes(seen[offset : offset + length]), len(whole), "t")
        hit = next(index for index, (start, end) in enumerate(bounds) if start <= bit // 8 < end)
        assert [frame.index for frame in left] == [index for index in range(3) if index != hit], bit


def test_bytes_that_went_missing_in_the_middle_cost_only_the_request_they_were_in(spool):
    parts = [a_part(b"%d" % number * 300) for number in range(5)]
    entry = spool.append("logs", "t", parts)
    data = path_of(spool, entry).read_bytes()
    start, end = bounds_of(parts, "t")[2]
    path_of(spool, entry).write_bytes(data[: start + 100] + data[end - 50 :])
    contents = spool.read(entry)
    assert contents.parts == (parts[0], parts[1], parts[3], parts[4])
    assert "lost are 1 of 5 requests (number 3)" in contents.damage.what


def test_a_file_of_which_nothing_is_left_is_reported_with_all_its_items(spool):
    entry = spool.append("metrics", "t", [a_part(items=4), a_part(items=6)])
    path_of(spool, entry).write_bytes(b"")
    contents = spool.read(entry)
    assert contents.parts == ()
    assert (contents.damage.parts_lost, contents.damage.items_lost) == (2, 10)
    assert contents.damage.bytes_lost == entry.size
    assert f"ends after 0 of its {entry.size} bytes" in contents.damage.what


def test_a_file_that_somebody_deleted_is_reported_with_all_its_items(spool):
    entry = spool.append("metrics", "t", [a_part(items=4)])
    path_of(spool, entry).unlink()
    assert spool.read(entry).damage.items_lost == 4
    assert "the file is gone" in next(spool.verify()).what


def test_a_damaged_spool_starts_and_takes_more(spool):
    for number in range(5):
        path_of(spool, spool.append("logs", f"t{number}", [a_part()])).write_bytes(os.urandom(100))
    spool.close()
    again = Spool(spool.folder, ROOMY)
    assert len(list(again.verify())) == len(again.entries()) == 5
    fresh = again.append("logs", "fresh", [a_part()])
    assert again.read(fresh).parts == (a_part(),)
    again.close()


def test_a_flipped_bit_in_the_lock_matters_to_nobody(spool):
    spool.append("logs", "t", [a_part()])
    spool.close()
    (spool.folder / names.LOCK).write_bytes(os.urandom(64))
    again = Spool(spool.folder, ROOMY)
    assert list(again.verify()) == []
    assert len(again.entries()) == 1
    again.close()


def test_a_request_that_looks_like_a_request_of_the_spool_is_not_taken_for_one(spool):
    forged = b"".join(frames.encode([Part((b"forged",), 1, "somebody else")], "guessed"))
    entry = spool.append("logs", "secret", [Part((forged * 3,), 1, "sender"), a_part()])
    data = bytearray(path_of(spool, entry).read_bytes())
    data[30] ^= 1  # the header of the first request: now its payload is searched
    path_of(spool, entry).write_bytes(data)
    assert spool.read(entry).parts == (a_part(),)


def test_contents_under_the_name_of_another_entry_are_not_taken_for_its_own(spool):
    one, other = (spool.append("logs", token, [a_part(token.encode())]) for token in ("one", "two"))
    path_of(spool, one).write_bytes(path_of(spool, other).read_bytes())
    assert spool.read(one).parts == ()
    assert spool.read(one).damage.items_lost == 3


def test_bytes_after_the_end_of_a_whole_file_cost_nothing(spool):
    entry = spool.append("logs", "t", [a_part()])
    with path_of(spool, entry).open("ab") as file:
        file.write(b"".join(frames.encode([a_part()] * 3, "t")) + bytes(5000))
    assert spool.read(entry).parts == (a_part(),)
    assert spool.read(entry).damage is None


def test_the_next_request_is_found_behind_megabytes_of_rubbish(spool):
    parts = [a_part(b"x" * 3_500_000), a_part(b"last")]
    entry = spool.append("logs", "t", parts)
    for offset in (-3, 0, 5):
        # A magic on the border of two windows of the search must be found as well.
        content = os.urandom(1024 * 1024 + offset) + b"".join(frames.encode(parts, "t"))[frames.size_of(parts[:1]) :]
        path_of(spool, entry).write_bytes(content)
        assert spool.read(entry).parts == (parts[1],)


def test_a_place_that_the_disk_cannot_read_costs_only_the_requests_in_it(spool, monkeypatch):
    parts = [a_part(b"%d" % number * 10_000) for number in range(4)]
    entry = spool.append("logs", "t", parts)
    start = bounds_of(parts, "t")[1][0] + 5000
    read = os.pread

    def bad_sector(descriptor: int, length: int, offset: int) -> bytes:
        if offset < start < offset + length:
            raise OSError(errno.EIO, "Input/output error")
        return read(descriptor, length, offset)

    monkeypatch.setattr(os, "pread", bad_sector)
    contents = spool.read(entry)
    assert contents.parts == (parts[0], parts[2], parts[3])
    assert "the disk cannot read" in contents.damage.what


def test_a_file_that_cannot_be_opened_for_now_is_not_called_damaged(spool, monkeypatch):
    entry = spool.append("logs", "t", [a_part()])

    def too_many(*_: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "open", too_many)
    with pytest.raises(SpoolBrokenError, match="Too many open files"):
        spool.read(entry)
    found = next(spool.verify())
    assert f"the spool cannot read {names.name_of(entry)}: Too many open files; check the disk" in found.what
    assert list(spool.keys()) == []
    monkeypatch.undo()
    assert spool.read(entry).damage is None


def test_keys_of_requests_that_are_not_there_any_more_are_not_given(spool):
    keys = [bytes([number]) * 16 for number in range(3)]
    entry = spool.append("logs", "t", [a_part(b"x" * 500, key=key) for key in keys])
    data = path_of(spool, entry).read_bytes()
    path_of(spool, entry).write_bytes(data[: len(data) - 400])
    assert list(spool.keys()) == keys[:2]


def test_a_damaged_file_is_copied_aside_and_stays_in_the_spool_until_it_is_removed(spool, caplog):
    entry = spool.append("logs", "t", [a_part(), a_part()])
    path_of(spool, entry).write_bytes(path_of(spool, entry).read_bytes()[:-1])
    damage = spool.read(entry).damage
    with caplog.at_level(logging.WARNING):
        spool.set_aside(entry, damage)
        spool.set_aside(entry, damage)
    assert len(caplog.records) == 1
    assert spool.read(entry).parts == (a_part(),)
    spool.remove(entry)
    copies = list((spool.folder / names.DAMAGED).iterdir())
    assert [copy.name for copy in copies] == [names.name_of(entry)]
    assert copies[0].stat().st_size == damage.entry.size - 1
    assert spool.status().damaged == 1
    spool.close()
    again = Spool(spool.folder, ROOMY)
    assert again.status().damaged == 1
    assert again.entries() == []
    again.close()


def test_copies_of_damaged_files_are_bounded_in_number(spool, monkeypatch):
    monkeypatch.setattr(aside, "MOST_COPIES", 3)
    for number in range(6):
        entry = spool.append("logs", f"t{number}", [a_part()])
        path_of(spool, entry).write_bytes(b"rubbish")
        spool.set_aside(entry, spool.read(entry).damage)
    kept = sorted(names.entry_of(path.name).token for path in (spool.folder / names.DAMAGED).iterdir())
    assert kept == ["t3", "t4", "t5"]
    assert spool.status().damaged == 3


def test_copies_of_damaged_files_are_bounded_in_bytes(tmp_path):
    spool = Spool(tmp_path, SpoolLimits(100_000, 3600, 0))
    for number in range(4):
        entry = spool.append("logs", f"t{number}", [a_part(b"x" * 4000), a_part(b"y" * 500)])
        data = path_of(spool, entry).read_bytes()
        path_of(spool, entry).write_bytes(data[:-1])
        spool.set_aside(entry, spool.read(entry).damage)
    assert spool.status().damaged == 2


def test_a_copy_that_cannot_be_kept_is_told_and_stops_nothing(spool, caplog):
    entry = spool.append("logs", "t", [a_part()])
    path_of(spool, entry).write_bytes(b"rubbish")
    (spool.folder / names.DAMAGED).write_text("a file where the folder should be")
    with caplog.at_level(logging.WARNING):
        spool.set_aside(entry, spool.read(entry).damage)
    assert "no copy of the damaged" in caplog.text
    assert spool.entries() == [entry]


def test_a_disk_without_second_names_gets_a_real_copy(spool, monkeypatch):
    entry = spool.append("logs", "t", [a_part()])
    path_of(spool, entry).write_bytes(b"rubbish")

    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    spool.set_aside(entry, spool.read(entry).damage)
    assert (spool.folder / names.DAMAGED / names.name_of(entry)).read_bytes() == b"rubbish"


def test_files_that_are_not_the_spools_are_reported_set_aside_and_never_deleted(spool, caplog):
    entry = spool.append("logs", "t", [a_part()])
    spool.close()
    strangers = {
        "notes.txt": b"notes",
        names.name_of(entry).replace(".spool1", ".spool2"): b"from a newer house",
        names.name_of(entry) + ".bak": b"a copy",
        "0000000000000001.logs": b"",
    }
    for name, content in strangers.items():
        (spool.folder / name).write_bytes(content)
    with caplog.at_level(logging.WARNING):
        again = Spool(spool.folder, ROOMY)
    assert again.entries() == [entry]
    assert len(again.found) == len(list(again.verify())) == 4
    assert all(name in caplog.text for name in strangers)
    assert {path.name: path.read_bytes() for path in (spool.folder / names.DAMAGED).iterdir()} == strangers
    assert again.status().damaged == 4
    again.close()


def test_a_stranger_does_not_replace_one_of_the_same_name(spool):
    for content in (b"first", b"second"):
        spool.close()
        (spool.folder / "notes.txt").write_bytes(content)
        spool = Spool(spool.folder, ROOMY)
    kept = {path.read_bytes() for path in (spool.folder / names.DAMAGED).iterdir()}
    assert kept == {b"first", b"second"}
    spool.close()


def test_strangers_are_not_deleted_to_make_room_for_copies(spool, monkeypatch):
    monkeypatch.setattr(aside, "MOST_COPIES", 1)
    spool.close()
    (spool.folder / "notes.txt").write_bytes(b"notes")
    again = Spool(spool.folder, ROOMY)
    for number in range(3):
        entry = again.append("logs", f"t{number}", [a_part()])
        path_of(again, entry).write_bytes(b"rubbish")
        again.set_aside(entry, again.read(entry).damage)
    kept = {path.name for path in (spool.folder / names.DAMAGED).iterdir()}
    assert "notes.txt" in kept
    assert len(kept) == again.status().damaged == 2
    again.close()


def test_folders_in_the_spool_are_left_alone(spool):
    spool.close()
    (spool.folder / "lost+found").mkdir()
    again = Spool(spool.folder, ROOMY)
    assert again.found == ()
    assert (spool.folder / "lost+found").is_dir()
    again.close()
