"""Asks a running house over REST, as any client would.

In: the house's address, a question's name, what was written for its parameters, a format, and an `Access`. Out: an
`Answered`, the body as the house sent it with the circumstances from its headers. Refused with `Refusal`: what the
house says no to, or a house that is not trusted or does not trust us; with `Unreachable`: no house there.
"""

import contextlib
import http.client
import json
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

from otelhouse.house_access import NO_ACCESS, Access, AccessError

TIMEOUT = 120.0
"""Seconds without a byte. The house bounds a question itself, at less than this unless it is told otherwise."""

_USER_MISTAKES = range(400, 407)

_NO_ROUTE = "not_found"
"""Code of a house's answer where it has no such route."""

_TLS_HINT = b"This port speaks TLS"
"""How a house's answer to plain HTTP begins where it speaks TLS."""


class Unreachable(Exception):  # noqa: N818  a state of the world, named as the user is told it
    """No house answers at this address."""


class Refusal(Exception):  # noqa: N818  an answer, not a fault of ours
    """The house answered, but not with rows."""

    def __init__(self, message: str, *, users_mistake: bool, code: str = "") -> None:
        super().__init__(message)
        self.users_mistake = users_mistake
        self.code = code
        """The house's own word for it, or empty."""


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
    scope: str = ""
    """What the token's scope narrowed the answer to, `clusters=east`, or empty."""
    next_cursor: str = ""
    """Where the rows after these begin, or empty."""
    missing_shards: str = ""
    """Shards of ClickHouse's cluster whose rows are not in it, or empty."""


def ask(url: str, name: str, written: Mapping[str, str], form: str, access: Access = NO_ACCESS) -> Answered:
    """Ask one question. `url` is the house's, http or https, with or without a path in front."""
    path = f"/api/v1/questions/{quote(name, safe='')}?format={form}"
    status, headers, body = request(url, "POST", path, written, access)
    if status != http.client.OK:
        raise _refusal(url, status, body)
    return _answered(url, body, headers)


def call(url: str, method: str, path: str, content: object = None, access: Access = NO_ACCESS) -> Any:  # noqa: ANN401  JSON
    """One request to a route for operators; gives the answer, which is JSON."""
    status, _, body = request(url, method, path, content, access)
    if status != http.client.OK:
        refusal = _refusal(url, status, body)
        if refusal.code == _NO_ROUTE:
            said = f"the house at {url} does not receive telemetry: name the one that does with --url"
            raise Refusal(said, users_mistake=True, code=_NO_ROUTE)
        raise refusal
    try:
        return json.loads(body)
    except ValueError as problem:
        raise _no_house(url) from problem


def request(
    url: str, method: str, path: str, content: object, access: Access = NO_ACCESS
) -> tuple[int, http.client.HTTPMessage, bytes]:
    """One request with `content` as JSON, None for no body; gives status, headers and body whatever the status is."""
    parts = _parts(url)
    try:
        with contextlib.closing(_connection(parts, access)) as connection:
            body = None if content is None else json.dumps(content)
            headers = access.headers | ({} if content is None else {"content-type": "application/json"})
            connection.request(method, parts.path.rstrip("/") + path, body, headers)
            response = connection.getresponse()
            return response.status, response.headers, response.read()
    except AccessError as problem:
        raise Refusal(str(problem), users_mistake=True) from problem
    except ssl.SSLError as problem:
        raise _no_trust(url, problem) from problem
    except (OSError, http.client.HTTPException) as problem:
        raise Unreachable(f"no house answers at {url}: {problem or type(problem).__name__}") from problem


@contextlib.contextmanager
def streamed(
    url: str, path: str, headers: Mapping[str, str], access: Access = NO_ACCESS
) -> Iterator[http.client.HTTPResponse]:
    """One GET whose answer has no end, to be read line by line; no byte for `TIMEOUT` seconds is an `OSError`.

    Raises `Refusal` and `Unreachable` before it begins, and what breaks later as it comes.
    """
    parts = _parts(url)
    with contextlib.ExitStack() as closing:
        try:
            connection = closing.enter_context(contextlib.closing(_connection(parts, access)))
            connection.request("GET", parts.path.rstrip("/") + path, headers={**access.headers, **headers})
            response = connection.getresponse()
        except AccessError as problem:
            raise Refusal(str(problem), users_mistake=True) from problem
        except ssl.SSLError as problem:
            raise _no_trust(url, problem) from problem
        except (OSError, http.client.HTTPException) as problem:
            raise Unreachable(f"no house answers at {url}: {problem or type(problem).__name__}") from problem
        if response.status != http.client.OK:
            raise _refusal(url, response.status, response.read())
        yield response


def _parts(url: str) -> SplitResult:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Refusal(f"{url!r} is no address of a house, such as http://127.0.0.1:8080", users_mistake=True)
    return parts


def _connection(parts: SplitResult, access: Access) -> http.client.HTTPConnection:
    host = parts.hostname or ""
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, parts.port, timeout=TIMEOUT)
    return http.client.HTTPSConnection(host, parts.port, timeout=TIMEOUT, context=access.context())


def _no_trust(url: str, problem: ssl.SSLError) -> Refusal:
    """Say which of the two sides does not trust the other, and what to do."""
    reason = problem.reason or str(problem)
    if isinstance(problem, ssl.SSLCertVerificationError):
        mend = "name its CA with --ca FILE (client.ca), or ask with --url for a name that its certificate bears"
        return Refusal(
            f"the certificate of {url} is not trusted ({problem.verify_message}): {mend}", users_mistake=False
        )
    if reason == "WRONG_VERSION_NUMBER":
        return Refusal(f"what answers at {url} speaks no TLS: write http instead of https", users_mistake=False)
    if "ALERT" in reason:
        mend = "if it demands a certificate, give one that it trusts with client.certificate and client.key"
        return Refusal(f"the house at {url} refuses the connection ({reason}): {mend}", users_mistake=False)
    return Refusal(f"TLS with {url} failed: {reason}", users_mistake=False)


def _answered(url: str, body: bytes, headers: http.client.HTTPMessage) -> Answered:
    rows = headers.get("x-otelhouse-rows", "")
    if not rows.isdecimal():
        raise _no_house(url)
    truncated = headers.get("x-otelhouse-truncated") == "true"
    left_out = headers.get("x-otelhouse-left-out", "")
    scope, next_cursor = headers.get("x-otelhouse-scope", ""), headers.get("x-otelhouse-next-cursor", "")
    window, missing = headers.get("x-otelhouse-window", ""), headers.get("x-otelhouse-missing-shards", "")
    return Answered(body, int(rows), truncated, window, left_out, scope, next_cursor, missing)


def _refusal(url: str, status: int, body: bytes) -> Refusal:
    """The house's own words, or where they are not there, the status."""
    if body.startswith(_TLS_HINT):
        return Refusal(f"the house at {url} speaks TLS: write https instead of http", users_mistake=True)
    try:
        error = json.loads(body)["error"]
        message, code = f"{error['message']}\n{error['mend']}", str(error["code"])
    except (ValueError, KeyError, TypeError):
        return Refusal(f"what answers at {url} is no house: it says {status}", users_mistake=False)
    return Refusal(message, users_mistake=status in _USER_MISTAKES, code=code)


def _no_house(url: str) -> Refusal:
    return Refusal(f"what answers at {url} is no house: give the house's address with --url", users_mistake=False)
