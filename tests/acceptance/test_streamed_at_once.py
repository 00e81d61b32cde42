"""What a house stores reaches who watches that house at once: nobody waits for the next look into ClickHouse."""

import urllib.request

import pytest
from live_stream import LiveStream
from otlp_requests import event_request_json
from running_house import WAIT, House

POLL_S = 60
"""Seconds between two looks, the most that there may be."""
SOON_S = 10
"""Within which an event has to be there, on a busy machine too."""


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path, f"--set=streams.poll_s={POLL_S}")
    try:
        yield house.up()
    finally:
        house.end()


@pytest.fixture
def stream(house):
    stream = LiveStream(house.address("REST")).open()
    yield stream
    stream.close()


def happens(house, name):
    url = house.address("OTLP/HTTP") + "/v1/logs"
    headers = {"content-type": "application/json"}
    asked = urllib.request.Request(url, event_request_json(name), headers)
    with urllib.request.urlopen(asked, timeout=WAIT) as answer:
        assert answer.status == 200


def test_an_event_reaches_the_client_long_before_the_next_look(house, stream):
    # The first may be found by the look with which a stream begins; each of the others would wait for one of its own.
    names = ["first", "second", "third"]
    for number, name in enumerate(names, 1):
        happens(house, name)
        assert stream.until(lambda most=number: len(stream.messages) >= most, SOON_S), f"{name} waits for a look"

    assert [(topic, data["metadata"]["name"]) for topic, data in stream.messages] == [
        ("krateo", name) for name in names
    ]
