"""What the senders noted is held against what ClickHouse holds: the book-keeping of `make chaos`."""

from bench.chaos import ledger
from bench.chaos.ledger import Attempt, Held, Note, Outcome

KEY = ("logs", 1)


def note(*outcomes, items=10, number=1):
    attempts = tuple(Attempt(Outcome(outcome), at, at + 0.5) for at, outcome in enumerate(outcomes))
    return Note(number, "logs", "grpc", items, attempts)


def test_an_acknowledged_item_that_is_not_there_is_lost():
    found = ledger.balance([note("acknowledged")], {KEY: Held(9, 9)})
    assert (found.lost, found.doubled) == (1, 0)
    assert "1 acknowledged items are lost" in found.broken(even_interrupted=False)


def test_what_stands_twice_of_a_request_that_was_answered_each_time_is_a_fault():
    found = ledger.balance([note("refused", "acknowledged")], {KEY: Held(20, 10)})
    assert (found.lost, found.doubled, found.accepted_duplicates) == (0, 10, 0)
    assert found.broken(even_interrupted=False)


def test_what_stands_twice_of_a_request_that_had_no_answer_is_the_protocols_own_duplicate():
    found = ledger.balance([note("unknown", "acknowledged")], {KEY: Held(20, 10)})
    assert (found.doubled, found.accepted_duplicates) == (0, 10)
    assert not found.broken(even_interrupted=False)
    assert found.broken(even_interrupted=True)


def test_what_nobody_acknowledged_may_be_there_or_not():
    found = ledger.balance([note("acknowledged", number=2), note("unknown")], {("logs", 2): Held(10, 10)})
    assert found.lost == 0
    assert found.unacknowledged == 1


def test_a_load_of_which_nothing_was_acknowledged_shows_nothing():
    assert ledger.balance([], {}).broken(even_interrupted=False)


def test_the_longest_silence_is_the_time_between_two_acknowledgements():
    early, late = note("acknowledged"), note("unknown", "unknown", "unknown", "acknowledged")
    assert ledger.longest_silence([late, early]) == 3.0


def test_notes_survive_the_way_through_a_file(tmp_path):
    notes = [note("refused", "unknown", "acknowledged"), note("denied", number=2)]
    ledger.write(tmp_path / "notes", notes)
    assert ledger.read(tmp_path / "notes") == notes
