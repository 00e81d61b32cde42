"""Inserts into a ClickHouse server over HTTP (clickhouse-connect's `raw_insert`).

In: the port's `Insert`, from any thread. Out: nothing, once ClickHouse holds the rows. Large chunks are sent as
they came, never joined or copied, unless the body is to be compressed.
The INSERT with its settings stands at the head of the body and not in the URL: a Protobuf schema is long, and a URL
would have to quote each of its characters. Refuses what ClickHouse refuses.

A server that refuses an INSERT early closes the connection while the body is still on its way. Its answer has arrived
by then, so a broken pipe is followed by a look at what the server said.
"""

import math
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import clickhouse_connect
import lz4.frame  # type: ignore[import-untyped]  # carries no types
import urllib3
from clickhouse_connect.driver import exceptions as driver_errors
from clickhouse_connect.driver import httputil
from clickhouse_connect.driver.httpclient import HttpClient
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from store import bodies, codes, errors, statements
from store.address import Address
from store.port import Insert
from store.settings import StoreSettings

_AROUND = re.compile(r"^Received ClickHouse exception, code: \d+, server response: |\s*\(for url [^()]*\)$")
"""What the library puts around ClickHouse's own words."""

_REQUEST: dict[str, Any] = {
    "wait_end_of_query": 1,  # so that the status is the outcome, and not a 200 sent before it
    "send_progress_in_http_headers": 0,  # the library asks for these; they too would send the 200 early
}


@contextmanager
def _reset_as_broken_pipe() -> Iterator[None]:
    """Take a reset for a broken pipe: after that urllib3 still reads the answer."""
    try:
        yield
    except ConnectionResetError as error:
        raise BrokenPipeError(*error.args) from error


class _Connection(HTTPConnection):
    def send(self, data: object) -> None:
        with _reset_as_broken_pipe():
            super().send(data)  # type: ignore[arg-type]  # as urllib3 gave it


class _TlsConnection(HTTPSConnection):
    def send(self, data: object) -> None:
        with _reset_as_broken_pipe():
            super().send(data)  # type: ignore[arg-type]  # as urllib3 gave it


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class HttpInserts:
    """A pool of HTTP connections; the caller bounds how many insert at once."""

    def __init__(self, address: Address, settings: StoreSettings) -> None:
        self._address = address
        self._settings = settings
        self._guard = threading.Lock()
        self._client: HttpClient | None = None
        options: dict[str, Any] = {"verify": address.verify} if address.secure else {}
        self._pool = httputil.get_pool_manager(maxsize=settings.insert_connections, **options)
        self._pool.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def insert(self, insert: Insert) -> None:
        """Send, and wait for ClickHouse's answer. Raises a `StoreError`."""
        head = f"{statements.insert(insert)}\n".encode()
        body: Iterable[bytes] = bodies.coalesced((head, *insert.chunks))
        headers = {"Content-Length": str(len(head) + sum(map(len, insert.chunks)))}
        compression = None
        if self._settings.compression == "lz4":
            body, headers, compression = _compressed(body), {}, "lz4"
        try:
            self._connected().raw_insert(
                insert_block=body,  # type: ignore[arg-type]  # urllib3 takes any iterable, the annotation does not know it
                settings=_REQUEST,
                compression=compression,
                transport_settings=headers,
            )
        except driver_errors.Error as error:
            if error.code != codes.INSERT_WAS_DEDUPLICATED:
                raise _as_store_error(error, self._address) from error

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def _connected(self) -> HttpClient:
        """Give the library's client, made at the first insert, since it asks the server about itself."""
        with self._guard:
            if self._client is None:
                place, settings = self._address, self._settings
                client = clickhouse_connect.get_client(
                    interface="https" if place.secure else "http",
                    host=place.host,
                    port=place.http_port,
                    username=settings.username,
                    password=settings.password.get_secret_value(),
                    database=settings.database,
                    compress=False,
                    connect_timeout=math.ceil(settings.connect_timeout_s),  # the library knows whole seconds
                    send_receive_timeout=math.ceil(settings.insert_timeout_s),
                    autogenerate_session_id=False,  # ClickHouse runs one statement a session at a time
                    client_name="otelhouse",
                    pool_mgr=self._pool,
                )
                self._client = cast("HttpClient", client)  # the interface decides the class
            return self._client


def _compressed(body: Iterable[bytes]) -> Iterator[bytes]:
    with lz4.frame.LZ4FrameCompressor() as compressor:
        yield compressor.begin()
        for chunk in body:
            if compressed := compressor.compress(chunk):
                yield compressed
        yield compressor.flush()


def _as_store_error(error: driver_errors.Error, address: Address) -> errors.StoreError:
    message = _AROUND.sub("", str(error))
    if error.code is not None:
        return codes.error(error.code, message, codes.Verb.INSERT)
    if isinstance(error, driver_errors.ProgrammingError):
        return errors.MisconfiguredError(f"{address.name} takes no such insert: {message}")
    cause = error.__cause__
    if isinstance(cause, urllib3.exceptions.ReadTimeoutError):
        return errors.NotReachableError(f"{address.name} did not answer an insert in time; it may hold the rows")
    if isinstance(cause, urllib3.exceptions.HTTPError):
        reason = cause.reason if isinstance(cause, urllib3.exceptions.MaxRetryError) else cause
        return errors.NotReachableError(f"{address.name} cannot be reached: {reason}")
    return codes.without_code(message, address.name)
