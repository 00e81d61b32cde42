"""A spool is read in several looks, and no file is passed over between two of them."""

from dataclasses import replace

import pytest
from spool_parts import ROOMY, a_part, path_of

from ingest.spool import checking, names
from ingest.spool.folder import Spool, SpoolReader


@pytest.fixture
def spool(tmp_path):
    spool = Spool(tmp_path / "spool", ROOMY)
    yield spool
    spool.close()


def looks(spool, seconds=0.0):
    found, after = [], 0
    while after is not None:
        found.append(checking.check(spool, after, seconds))
        after = found[-1].go_on_after
    return found


def test_an_empty_spool_is_read_in_one_look(spool):
    assert looks(spool) == [checking.Checked(0, (), None)]


def test_with_time_enough_one_look_reads_it_all(spool):
    for number in range(5):
        spool.append("logs", f"t{number}", [a_part()])

    assert looks(spool, seconds=60.0) == [checking.Checked(5, (), None)]


def test_without_time_each_look_reads_at_least_one_entry(spool):
    entries = [spool.append("logs" if number % 2 else "traces", f"t{number}", [a_part()]) for number in range(4)]

    found = looks(spool)

    assert [(look.entries, look.go_on_after) for look in found] == [
        (1, entries[0].number),
        (1, entries[1].number),
        (1, entries[2].number),
        (1, None),
    ]


def test_files_that_came_back_with_a_number_that_is_taken_are_read_together(spool):
    entries = [spool.append("logs", token, [a_part()]) for token in ("a", "b")]
    again = replace(entries[0], token="back")
    path_of(spool, entries[0]).with_name(names.name_of(again)).write_bytes(b"broken")

    found = looks(SpoolReader(spool.folder, ROOMY))

    assert [look.entries for look in found] == [2, 1]
    assert [damage.entry.token for look in found for damage in look.damages] == ["back"]


def test_what_is_not_the_spools_is_told_once_and_first(spool):
    spool.append("logs", "a", [a_part()])
    spool.append("logs", "b", [a_part()])
    (spool.folder / "stranger.txt").write_bytes(b"hello")

    found = looks(SpoolReader(spool.folder, ROOMY))

    assert [["stranger.txt" in damage.what for damage in look.damages] for look in found] == [[True], []]


def test_damage_all_over_does_not_make_an_answer_without_end(spool, monkeypatch):
    monkeypatch.setattr(checking, "MOST_DAMAGES", 2)
    for number in range(5):
        path_of(spool, spool.append("logs", f"t{number}", [a_part()])).write_bytes(b"")

    assert [len(look.damages) for look in looks(spool, seconds=60.0)] == [2, 2, 1]
