"""Questions to a ClickHouse server over its native protocol (clickhouse-driver).

In: the port's `Select`, from any thread. Out: an `Answer`. Connections are kept and used again; one that failed is
dropped. Values are bound by the server.
It refuses settings that the server does not know, where the driver alone would leave them out in silence.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from queue import Empty, LifoQueue

from clickhouse_driver import errors as driver_errors
from clickhouse_driver.client import Client
from clickhouse_driver.connection import Connection

from store import blocks, codes, errors, limits, statements
from store.address import Address
from store.port import Answer, Parameter, Select
from store.settings import StoreSettings

GRACE_SECONDS = 10.0
"""A server that has said nothing, not even how far it is, for this long beyond the question's limit is given up."""


class _TimesAsNumbersConnection(Connection):  # type: ignore[misc]  # the driver carries no types
    """The driver's connection, reading blocks in our way."""

    def get_block_in_stream(self) -> blocks.BlockReader:
        return blocks.BlockReader(self.fin, self.context)


class _Literal:
    """A value in ClickHouse's `Escaped` form, which the driver would escape once more if it were a str."""

    def __init__(self, escaped: str) -> None:
        self._escaped = escaped

    def __str__(self) -> str:
        return statements.quote(self._escaped)[1:-1]  # the driver puts the quotes around it


class NativeQuestions:
    """A pool of native connections; the caller bounds how many ask at once."""

    def __init__(self, address: Address, settings: StoreSettings) -> None:
        self._address = address
        self._settings = settings
        self._idle: LifoQueue[Client] = LifoQueue(settings.select_connections)
        self._closed = False

    def select(self, select: Select) -> Answer:
        """Ask, or run a statement without an answer. Raises a `StoreError`."""
        begin = time.monotonic()
        with self._client(select.limits.seconds + GRACE_SECONDS, select.query_id) as client:
            data, header = client.execute(
                select.sql,
                _literals(select.parameters),
                with_column_types=True,
                columnar=True,
                query_id=select.query_id or None,
                settings=limits.settings(select),
            )
            progress = client.last_query.progress
            rows, truncated = limits.cut(blocks.rows(header, data) if data else [], select.limits)
        return Answer(
            columns=blocks.columns(header),
            rows=rows,
            elapsed=time.monotonic() - begin,
            rows_read=progress.rows if progress else 0,
            bytes_read=progress.bytes if progress else 0,
            query_id=select.query_id,
            truncated=truncated,
        )

    def cancel(self, query_id: str) -> None:
        """Stop the statement with this id, over a connection of its own."""
        if self._closed:
            return
        with self._client(GRACE_SECONDS) as client:
            client.execute(statements.CANCEL, _literals({"query_id": query_id}))

    def close(self) -> None:
        """Close the idle connections, and each other one when its question has ended."""
        self._closed = True
        while (client := self._take_idle()) is not None:
            client.disconnect()

    @contextmanager
    def _client(self, silence_s: float, query_id: str = "") -> Iterator[Client]:
        client = self._take_idle() or self._new_client()
        _bound_silence(client, silence_s)
        kept = False
        try:
            yield client
            kept = True
        except driver_errors.ServerException as error:
            kept = client.connection.block_in is not None  # refused at the greeting, the connection is of no use
            raise codes.error(error.code, error.message, codes.Verb.SELECT, query_id) from error
        except driver_errors.UnknownTypeError as error:
            raise blocks.unreadable(error) from error
        except (driver_errors.UnexpectedPacketFromServerError, driver_errors.UnknownPacketFromServerError) as error:
            raise errors.MisconfiguredError(
                f"what answers at {self._address.name} does not speak ClickHouse's native protocol: {error.message}"
            ) from error
        except (driver_errors.SocketTimeoutError, TimeoutError) as error:
            raise errors.NotReachableError(
                f"{self._address.name} does not answer in time", query_id=query_id
            ) from error
        except (driver_errors.NetworkError, EOFError, OSError) as error:
            raise errors.NotReachableError(
                f"{self._address.name} cannot be reached: {error}", query_id=query_id
            ) from error
        finally:
            self._give_back(client, kept=kept)

    def _take_idle(self) -> Client | None:
        try:
            return self._idle.get_nowait()
        except Empty:
            return None

    def _give_back(self, client: Client, *, kept: bool) -> None:
        if kept and not self._closed and not self._idle.full():
            self._idle.put_nowait(client)
        else:
            client.disconnect()

    def _new_client(self) -> Client:
        place, settings = self._address, self._settings
        arguments = {
            "host": place.host,
            "port": place.native_port,
            "database": settings.database,
            "user": settings.username,
            "password": settings.password.get_secret_value(),
            "connect_timeout": settings.connect_timeout_s,
            "sync_request_timeout": settings.connect_timeout_s,
            "secure": place.secure,
            "verify": place.verify,
            "settings_is_important": True,
            "client_name": "otelhouse",
        }
        client = Client(**arguments, settings={**blocks.CLIENT_SETTINGS, "server_side_params": True})
        # The driver has no other way to choose the connection's class.
        client.connection = _TimesAsNumbersConnection(**arguments)
        return client


def _bound_silence(client: Client, seconds: float) -> None:
    connection = client.connection
    connection.send_receive_timeout = seconds  # for a connection that is yet to be made
    if connection.connected:
        connection.socket.settimeout(seconds)


def _literals(parameters: Mapping[str, Parameter]) -> dict[str, _Literal]:
    return {name: _Literal(escaped) for name, escaped in statements.parameters(parameters).items()}
