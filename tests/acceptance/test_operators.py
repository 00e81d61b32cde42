"""An operator's day: what could not be stored is found, understood, mended and sent again; the spool is looked at."""

import json
import time

import pytest
from otlp_requests import log_request, span, span_request
from raw_senders import HttpSender
from running_house import House

DAY = 86_400 * 10**9
MENDED = "--set=sql.retention.logs_days=0"
"""Logs are kept for ever, so that what is some months old is no garbage any more."""


def old_log(text, days):
    request = log_request(text, "shop")
    request.resource_logs[0].scope_logs[0].log_records[0].time_unix_nano = time.time_ns() - days * DAY
    return request.SerializeToString()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("house")


@pytest.fixture(scope="module")
def house(folder):
    """A house that three old records, one broken span and a good record came to."""
    house = House(folder)
    try:
        sender = HttpSender(house.up())
        for body in (old_log("old 1", 100), old_log("old 2", 200), old_log("ancient", 4000)):
            assert sender.send(body).http_status == 200
        assert (
            sender.send(span_request(span("broken", b"short", b"x")).SerializeToString(), "traces").http_status == 200
        )
        assert sender.send(log_request("good", "shop").SerializeToString()).http_status == 200
        sender.close()
        # Letters take the way through the spool.
        assert house.run("spool", "drain", "--timeout", "60").returncode == 0
        yield house
    finally:
        house.end()


def letters(house, *words):
    listed = house.run("deadletter", "list", "--format", "json", *words)
    assert listed.returncode == 0, listed.stderr
    return json.loads(listed.stdout)["rows"]


def test_what_could_not_be_stored_is_listed_with_the_reason_newest_first(house):
    found = letters(house)

    assert len(found) == 4
    assert found[0]["signal"] == "traces"
    assert [row["service"] for row in found[1:]] == ["shop"] * 3
    assert all(row["reason"] for row in found)
    assert letters(house, "--signal", "traces") == found[:1]
    assert letters(house, "--reason", "before its arrival", "--service", "shop") == found[1:]
    assert letters(house, "--state", "stored") == []


def test_letters_are_counted_by_reason(house):
    counted = json.loads(house.run("deadletter", "list", "--counts", "--format", "json").stdout)["rows"]

    assert [(row["letters"], row["signal"]) for row in counted] == [(3, "logs"), (1, "traces")]


def test_a_letter_is_shown_whole(house):
    (row,) = letters(house, "--limit", "1")

    shown = house.run("deadletter", "show", row["id"])
    told = json.loads(house.run("deadletter", "show", row["id"], "--format", "json").stdout)

    assert shown.returncode == 0, shown.stderr
    assert f"reason: {row['reason']}" in shown.stdout
    assert '"name": "broken"' in shown.stdout
    assert told["item"]["scopeSpans"][0]["spans"][0]["traceId"] == b"short".hex()


def test_a_letter_that_does_not_exist_is_said_to(house):
    shown = house.run("deadletter", "show", "0" * 32)

    assert (shown.returncode, "there is no dead letter" in shown.stderr) == (1, True)


def test_as_long_as_nothing_is_mended_they_are_refused_once_more_and_stay(house):
    retried = house.run("deadletter", "retry", "--signal", "logs", "--yes", "--format", "json")

    told = json.loads(retried.stdout)
    assert (retried.returncode, told["stored"], told["refused"]) == (1, 0, 3)
    assert sum(told["reasons"].values()) == 3
    assert {row["attempts"] for row in letters(house, "--signal", "logs")} == {1}


def test_the_spool_of_a_house_that_is_well_is_empty_and_whole(house):
    status = house.run("spool", "status")
    verified = house.run("spool", "verify")

    assert (status.returncode, status.stdout, status.stderr) == (0, "", "the spool is empty\n")
    assert (verified.returncode, verified.stderr) == (0, "0 batches read, all of them whole\n")


def test_once_mended_they_are_sent_again_and_stored_once(house, folder):
    house.end()
    mended = House(folder, MENDED)
    try:
        mended.up()
        retried = [mended.run("deadletter", "retry", "--all", "--yes", "--format", "json") for _ in range(2)]
        stored = letters(mended, "--state", "stored")
        bodies = [row["body"] for row in mended.question("recent_logs", service="shop", since="500d", limit=100)]
    finally:
        mended.end()

    first, second = (json.loads(one.stdout) for one in retried)
    assert (first["stored"], first["refused"]) == (2, 2), first
    assert (second["stored"], second["refused"]) == (0, 2), second
    assert sorted(bodies) == ["good", "old 1", "old 2"]
    assert len(stored) == 2
