"""Asks a running house over REST, as any client would.

In: the house's address, a question's name, what was written for its parameters, a format. Out: an `Answered`, the body
as the house sent it with the circumstances from its headers. Refused with `Refusal`: what the house says no to; with
`Unreachable`: no house there.
"""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

TIMEOUT = 120.0
"""Seconds without a byte. The house bounds a question itself, at less than this unless it is told otherwise."""

_USER_MISTAKES = range(400, 407)


class Unreachable(Exception):  # noqa: N818  a state of the world, named as the user is told it
    """No house answers at this address."""


class Refusal(Exception):  # noqa: N818  an answer, not a fault of ours
    """The house answered, but not with rows."""

    def __init__(self, message: str, *, users_mistake: bool) -> None:
        super().__init__(message)
        self.users_mistake = users_mistake


@dataclass(frozen=True, slots=True)
class Answered:
    """Rows, as the house wrote them."""

    body: bytes
    rows: int
    truncated: bool
    window: str
    """since/until, or empty where the question has no window."""
    left_out: str = ""
    """What another parameter than `limit` left out, `series=3`, or empty."""


def ask(url: str, name: str, written: Mapping[str, str], form: str) -> Answered:
    """Ask one question. `url` is the house's, http or https, with or without a path in front."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Refusal(f"{url!r} is no address of a house, such as http://127.0.0.1:8080", users_mistake=True)
    path = f"{parts.path.rstrip('/')}/api/v1/questions/{quote(name, safe='')}?format={form}"
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    try:
        connection = kind(parts.hostname, parts.port, timeout=TIMEOUT)
        connection.request("POST", path, json.dumps(written), {"content-type": "application/json"})
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as problem:
        raise Unreachable(f"no house answers at {url}: {problem or type(problem).__name__}") from problem
    if response.status != http.client.OK:
        raise _refusal(url, response.status, body)
    return _answered(url, body, response.headers)


def _answered(url: str, body: bytes, headers: http.client.HTTPMessage) -> Answered:
    rows = headers.get("x-otelhouse-rows", "")
    if not rows.isdecimal():
        raise Refusal(f"what answers at {url} is no house: give the house's address with --url", users_mistake=False)
    truncated = headers.get("x-otelhouse-truncated") == "true"
    left_out = headers.get("x-otelhouse-left-out", "")
    return Answered(body, int(rows), truncated, headers.get("x-otelhouse-window", ""), left_out)


def _refusal(url: str, status: int, body: bytes) -> Refusal:
    """The house's own words, or where they are not there, the status."""
    try:
        error = json.loads(body)["error"]
        message = f"{error['message']}\n{error['mend']}"
    except (ValueError, KeyError, TypeError):
        return Refusal(f"what answers at {url} is no house: it says {status}", users_mistake=False)
    return Refusal(message, users_mistake=status in _USER_MISTAKES)
