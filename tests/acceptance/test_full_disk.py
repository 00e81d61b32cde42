"""A disk of ClickHouse without the room that must stay free: told, held back, and nothing acknowledged is lost."""

import json
import shutil

import pytest
from otlp_requests import log_request
from raw_senders import HttpSender
from running_house import House


def send(house, text):
    sender = HttpSender(house)
    try:
        return sender.send(log_request(text, "shop").SerializeToString()).http_status
    finally:
        sender.close()


@pytest.fixture
def without_room(tmp_path):
    """Starts a house in this folder that thinks that so many bytes must stay free."""
    houses = []

    def start(*arguments):
        houses.append(House(tmp_path, *arguments).up())
        return houses[-1]

    yield start
    for house in houses:
        house.end()


def test_what_comes_waits_in_the_spool_until_there_is_room(without_room, tmp_path):
    much = shutil.disk_usage(tmp_path).total * 2
    full = without_room(f"--set=store.keep_free_bytes={much}")
    assert full.says("nothing more goes to ClickHouse")

    assert send(full, "before the disk is full") == 200
    status, body = full.get("/readyz")
    disk = json.loads(body)["checks"]["disk"]
    assert (status, json.loads(body)["status"]) == (200, "degraded")
    assert "make room" in json.dumps(disk)
    assert "otelhouse_clickhouse_disk_free_bytes{" in full.get("/metrics")[1]
    assert full.records(service="shop") == []
    assert full.end() == 0

    roomy = without_room("--set=store.keep_free_bytes=0", "--set=store.low_free_ratio=0")
    assert roomy.run("spool", "drain", "--timeout", "60").returncode == 0
    assert [row["body"] for row in roomy.records(service="shop")] == ["before the disk is full"]
    assert json.loads(roomy.get("/readyz")[1])["status"] == "ready"


def test_with_no_room_for_the_spool_either_senders_are_asked_to_come_again(without_room, tmp_path):
    much = shutil.disk_usage(tmp_path).total * 2
    full = without_room(f"--set=store.keep_free_bytes={much}", f"--set=ingest.spool.keep_free_bytes={much}")
    assert full.says("nothing more goes to ClickHouse")

    assert send(full, "refused") == 503
    assert full.get("/readyz")[0] == 503
