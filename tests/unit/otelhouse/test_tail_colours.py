"""`otelhouse tail` shows rows in colours on a terminal, and a pipe gets the same words without any."""

import json
import re

import pytest
from click.testing import CliRunner

from otelhouse.__main__ import cli
from otelhouse.event_source import EventSource, Message

TERMINAL = {"TERM": "xterm-256color", "FORCE_COLOR": "1", "NO_COLOR": ""}
PIPE = {"FORCE_COLOR": "", "NO_COLOR": ""}
ESCAPE = re.compile("\x1b\\[[0-9;]*m")
DIM, RED, BOLD_RED, GREEN, YELLOW, CYAN = "\x1b[2m", "\x1b[31m", "\x1b[1;31m", "\x1b[32m", "\x1b[33m", "\x1b[36m"
END = "\x1b[0m"


def log(level, body="it"):
    return {"time": "2026-01-01T00:00:00.5Z", "level": level, "service": "shop", "body": body}


def span(status):
    told = {"time": "2026-01-01T00:00:00.5Z", "durationMs": 1.5, "traceId": "ab", "service": "shop"}
    return {**told, "name": "GET /", "status": status}


def event(kind):
    about = {"namespace": "shop", "kind": "Pod", "name": "front"}
    told = {"eventTime": "2026-01-01T00:00:00Z", "reason": "BackOff", "message": "it restarts"}
    return {**told, "type": kind, "involvedObject": about}


@pytest.fixture
def shown(monkeypatch):
    """What the command writes of one row."""

    def shown(signal, row, environment, *words):
        monkeypatch.setattr(EventSource, "messages", lambda _: iter([Message("message", json.dumps(row))]))
        result = CliRunner().invoke(cli, ["tail", signal, "--url", "http://house", *words], env=environment)
        assert (result.exit_code, result.stderr) == (0, "")
        return result.stdout

    return shown


ROWS = [
    ("logs", log(0), f"{DIM}-    {END}"),
    ("logs", log(5), f"{DIM}DEBUG{END}"),
    ("logs", log(9), f"{GREEN}INFO {END}"),
    ("logs", log(13), f"{YELLOW}WARN {END}"),
    ("logs", log(17), f"{RED}ERROR{END}"),
    ("logs", log(21), f"{BOLD_RED}FATAL{END}"),
    ("spans", span("Ok"), f"{GREEN}Ok   {END}"),
    ("spans", span("Error"), f"{RED}Error{END}"),
    ("spans", span("Unset"), f"{DIM}Unset{END}"),
    ("events", event("Normal"), f"{GREEN}Normal {END}"),
    ("events", event("Warning"), f"{YELLOW}Warning{END}"),
]


@pytest.mark.parametrize(("signal", "row", "word"), ROWS)
def test_on_a_terminal_the_time_stands_back_and_the_word_and_the_place_have_colours(shown, signal, row, word):
    told = shown(signal, row, TERMINAL)

    assert told.startswith(f"{DIM}2026-01-01T00:00:00.")
    assert word in told
    assert f"{CYAN}shop" in told


@pytest.mark.parametrize(("signal", "row", "word"), ROWS)
def test_a_pipe_gets_the_same_words_and_no_escape(shown, signal, row, word):
    told = shown(signal, row, PIPE)

    assert "\x1b" not in told
    assert told == ESCAPE.sub("", shown(signal, row, TERMINAL))


@pytest.mark.parametrize("environment", [TERMINAL, PIPE])
def test_what_telemetry_says_in_escapes_is_written_out_on_a_terminal_too(shown, environment):
    told = shown("logs", log(9, "\x1b[31mred [bold]and\x07loud"), environment)

    assert ESCAPE.sub("", told).endswith("  \\x1b[31mred [bold]and\\x07loud\n")


def test_json_has_no_colours_on_a_terminal(shown):
    row = log(17, "\x1b[31mred")

    assert shown("logs", row, TERMINAL, "--json") == json.dumps(row) + "\n"
