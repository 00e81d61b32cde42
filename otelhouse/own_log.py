"""Our own log: one line an event on standard error, as text for people or as JSON for collectors.

Record contents and secrets are kept out by those who log. What is kept here is the line: line breaks in a message, as
in an error text that ClickHouse sent, become `\\n`, so that nobody can write a second line into our log. And the second
line of defence stands here: what looks like a credential is blotted out of every line, exceptions included, whoever
wrote it (`identity.redaction`).
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

from identity.redaction import redact
from otelhouse.settings import LogFormat, LogSettings

_QUIET = {
    # These speak of every request.
    "uvicorn": logging.WARNING,
    "urllib3": logging.ERROR,
    "grpc": logging.WARNING,
    # The store turns what they complain of into errors of its own, which are told once.
    "clickhouse_driver": logging.ERROR,
    "clickhouse_connect": logging.ERROR,
}
"""Loggers of libraries, and from which level on they are heard; all of it is heard at `debug`."""


def set_up(settings: LogSettings, stream: TextIO | None = None) -> None:
    """Send every logger of this process to `stream`, standard error without one."""
    level = getattr(logging, settings.level.value.upper())
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if settings.format is LogFormat.JSON else TextLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(level if level == logging.DEBUG else max(level, least))


class TextLines(logging.Formatter):
    """`2026-01-31T12:00:00.123Z INFO ingest.delivery: message`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line = f"{_time(record)} {record.levelname} {record.name}: {record.getMessage()}"
        if told := _exception(self, record):
            line += f" | {told}"
        return redact(line).replace("\r", "\\r").replace("\n", "\\n")


class JsonLines(logging.Formatter):
    """An object a line with time, level, logger, message and, where there is one, exception."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        parts = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        if told := _exception(self, record):
            parts["exception"] = redact(told)
        return json.dumps(parts, ensure_ascii=False)


def _exception(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    """The traceback and the stack that go with a record, or nothing."""
    texts = (
        formatter.formatException(record.exc_info) if record.exc_info else record.exc_text,
        formatter.formatStack(record.stack_info) if record.stack_info else "",
    )
    return "\n".join(text for text in texts if text)


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
