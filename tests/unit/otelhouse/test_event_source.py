"""A stream is followed through breaks, from the place where it was, and less and less often while there is no house."""

import contextlib

import pytest

from otelhouse import event_source, house_client
from otelhouse.event_source import LONGEST_PAUSE, EventSource, Message
from otelhouse.house_access import NO_ACCESS


class Answer:
    """What a house says, line by line; then it breaks off."""

    def __init__(self, *lines, error=None):
        self.lines = [line.encode() + b"\n" for line in lines]
        self.error = error

    def readline(self):
        if self.lines:
            return self.lines.pop(0)
        if self.error:
            raise self.error
        return b""


class House:
    """Answers in this order; remembers what it was asked with."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    @contextlib.contextmanager
    def streamed(self, url, path, headers, access):
        self.asked.append((path, headers.get("last-event-id")))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        yield answer


@pytest.fixture
def follow(monkeypatch):
    def follow(*answers, most=100):
        house, pauses, remarks, found = House(*answers), [], [], []
        monkeypatch.setattr(house_client, "streamed", house.streamed)
        source = EventSource("http://house", "/api/v1/tail", NO_ACCESS, remarks.append)
        with contextlib.suppress(IndexError):  # no more answers
            for message in source.messages(pauses.append):
                found.append(message)
                if len(found) == most:
                    break
        return house, found, pauses, remarks

    return follow


def test_blocks_become_messages_and_comments_do_not(follow):
    _, found, *_ = follow(
        Answer(": connected", "", "retry: 100", "", "data: 1", "data:2", "", "event: gap", "data: {}", "", "id: x", "")
    )
    assert found == [Message("message", "1\n2"), Message("gap", "{}")]


def test_it_goes_on_from_the_last_place_also_of_a_block_without_data(follow):
    house, found, *_ = follow(
        Answer("id: a", "data: 1", "", "id: b", ""),
        Answer("id: c", "data: 2"),
        Answer("data: 3", "", error=OSError("broke")),
    )
    assert [place for _, place in house.asked] == [None, "b", "b", "b"]
    assert [message.data for message in found] == ["1", "3"]  # of the second answer, the block was not whole


def test_it_asks_less_and_less_often_while_there_is_no_house(follow):
    away = [house_client.Unreachable("no house")] * 8
    _, found, pauses, remarks = follow(Answer("retry: 1000", "", "data: 1", ""), *away, Answer("data: 2", ""))
    assert [message.data for message in found] == ["1", "2"]
    assert pauses[0] < 1.3
    assert pauses[3] > 5
    assert max(pauses) <= LONGEST_PAUSE * 1.2
    assert pauses[9] < 1.3  # it was there again
    assert all("back in" in remark for remark in remarks)


def test_no_house_from_the_beginning_and_a_refusal_end_it(follow):
    with pytest.raises(house_client.Unreachable):
        follow(house_client.Unreachable("no house"))
    with pytest.raises(house_client.Refusal):
        follow(Answer("data: 1", ""), house_client.Refusal("no", users_mistake=True, code="unauthenticated"))


def test_a_house_that_is_busy_for_now_is_asked_again(follow):
    house, found, *_ = follow(
        Answer("id: a", ""), house_client.Refusal("full", users_mistake=False, code="busy"), Answer("data: 1", "")
    )
    assert [message.data for message in found] == ["1"]
    assert [place for _, place in house.asked] == [None, "a", "a", "a"]


def test_a_pause_is_what_the_house_asks_for_and_a_little_chance(follow):
    *_, pauses, _ = follow(*[Answer("retry: 3000", "") for _ in range(20)])
    assert all(2.4 <= pause <= 3.6 for pause in pauses)
    assert len(set(pauses)) > 10
    assert event_source.LONGEST_PAUSE == 30
