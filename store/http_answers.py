"""Answers of a ClickHouse server as bytes in one of its formats, over HTTP: the native protocol knows only its own.

In: the port's `Select` with a `format`, from any thread. Out: an `Answer` with a `body`. The statement is the request's
body, its values and settings are in the URL; the server answers only when it has the whole answer, so that the status
is the outcome. It is cancelled by its query id like any other.
"""

import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import urllib3
from clickhouse_connect.driver import httputil

from store import codes, errors, limits, statements
from store.address import Address
from store.port import Answer, Select
from store.settings import StoreSettings

GRACE_SECONDS = 10.0
"""For what lies between the server's own end of the question and its answer here."""

_EXCEPTION_CODE = "x-clickhouse-exception-code"
_SUMMARY = "x-clickhouse-summary"


class HttpAnswers:
    """A pool of HTTP connections; the caller bounds how many ask at once."""

    def __init__(self, address: Address, settings: StoreSettings) -> None:
        self._address = address
        self._settings = settings
        options: dict[str, Any] = {"verify": address.verify} if address.secure else {}
        self._pool = httputil.get_pool_manager(maxsize=settings.select_connections, **options)

    def select(self, select: Select) -> Answer:
        """Ask. Raises a `StoreError`."""
        begin = time.monotonic()
        timeout = urllib3.Timeout(self._settings.connect_timeout_s, select.limits.seconds + GRACE_SECONDS)
        try:
            answer = self._pool.request(
                "POST",
                f"{self._root}/?{urlencode(self._arguments(select))}",
                body=select.sql.encode("utf-8", "surrogateescape"),
                headers=self._headers,
                timeout=timeout,
                retries=False,
            )
        except urllib3.exceptions.TimeoutError as error:
            raise errors.NotReachableError(
                f"{self._address.name} does not answer in time", query_id=select.query_id
            ) from error
        except urllib3.exceptions.HTTPError as error:
            raise errors.NotReachableError(
                f"{self._address.name} cannot be reached: {error}", query_id=select.query_id
            ) from error
        if answer.status != 200:
            raise self._refused(answer, select.query_id)
        rows_read, bytes_read = _read(answer.headers)
        elapsed = time.monotonic() - begin
        return Answer((), [], elapsed, rows_read, bytes_read, select.query_id, body=answer.data)

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    @property
    def _root(self) -> str:
        place = self._address
        host = f"[{place.host}]" if ":" in place.host else place.host
        return f"{'https' if place.secure else 'http'}://{host}:{place.http_port}"

    @property
    def _headers(self) -> dict[str, str]:
        return {
            "X-ClickHouse-User": self._settings.username,
            "X-ClickHouse-Key": self._settings.password.get_secret_value(),
            "Content-Type": "text/plain; charset=UTF-8",
        }

    def _arguments(self, select: Select) -> dict[str, str]:
        values = {f"param_{name}": text for name, text in statements.parameters(select.parameters).items()}
        settings = {name: str(value) for name, value in limits.settings(select).items()}
        return {
            "database": self._settings.database,
            "default_format": select.format,
            "wait_end_of_query": "1",
            "buffer_size": str(1 << 20),
            **({"query_id": select.query_id} if select.query_id else {}),
            **settings,
            **values,
        }

    def _refused(self, answer: urllib3.BaseHTTPResponse, query_id: str) -> errors.StoreError:
        text = answer.data.decode("utf-8", "replace")
        code = answer.headers.get(_EXCEPTION_CODE, "")
        if code.isdecimal():
            return codes.error(int(code), text, codes.Verb.SELECT, query_id)
        return codes.without_code(f"HTTP status {answer.status}: {text}", self._address.name)


def _read(headers: Mapping[str, str]) -> tuple[int, int]:
    """Rows and bytes that the server read, as it says in its summary; 0 where it says nothing."""
    try:
        told = json.loads(headers.get(_SUMMARY, "{}"))
        return int(told.get("read_rows", 0)), int(told.get("read_bytes", 0))
    except (ValueError, TypeError, AttributeError):
        return 0, 0
