"""The canary of a real house: it proves the whole way, is seen by nobody who did not ask, and names what breaks."""

import json
import socket
import subprocess
import time
import urllib.request

import pytest
from running_house import WAIT, House, command, environment

from canary.finding import LEGS
from canary.items import KINDS

CANARY = "otelhouse-canary"
QUICK = ("--set=canary.enabled=true", "--set=canary.period_s=2", "--set=canary.spot_every=1")


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    house = House(tmp_path_factory.mktemp("canary"), *QUICK)
    yield house.up()
    house.end()


@pytest.fixture(scope="module")
def well(house):
    """What the canary says once everything went by both doors and was looked for again."""
    return until(lambda: canary_of(house), complete)


def until(ask, good):
    deadline = time.monotonic() + WAIT
    while time.monotonic() < deadline:
        told = ask()
        if good(told):
            return told
        time.sleep(0.5)  # the next beat is what is waited for, and no test hears of it but by asking
    pytest.fail(f"after {WAIT} s: {told}")


def complete(told):
    return {one["leg"] for cluster in told["clusters"] for one in cluster["legs"]} == set(LEGS)


def canary_of(house, token=""):
    headers = {"authorization": f"Bearer {token}"} if token else {}
    asked = urllib.request.Request(f"{house.address('REST')}/api/v1/canary", headers=headers)
    with urllib.request.urlopen(asked, timeout=WAIT) as answer:
        return json.loads(answer.read())


def once(house, *arguments):
    """`otelhouse canary --once` against a house; gives the finished process."""
    where = {
        "rest_url": house.address("REST"),
        "grpc_url": house.address("OTLP/gRPC"),
        "http_url": house.address("OTLP/HTTP"),
        "mcp_url": f"{house.address('MCP')}/mcp",
    }
    words = [f"--set=canary.{name}={url}" for name, url in where.items()]
    return subprocess.run(
        command("canary", "--once", *words, *arguments),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=WAIT,
        check=False,
    )


def closed_address():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{one.getsockname()[1]}"


def test_every_leg_is_whole_for_every_signal(well):
    (cluster,) = well["clusters"]

    assert well["canary"] == "running"
    assert [one for one in cluster["legs"] if one["state"] not in {"ok", "late"}] == []
    for leg in ("stored", "rest", "mcp", "kept"):
        assert {one["signal"] for one in cluster["legs"] if one["leg"] == leg} == set(KINDS)
    assert {one["signal"] for one in cluster["legs"] if one["leg"] == "stream"} == {"log", "span", "event"}


def test_no_answer_shows_or_counts_the_canary_unless_it_is_asked_for_by_name(house, well):
    for question in (
        "recent_logs",
        "find_traces",
        "services",
        "clusters",
        "object_events",
        "metric_names",
        "freshness",
    ):
        assert house.question(question) == [], question
    assert house.question("recent_logs", service=CANARY)
    assert house.question("object_events", namespace=CANARY)
    assert house.question("metric_names", service=CANARY)


def test_the_canary_does_not_make_stored_telemetry_look_fresh(house, well):
    _, body = house.get("/api/v1/questions/recent_logs")

    assert json.loads(body)["data_through"] == {}


def test_figures_are_at_the_metrics_path(house, well):
    _, text = house.get("/metrics")

    figures = dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("otelhouse_canary_"))
    assert figures['otelhouse_canary_leg_ok{cluster="",leg="stored",signal="gauge"}'] == "1.0"
    assert figures['otelhouse_canary_silent{cluster=""}'] == "0.0"
    assert float(figures['otelhouse_canary_beats_total{outcome="ok"}']) >= 2


def test_once_ends_with_0_where_all_went_through(house):
    result = once(house)

    assert result.returncode == 0, result.stdout + result.stderr
    assert "the whole way is well" in result.stdout


@pytest.mark.parametrize(("url", "leg"), [("grpc_url", "accept-grpc"), ("http_url", "accept-http"), ("mcp_url", "mcp")])
def test_once_ends_with_1_and_the_broken_leg(house, url, leg):
    result = once(house, f"--set=canary.{url}={closed_address()}", "--set=canary.give_up_s=15")

    assert result.returncode == 1, result.stdout + result.stderr
    assert f"broken at {leg}" in result.stdout


def test_once_ends_with_2_where_the_settings_are_wrong(house):
    result = once(house, "--set=canary.ingest_token_file=/nowhere/token")

    assert result.returncode == 2, result.stdout + result.stderr
    assert "canary.ingest_token_file" in result.stderr


def test_where_everybody_is_asked_who_they_are_the_house_lets_its_own_canary_in(tmp_path):
    file = tmp_path / "tokens.json"
    made = subprocess.run(
        command("token", "create", "me", "--file", str(file), "--kind", "read", "--role", "viewer"),
        env=environment(), capture_output=True, text=True, timeout=WAIT, check=True,
    )  # fmt: skip
    token = next(word for word in made.stdout.split() if word.startswith("ohr_"))
    house = House(tmp_path, *QUICK, f"--set=identity.tokens_file={file}")
    try:
        house.up()
        with pytest.raises(urllib.error.HTTPError, match="401"):
            canary_of(house)
        told = until(lambda: canary_of(house, token), complete)
    finally:
        house.end()

    assert told["clusters"][0]["state"] in {"ok", "late"}
