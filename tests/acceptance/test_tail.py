"""`otelhouse tail` beside a running house; and a token in a stream's URL, which stands nowhere afterwards."""

import json
import os
import pty
import signal
import subprocess
import time
import urllib.error
import urllib.request

import pytest
from otlp_requests import log_request
from running_house import WAIT, House, command, environment


def send(house, body, service="shop", **headers):
    request = log_request(body, service).SerializeToString()
    told = {"content-type": "application/x-protobuf", **headers}
    url = house.address("OTLP/HTTP") + "/v1/logs"
    with urllib.request.urlopen(urllib.request.Request(url, request, told), timeout=WAIT) as answer:
        assert answer.status == 200


def viewers(house, token=""):
    request = urllib.request.Request(house.address("REST") + "/metrics", headers={"authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=WAIT) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("otelhouse_stream_viewers{"))


def until(true):
    """Wait for what another process knows; bounded."""
    deadline = time.monotonic() + WAIT
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)  # figures tell nobody when they change


def tail(house, *words):
    ports = {"OTELHOUSE_QUERY_PORT": house.ports["REST"]}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command("tail", *words), env=environment(**ports), **pipes)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    house = House(tmp_path_factory.mktemp("house"))
    try:
        yield house.up()
    finally:
        house.end()


def test_rows_come_as_they_are_stored_in_words_and_as_json(house):
    in_words, as_json = tail(house, "--service", "shop", "--rows", "2"), tail(house, "logs", "--rows=1", "--json")
    until(lambda: viewers(house) == 2)
    send(house, "level=error \x1b[31mred", "shop")
    assert json.loads(as_json.communicate(timeout=WAIT)[0])["body"] == "level=error \x1b[31mred"
    send(house, "nobody sees it", "other")
    send(house, "second")
    lines = in_words.communicate(timeout=WAIT)[0].splitlines()
    assert (in_words.returncode, as_json.returncode) == (0, 0)
    assert [line.split("  ", 1)[1] for line in lines] == [
        "ERROR  shop  level=error \\x1b[31mred",
        "-      shop  second",
    ]


def test_on_a_terminal_rows_have_colours(house):
    send(house, "hello", "painted")
    variables = environment(OTELHOUSE_QUERY_PORT=house.ports["REST"], TERM="xterm-256color", NO_COLOR="")
    terminal, side = pty.openpty()
    words = command("tail", "--service", "painted", "--since", "10m", "--rows", "1")
    watching = subprocess.Popen(words, env=variables, stdout=side)
    try:
        assert watching.wait(WAIT) == 0
        line = os.read(terminal, 4_096)
    finally:
        watching.kill()
        os.close(side)
        os.close(terminal)
    assert line.endswith(b"  \x1b[36mpainted\x1b[0m  hello\r\n")


def test_it_comes_back_by_itself_and_misses_nothing(tmp_path):
    place = f"--data={tmp_path / 'data'}"
    house = House(tmp_path, place).up()
    port = house.ports["REST"]
    watching = tail(house, "--rows", "2", "--json")
    try:
        until(lambda: viewers(house) == 1)
        send(house, "first")
        assert json.loads(watching.stdout.readline())["body"] == "first"
        house.end(signal.SIGKILL)
        house = House(tmp_path, place, f"--set=query.port={port}").up()
        send(house, "second")
        out, said = watching.communicate(timeout=WAIT)
    finally:
        house.end()
        watching.kill()
        watching.communicate()
    assert json.loads(out)["body"] == "second"
    assert "back in" in said


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["evnts"], 2, "is not one of 'logs', 'spans', 'events'"),
        (["--servce", "x"], 2, "No such option"),
        (["--service"], 2, "requires an argument"),
        (["events", "--service", "x"], 2, "no filter 'service'"),
        (["--min-severity", "loud"], 2, "'loud' is no severity"),
        (["--url", "http://127.0.0.1:9"], 3, "no house answers"),
    ],
)
def test_what_is_wrong_ends_it_with_the_reason(house, words, code, said):
    ended = tail(house, *words)
    assert said in ended.communicate(timeout=WAIT)[1]
    assert ended.returncode == code


def token(folder, name, *words):
    done = subprocess.run(
        command("token", "create", name, *words, "--file", str(folder / "tokens.yaml")),
        env=environment(), capture_output=True, text=True, timeout=WAIT, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def stream(house, name, credential):
    url = f"{house.address('REST')}/notifications/?{name}={credential}&last_event_id=4711"
    return urllib.request.Request(url, headers={"accept": "text/event-stream"})


def test_a_token_in_the_url_of_a_stream_lets_in_and_is_written_nowhere(tmp_path):
    read = token(tmp_path, "anna", "--kind", "read", "--role", "viewer")
    wrong = f"{read[:-4]}AAAA"
    settings = [
        "log.level=debug",
        f"identity.tokens_file={tmp_path / 'tokens.yaml'}",
        "identity.audit.file=audit.jsonl",
    ]
    house = House(tmp_path, *(f"--set={setting}" for setting in settings)).up()
    try:
        for name in ("access_token", "token"):
            with urllib.request.urlopen(stream(house, name, read), timeout=WAIT) as answer:
                assert answer.readline() == b": connected\n"
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(stream(house, "access_token", wrong), timeout=WAIT)
        with refused.value:
            assert refused.value.code == 401
            assert wrong.encode() not in refused.value.read()
        until(lambda: viewers(house, read) == 0)
    finally:
        house.end()
    written = "".join(house.errors) + "".join(
        path.read_bytes().decode("latin-1") for path in tmp_path.rglob("*") if path.is_file()
    )
    for secret in (read, wrong):
        assert secret not in written
        assert secret.split("_", 2)[2] not in written
