"""Blocks of columns in ClickHouse's Native layout, read the same way over both doors.

In: the bytes of a socket (server) or of a result in `FORMAT Native` (embedded). Out: columns, converted by
`store.values`, and rows. The reading is clickhouse-driver's, in C; here its times are kept as integers, so that no
nanosecond gets lost.
Refuses types that the driver cannot read, with `PermanentError`, naming the type.
"""

from collections.abc import Iterable, Iterator, Sequence

from clickhouse_driver import context as driver_context
from clickhouse_driver import errors as driver_errors
from clickhouse_driver.block import BlockInfo, ColumnOrientedBlock
from clickhouse_driver.bufferedreader import CompressedBufferedReader
from clickhouse_driver.columns.service import read_column
from clickhouse_driver.defines import (
    DBMS_MIN_REVISION_WITH_BLOCK_INFO,
    DBMS_MIN_REVISION_WITH_CUSTOM_SERIALIZATION,
)
from clickhouse_driver.reader import read_binary_str, read_binary_uint8
from clickhouse_driver.streams.native import BlockInputStream
from clickhouse_driver.varint import read_varint

from store import errors, type_names, values
from store.port import Cell, Column

CLIENT_SETTINGS = {
    "input_format_null_as_default": False,
    "namedtuple_as_json": False,  # a named Tuple is a tuple, as an unnamed one
    "strings_as_bytes": False,
    "strings_encoding": "utf-8",
    "use_numpy": False,
}
"""What the driver asks while it reads a column."""


class BlockReader(BlockInputStream):  # type: ignore[misc]  # the driver carries no types
    """The driver's reader of blocks, with times left as the integers that they are on the wire."""

    def read(self, use_numpy: bool | None = None) -> ColumnOrientedBlock:  # noqa: FBT001 - the driver's signature
        """Read one block; the driver calls this for each packet of data."""
        revision = self.context.server_info.used_revision
        info = BlockInfo()
        if revision >= DBMS_MIN_REVISION_WITH_BLOCK_INFO:
            info.read(self.fin)
        column_count, row_count = read_varint(self.fin), read_varint(self.fin)
        header, data = [], []
        for _ in range(column_count):
            name, type_name = read_binary_str(self.fin), read_binary_str(self.fin)
            header.append((name, type_name))
            custom = revision >= DBMS_MIN_REVISION_WITH_CUSTOM_SERIALIZATION and bool(read_binary_uint8(self.fin))
            if row_count:
                plain = type_names.with_times_as_numbers(type_name)
                data.append(
                    read_column(self.context, plain, row_count, self.fin, use_numpy, has_custom_serialization=custom)
                )
        return ColumnOrientedBlock(columns_with_types=header, data=data, info=info)


class _FormatRevision:
    """`FORMAT Native` is the protocol's block at its first revision: no header, no special serialization."""

    used_revision = 0

    def get_timezone(self) -> str:
        return "UTC"


def read_format(body: bytes) -> Iterator[ColumnOrientedBlock]:
    """Read a whole result in `FORMAT Native`, block by block."""
    context = driver_context.Context()
    context.settings = {}
    context.client_settings = CLIENT_SETTINGS
    context.server_info = _FormatRevision()
    chunks = iter([body])
    source = CompressedBufferedReader(lambda: next(chunks, b""), len(body))
    reader = BlockReader(source, context)
    more = bool(body)
    while more:
        yield reader.read()
        more = source.position < source.current_buffer_size


def columns(header: Iterable[tuple[str, str]]) -> tuple[Column, ...]:
    """Give the port's columns for the driver's."""
    return tuple(Column(name, type_names.comparable(type_name)) for name, type_name in header)


def rows(header: Sequence[tuple[str, str]], data: Sequence[Sequence[object]]) -> list[tuple[Cell, ...]]:
    """Convert columns as read, and turn them into rows."""
    converted = [values.convert(column, type_name) for column, (_, type_name) in zip(data, header, strict=True)]
    return list(zip(*converted, strict=True))


def unreadable(error: driver_errors.UnknownTypeError) -> errors.StoreError:
    """Say which type cannot be read, and the mend."""
    return errors.PermanentError(f"{error.message}: a column of this type cannot be read; ask for toString(column)")
