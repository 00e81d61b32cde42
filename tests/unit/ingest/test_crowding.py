"""Who is told apart as a crowd, and for how long."""

from ingest.crowding import AFTER_S, Crowding

MUCH = 101


def test_who_holds_more_than_its_part_is_a_crowd_and_stays_one_for_a_while():
    crowding = Crowding(800)
    assert not crowding.is_crowd("flood", 100, 0.0)
    assert crowding.is_crowd("flood", MUCH, 1.0)
    assert crowding.is_crowd("flood", 0, 1.0 + AFTER_S - 0.1)
    assert not crowding.is_crowd("flood", 0, 1.0 + AFTER_S)


def test_others_are_there_while_they_send():
    crowding = Crowding(800)
    crowding.is_crowd("flood", MUCH, 0.0)
    assert not crowding.has_others(0.0)
    crowding.is_crowd("polite", 1, 1.0)
    assert crowding.has_others(1.0 + AFTER_S - 0.1)
    assert not crowding.has_others(1.0 + AFTER_S)


def test_only_crowds_of_now_are_remembered():
    crowding = Crowding(800)
    for number in range(100):
        crowding.is_crowd(f"sender-{number}", MUCH, number * AFTER_S)
    assert len(crowding._until) == 1
