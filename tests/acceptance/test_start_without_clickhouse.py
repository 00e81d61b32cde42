"""What was acknowledged while ClickHouse was away, or before the house was killed, is there afterwards, and once."""

import http.client
import json
import signal
import subprocess
import time
from collections import Counter

import pytest
from otlp_requests import gauges_request, log_request, span, span_request
from raw_senders import GrpcSender, HttpSender
from running_house import WAIT, House, command, environment

from otelhouse.spool_command import GRACE
from store.opening import open_store
from store.port import Select
from store.settings import StoreSettings

DATABASE = "late"
START = 15.0
"""Seconds that a command may take to begin, on a machine that does other things."""


@pytest.fixture
def clickhouse(start_clickhouse):
    """A server with an empty database, which is away."""
    server = start_clickhouse()
    store = open_store(StoreSettings(url=server.url))
    store.select(Select(f"CREATE DATABASE {DATABASE}"))
    store.close()
    server.kill()
    return server


@pytest.fixture
def start(tmp_path):
    houses = []

    def begin(*arguments, role="up"):
        houses.append(House(tmp_path, *arguments, role=role))
        return houses[-1]

    yield begin
    for house in houses:
        house.end(signal.SIGKILL)


def at(server):
    return ("--clickhouse", server.url, f"--set=store.database={DATABASE}")


def send_everything(house, numbers):
    """A log record, a span and a data point for each number, over both protocols in turns; all are acknowledged."""
    senders = [GrpcSender(house), HttpSender(house)]
    for number in numbers:
        requests = {
            "logs": log_request(f"log {number}", "late"),
            "traces": span_request(span(f"span {number}", number.to_bytes(16, "big"), number.to_bytes(8, "big"))),
            "metrics": gauges_request(f"gauge_{number}"),
        }
        for signal_name, request in requests.items():
            said = senders[number % 2].send(request.SerializeToString(), signal_name)
            assert (said.code, said.body) == (0, b""), said
    for sender in senders:
        sender.close()


def stored(server):
    """How often each record stands in ClickHouse."""
    store = open_store(StoreSettings(url=server.url, database=DATABASE))
    questions = (
        "SELECT Body FROM otel_logs",
        "SELECT SpanName FROM otel_traces",
        "SELECT MetricName FROM otel_metrics_gauge",
    )
    found = Counter(row[0] for question in questions for row in store.select(Select(question)).rows)
    store.close()
    return found


def expected(numbers):
    return Counter(name for number in numbers for name in (f"log {number}", f"span {number}", f"gauge_{number}"))


def offline(folder, *words):
    """A command where no house answers."""
    return subprocess.run(
        command(*words, "--set=query.port=1"), cwd=folder, env=environment(), capture_output=True, text=True,
        timeout=WAIT, check=False,
    )  # fmt: skip


NUMBERS = range(1, 13)


def test_a_house_opens_without_clickhouse_and_what_it_took_is_there_once_clickhouse_comes(clickhouse, start):
    house = start(*at(clickhouse)).up()

    send_everything(house, NUMBERS)

    status, ready = house.get("/readyz")
    assert (status, json.loads(ready)["status"]) == (200, "degraded")
    status, answer = house.get("/api/v1/questions/recent_logs")
    assert (status, json.loads(answer)["error"]["code"]) == (503, "not_reachable"), "away is no empty answer"
    waiting = json.loads(house.run("spool", "status", "--format", "json").stdout)
    assert {kind: waiting["kinds"][kind]["items"] for kind in ("logs", "traces", "metrics")} == dict.fromkeys(
        ("logs", "traces", "metrics"), len(NUMBERS)
    )
    assert set(waiting["waiting_because"]) >= {"logs", "traces", "metrics"}
    clickhouse.restart()
    drained = house.run("spool", "drain", "--timeout", "60")
    assert drained.returncode == 0, drained.stderr
    assert stored(clickhouse) == expected(NUMBERS)
    status, ready = house.get("/readyz")
    assert (status, json.loads(ready)["status"]) == (200, "ready")
    assert len(house.question("recent_logs", service="late", limit=100)) == len(NUMBERS)


def test_a_drain_while_clickhouse_is_away_says_why_it_is_not_done(clickhouse, start):
    house = start(*at(clickhouse)).up()
    send_everything(house, [1])

    drained = house.run("spool", "drain", "--timeout", "1")

    assert drained.returncode == 1
    assert (
        "after 1 s 4 items in 4 batches still wait: ClickHouse does not take" in drained.stderr
    )  # one is an audit row


def test_a_house_that_is_killed_while_clickhouse_is_away_has_lost_nothing(clickhouse, start):
    house = start(*at(clickhouse)).up()
    send_everything(house, NUMBERS)
    assert house.end(signal.SIGKILL) == -signal.SIGKILL
    clickhouse.restart()

    house = start(*at(clickhouse)).up()

    assert house.run("spool", "drain", "--timeout", "60").returncode == 0
    assert stored(clickhouse) == expected(NUMBERS)


ALWAYS = ("--set=ingest.spool.mode=always", "--set=ingest.batch.max_age_ms=60000")
"""So that what is acknowledged stays in the spool until somebody kills the house."""


@pytest.fixture
def killed(clickhouse, start, tmp_path):
    """The folder of a house that acknowledged a good deal and was killed; ClickHouse is there."""
    clickhouse.restart()
    house = start(*at(clickhouse), *ALWAYS).up()
    send_everything(house, NUMBERS)
    house.end(signal.SIGKILL)
    assert stored(clickhouse) == Counter()
    return tmp_path


def test_with_the_spool_always_on_a_killed_house_stores_what_it_acknowledged_at_its_next_start(
    killed, clickhouse, start
):
    house = start(*at(clickhouse), *ALWAYS).up()

    assert house.run("spool", "drain", "--timeout", "60").returncode == 0
    assert stored(clickhouse) == expected(NUMBERS)


def test_what_a_killed_house_left_can_be_looked_at_and_drained_without_one(killed, clickhouse):
    where = [word for word in at(clickhouse) if word.startswith("--set")]
    status = offline(killed, "spool", "status", "--format", "json", *where)
    assert json.loads(status.stdout)["items"] == len(expected(NUMBERS)), status.stderr
    assert offline(killed, "spool", "verify", *where).returncode == 0

    drained = offline(killed, "spool", "drain", *at(clickhouse), "--timeout", "60")

    assert drained.returncode == 0, drained.stderr
    assert stored(clickhouse) == expected(NUMBERS)
    again = offline(killed, "spool", "drain", *at(clickhouse))
    assert (again.returncode, "the spool is empty" in again.stderr) == (0, True)


def test_a_drain_without_a_house_makes_a_view_again_that_is_missing_and_loses_no_rows(killed, clickhouse):
    store = open_store(StoreSettings(url=clickhouse.url, database=DATABASE))
    store.select(Select("DROP VIEW otel_logs_mv"))
    store.close()

    drained = offline(killed, "spool", "drain", *at(clickhouse), "--timeout", "60")

    assert drained.returncode == 0, drained.stderr
    assert stored(clickhouse) == expected(NUMBERS)


def test_a_drain_does_not_wait_for_ever_for_a_clickhouse_that_hangs(killed, clickhouse):
    clickhouse._process.send_signal(signal.SIGSTOP)
    begun = time.monotonic()
    try:
        drained = offline(killed, "spool", "drain", *at(clickhouse), "--timeout", "1")
    finally:
        took = time.monotonic() - begun
        clickhouse._process.send_signal(signal.SIGCONT)

    assert (drained.returncode, drained.stderr.count("Error:")) == (1, 1)
    assert "still wait" in drained.stderr
    assert took < 1 + GRACE + START


def test_the_embedded_engine_gets_what_a_killed_house_left_with_and_without_a_house(start, tmp_path):
    for begin in (1, 101):
        house = start(*ALWAYS).up()
        send_everything(house, range(begin, begin + 5))
        house.end(signal.SIGKILL)
        if begin == 1:
            drained = offline(tmp_path, "spool", "drain", "--timeout", "60")
            assert drained.returncode == 0, drained.stderr
    house = start(*ALWAYS).up()

    assert house.run("spool", "drain", "--timeout", "60").returncode == 0
    bodies = [row["body"] for row in house.question("recent_logs", service="late", limit=100)]
    assert sorted(bodies) == sorted(f"log {number}" for number in (*range(1, 6), *range(101, 106)))


# without a spool all is as it was before there was one

NEVER = "--set=ingest.spool.mode=never"


def test_without_a_spool_a_start_waits_for_clickhouse_and_then_gives_up(clickhouse, start):
    house = start(*at(clickhouse), NEVER, "--set=process.store_wait_s=1")

    assert house.process.wait(WAIT) == 1
    house.end()
    assert "did not answer for 1 s" in "".join(house.errors)


def test_without_a_spool_a_start_waits_with_closed_doors_until_clickhouse_is_there(clickhouse, start):
    house = start(*at(clickhouse), NEVER)
    assert house.says("does not answer yet, trying again")

    clickhouse.restart()

    house.up()
    send_everything(house, [1])
    assert stored(clickhouse) == expected([1])


def test_a_house_without_a_spool_says_what_one_before_it_left_there_and_it_can_be_drained_beside_it(
    killed, clickhouse, start
):
    house = start(*at(clickhouse), NEVER).up()

    assert house.says(f"{len(expected(NUMBERS))} items that were acknowledged wait in")
    drained = house.run("spool", "drain", *at(clickhouse), "--data", str(killed / "otelhouse-data"))
    assert drained.returncode == 0, drained.stderr
    assert stored(clickhouse) == expected(NUMBERS)


def test_without_a_spool_senders_are_told_to_come_back_while_clickhouse_is_away(clickhouse, start, tmp_path):
    clickhouse.restart()
    house = start(*at(clickhouse), NEVER).up()
    clickhouse.kill()
    sender = HttpSender(house)

    said = sender.send(log_request("log 7", "late").SerializeToString())

    assert (said.http_status, said.headers["retry-after"].isdecimal()) == (503, True)
    status, ready = house.get("/readyz")
    assert (status, json.loads(ready)["status"]) == (http.client.SERVICE_UNAVAILABLE, "not ready")
    asked = house.run("spool", "status", "--data", str(tmp_path / "otelhouse-data"))
    assert (asked.returncode, "this house has no spool" in asked.stderr) == (2, True)
    assert not (tmp_path / "otelhouse-data" / "spool").exists()
    clickhouse.restart()
    assert sender.send(log_request("log 7", "late").SerializeToString()).http_status == 200
    sender.close()
    assert stored(clickhouse)["log 7"] == 1
