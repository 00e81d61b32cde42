"""Who asks a cluster gets all of it, a part that says so, or an error that names the shard, in the question's time."""

import pytest

from store import errors
from store.port import Answer, Limits, Select
from store.shards import UNNAMED, Shards

LOST = [(3, "10.0.0.3", 9000)]
REFUSED = errors.RetryableError("Connection refused", code=279)
TOO_LONG = errors.LimitError("Timeout exceeded", code=159)


class Node:
    """A node of a cluster: what it says to a question that is asked of all shards, and which of them are silent."""

    def __init__(self, problem=None, silent=()):
        self.problem = problem
        self.silent = silent
        self.asked = []

    def __call__(self, select):
        if "system.clusters" in select.sql:
            if isinstance(self.silent, errors.StoreError):
                raise self.silent
            return answer(list(self.silent))
        self.asked.append(select)
        if self.problem and not select.settings["skip_unavailable_shards"]:
            raise self.problem
        return answer([(1,)])


def answer(rows):
    return Answer(columns=(), rows=rows, elapsed=0.0, rows_read=0, bytes_read=0, query_id="")


def ask(node, *, partial=True, seconds=30.0):
    return Shards("house", node).select(
        Select("SELECT 1", limits=Limits(seconds=seconds), query_id="q", partial=partial)
    )


def test_a_question_that_every_shard_answers_is_asked_once_and_whole():
    node = Node()

    assert ask(node).missing == ()
    assert [one.settings["skip_unavailable_shards"] for one in node.asked] == [0]


def test_the_others_are_asked_in_the_time_that_is_left_and_under_another_id():
    node = Node(REFUSED, LOST)

    assert ask(node).missing == ("shard 3",)
    first, second = node.asked
    assert (first.limits.seconds, second.limits.seconds < 30.0) == (30.0, True)
    assert (first.query_id, second.query_id) == ("q", "q-again")


def test_without_time_for_the_others_it_fails_and_names_the_shard():
    with pytest.raises(errors.ShardsMissingError, match=r"shard 3 \(10\.0\.0\.3:9000\) .* no time was left of 0\.4 s"):
        ask(Node(REFUSED, LOST), seconds=0.4)


def test_a_part_is_not_given_to_who_wants_all():
    node = Node(REFUSED, LOST)

    with pytest.raises(errors.ShardsMissingError, match=r"shard 3 .*: Connection refused") as failed:
        ask(node, partial=False)
    assert (failed.value.shards, failed.value.code, len(node.asked)) == (("shard 3",), 279, 1)


def test_a_question_that_takes_too_long_although_every_shard_answers_is_too_large():
    with pytest.raises(errors.LimitError, match="Timeout exceeded"):
        ask(Node(TOO_LONG))


def test_a_question_that_takes_too_long_beside_a_silent_shard_is_told_of_it():
    assert ask(Node(TOO_LONG, LOST)).missing == ("shard 3",)


def test_what_no_shard_is_to_blame_for_is_handed_on_as_it_is():
    wrong = errors.MisconfiguredError("no such column", code=47)

    with pytest.raises(errors.MisconfiguredError, match="no such column"):
        ask(Node(wrong, LOST))


def test_a_shard_that_may_not_be_looked_for_is_missing_without_a_name():
    assert ask(Node(REFUSED, errors.MisconfiguredError("not allowed", code=497))).missing == (UNNAMED,)


def test_after_a_loss_silent_shards_are_looked_for_first_until_all_answer_again():
    node = Node(REFUSED, LOST)
    shards = Shards("house", node)
    count = Select("SELECT 1", partial=True)
    shards.select(count)
    node.asked.clear()
    beside = shards.select(count)
    node.problem, node.silent = None, ()
    whole = shards.select(count)

    assert (beside.missing, whole.missing) == (("shard 3",), ())
    assert [one.settings["skip_unavailable_shards"] for one in node.asked] == [1, 0]


def test_a_silent_shard_is_given_up_before_the_question_s_time_is_over():
    node = Node()
    for seconds in (30.0, 4.5):
        ask(node, seconds=seconds)

    assert [one.settings["receive_timeout"] for one in node.asked] == [10, 5]
