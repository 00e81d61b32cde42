"""In a cluster each role is a process and the canary a job: what it finds is told by who answers questions."""

import json
import signal
import subprocess
import time

import pytest
from running_house import WAIT, House, command, environment

from canary.finding import LEGS

ROLES = ("ingest", "serve", "mcp")
pytestmark = pytest.mark.server


@pytest.fixture
def town(tmp_path, server_settings):
    """Ingest, serve and MCP on one server, as the chart has them."""
    place = ("--clickhouse", server_settings.url, f"--set=store.database={server_settings.database}")
    houses = {}
    for role in ROLES:
        (tmp_path / role).mkdir()
        houses[role] = House(tmp_path / role, *place, "--set=canary.enabled=true", role=role).up()
    yield houses, place
    for house in houses.values():
        house.end()


def job(town, *words):
    """`otelhouse canary` as a process of its own, ready to be started."""
    houses, place = town
    where = {
        "rest_url": houses["serve"].address("REST"),
        "grpc_url": houses["ingest"].address("OTLP/gRPC"),
        "http_url": houses["ingest"].address("OTLP/HTTP"),
        "mcp_url": f"{houses['mcp'].address('MCP')}/mcp",
    }
    return command("canary", *place, *(f"--set=canary.{name}={url}" for name, url in where.items()), *words)


def run(words):
    return subprocess.run(words, env=environment(), capture_output=True, text=True, timeout=WAIT, check=False)


def told(town, good):
    """What `serve` says of the canary, once it is good."""
    deadline, serve = time.monotonic() + WAIT, town[0]["serve"]
    while time.monotonic() < deadline:
        answer = json.loads(serve.get("/api/v1/canary")[1])
        if good(answer):
            return answer
        time.sleep(0.5)  # it looks every few seconds, and tells nobody when
    pytest.fail(f"after {WAIT} s: {answer}")


def states(answer):
    return [one["state"] for one in answer["clusters"]]


def legs(answer):
    return {one["leg"] for cluster in answer["clusters"] for one in cluster["legs"]}


def all_in_figures(town, answer):
    """Whether `/metrics` of `serve` says of each leg and signal of the answer that it is well."""
    figures = town[0]["serve"].get("/metrics")[1]
    (cluster,) = answer["clusters"]
    names = [f'cluster="",leg="{one["leg"]}",signal="{one["signal"]}"' for one in cluster["legs"]]
    return all(f"otelhouse_canary_leg_ok{{{name}}} 1.0" in figures for name in names)


def test_a_job_of_beats_is_told_by_who_answers_questions(town):
    assert states(told(town, lambda answer: True)) == ["starting"]

    done = run(job(town, "--beats=2", "--set=canary.period_s=1", "--set=canary.spot_every=1"))

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("the whole way is well") == 2
    answer = told(town, lambda answer: legs(answer) == set(LEGS))  # a look may fall between the two beats
    assert answer["canary"] == "followed"
    assert states(answer) == ["ok"]
    told(town, lambda answer: all_in_figures(town, answer))  # they are told a moment after the legs


def test_a_leg_that_a_job_finds_broken_is_named_by_who_answers_questions(town):
    town[0]["mcp"].end()
    done = run(job(town, "--once", "--set=canary.give_up_s=15"))

    assert done.returncode == 1, done.stdout + done.stderr
    (cluster,) = told(town, lambda answer: states(answer) == ["broken"])["clusters"]
    assert cluster["broken_leg"] == "mcp"


def test_a_job_that_is_told_to_stop_before_its_last_beat_is_to_be_done_again(town):
    words = job(town, "--beats=1000", "--set=canary.period_s=1")
    with subprocess.Popen(words, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if "the whole way is well" in line:
                break
        process.send_signal(signal.SIGTERM)
        process.stdout.read()

    assert process.returncode == 128 + signal.SIGTERM


def test_once_is_one_beat_and_no_number_beside_it(town):
    done = run(job(town, "--once", "--beats=2"))

    assert done.returncode == 2
    assert "--once is one beat: give it or --beats" in done.stderr
