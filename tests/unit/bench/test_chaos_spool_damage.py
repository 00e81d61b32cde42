"""Which requests may be lost with a damaged file is read off the undamaged one."""

import random

import pytest

from bench.chaos.faults import spool_damage
from bench.chaos.faults.spool_damage import Hit
from bench.chaos.ledger import Attempt, Held, Note, Outcome

FILE = b"head" + b"00000001/00000 00000001/00001" + b"gap." + b"00000002/00000 00000002/00001" + b"tail"
FIRST, SECOND = ("logs", 1), ("logs", 2)


def compare(counts, begin, end):
    notes = [Note(number, "logs", "grpc", 2, (Attempt(Outcome.ACKNOWLEDGED, 0, 1),)) for _, number in (FIRST, SECOND)]
    hit = Hit("file", "test", begin, end)
    return spool_damage.compare(notes, counts, hit, spool_damage.stretches(FILE))


def test_a_request_reaches_from_its_neighbour_to_its_neighbour():
    first, second = spool_damage.stretches(FILE)
    assert (first.begin, first.end) == (0, FILE.index(b"00000002"))
    assert (second.begin, second.end) == (FILE.index(b"gap."), len(FILE))


def test_a_request_that_was_hit_may_be_missing():
    assert compare({SECOND: Held(2, 2)}, 6, 7) == (1, [])


def test_a_request_that_was_not_hit_must_be_there():
    missing, wrong = compare({FIRST: Held(2, 2)}, 6, 7)
    assert (missing, wrong) == (1, ["request 2 is lost and was not hit"])


def test_a_request_is_there_whole_or_not_at_all():
    assert "in part" in compare({FIRST: Held(1, 1), SECOND: Held(2, 2)}, 6, 7)[1][0]


def test_a_request_is_there_once():
    assert "stands 4 times" in compare({FIRST: Held(4, 2), SECOND: Held(2, 2)}, 6, 7)[1][0]


@pytest.mark.parametrize("seed", range(20))
def test_damage_is_what_it_says_it_is(tmp_path, seed):
    file = tmp_path / "1.spool1"
    data = random.Random(seed).randbytes(10_000)
    file.write_bytes(data)
    hit = spool_damage.damage(tmp_path, random.Random(seed))
    changed = file.read_bytes()
    assert changed != data
    assert changed[: hit.begin] == data[: hit.begin]
    assert changed[hit.end :] == data[hit.end :] or len(changed) == hit.begin
