"""Our own log is one line an event, whatever the message holds."""

import io
import json
import logging

import pytest

from otelhouse import own_log
from otelhouse.settings import LogSettings


@pytest.fixture
def logged():
    root = logging.getLogger()
    before = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in own_log._QUIET}

    def set_up(**settings):
        stream = io.StringIO()
        own_log.set_up(LogSettings.model_validate(settings), stream)
        return stream

    yield set_up
    root.handlers[:], root.level = before
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def test_a_text_line_has_time_level_logger_and_message(logged):
    stream = logged()

    logging.getLogger("ingest.delivery").info("stored %d rows", 3)

    time, rest = stream.getvalue().split(" ", 1)
    assert time.endswith("Z")
    assert rest == "INFO ingest.delivery: stored 3 rows\n"


def test_a_message_with_line_breaks_stays_one_line(logged):
    stream = logged()

    logging.getLogger("store").warning("bad\r\n2026-01-01 INFO forged: line")

    assert stream.getvalue().count("\n") == 1
    assert r"bad\r\n2026" in stream.getvalue()


def test_a_json_line_holds_the_exception(logged):
    stream = logged(format="json")

    try:
        int("no")
    except ValueError:
        logging.getLogger("store").exception("failed")

    line = json.loads(stream.getvalue())
    assert (line["level"], line["logger"], line["message"]) == ("error", "store", "failed")
    assert line["exception"].endswith("'no'")


def test_lines_below_the_level_are_left_out(logged):
    stream = logged(level="warning")

    logging.getLogger("store").info("quiet")
    logging.getLogger("store").warning("heard")

    assert "quiet" not in stream.getvalue()
    assert "heard" in stream.getvalue()


def test_libraries_that_log_every_request_are_heard_only_at_debug(logged):
    stream = logged()
    logging.getLogger("urllib3").info("GET /livez")
    assert stream.getvalue() == ""

    stream = logged(level="debug")
    logging.getLogger("urllib3").info("GET /livez")
    assert "GET /livez" in stream.getvalue()


@pytest.mark.parametrize("form", ["text", "json"])
def test_credentials_reach_no_line_whoever_logs_them(logged, form):
    stream = logged(format=form, level="debug")

    try:
        int("Authorization: Bearer s3cr3t-in-an-error")
    except ValueError:
        logging.getLogger("store").exception("GET /x?token=s3cr3t-in-%s", "arguments", stack_info=True)
    logging.getLogger("uvicorn.access").info('%s - "%s"', "10.0.0.7", "GET /?access_token=s3cr3t HTTP/1.1")
    logging.getLogger("any.package").debug(
        "headers %r", [(b"authorization", b"Basic s3cr3t=="), (b"cookie", b"a=s3cr3t")]
    )

    assert stream.getvalue().count("********") >= 5
    assert "s3cr3t" not in stream.getvalue()


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_stack_is_in_the_line_of_its_message(logged, form):
    stream = logged(format=form)

    logging.getLogger("store").error("failed", stack_info=True)

    assert stream.getvalue().count("\n") == 1
    assert "test_a_stack_is_in_the_line" in stream.getvalue()
