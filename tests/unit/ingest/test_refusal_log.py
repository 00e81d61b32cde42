"""The log tells of each refused sender once a minute, in few words."""

import logging

import pytest

from ingest import refusal_log
from ingest.refusal_log import INTERVAL, RefusalLog


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def refusals(clock, caplog) -> RefusalLog:
    caplog.set_level(logging.INFO)
    return RefusalLog(clock)


def test_the_first_refusal_is_told_at_once_and_the_others_with_their_number_a_minute_later(refusals, clock, caplog):
    for _ in range(100):
        refusals.note("grpc", "10.0.0.7", "agent-1", "over_share")
    assert caplog.messages == ["refused 10.0.0.7, token agent-1 over grpc once: over_share"]
    clock.now += INTERVAL
    refusals.note("grpc", "10.0.0.7", "agent-1", "over_share")
    assert caplog.messages[1:] == ["refused 10.0.0.7, token agent-1 over grpc 100 times: over_share"]


def test_each_sender_and_each_reason_has_a_line_of_its_own(refusals, caplog):
    for name, reason in ("a", "busy"), ("b", "busy"), ("a", "malformed"), ("", "busy"):
        refusals.note("http", "10.0.0.7", name, reason)
    assert len(caplog.messages) == 4
    assert caplog.messages[-1] == "refused 10.0.0.7 over http once: busy"


def test_a_crowd_of_senders_gets_so_many_lines_a_minute_and_the_rest_a_number(refusals, clock, caplog, monkeypatch):
    monkeypatch.setattr(refusal_log, "MOST_LINES", 3)
    for number in range(10):
        refusals.note("http", f"10.0.0.{number}", "", "unauthenticated")
    assert len(caplog.messages) == 3
    clock.now += INTERVAL
    refusals.note("http", "10.0.1.0", "", "unauthenticated")
    assert caplog.messages[3].endswith("; 7 lines about others were left out")


def test_no_more_senders_are_remembered_than_so_many(refusals, monkeypatch):
    monkeypatch.setattr(refusal_log, "MOST_KEPT", 5)
    for number in range(50):
        refusals.note("http", f"10.0.0.{number}", "", "busy")
    assert len(refusals._entries) == 5
