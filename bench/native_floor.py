"""The floor: what it costs ClickHouse to take the same rows ready-made.

In: a table that the ingest path has just filled. Out: CPU seconds and rows of inserting the same rows in Native format,
in blocks of the same size, into a table of the same definition. No decoder can be cheaper than this.
"""

from dataclasses import dataclass

from bench.clickhouse_meter import Meter

_MAX_BLOCKS = 24


@dataclass(frozen=True, slots=True)
class Floor:
    """What the Native inserts cost ClickHouse."""

    cpu_seconds: float
    rows: int

    @property
    def microseconds_per_row(self) -> float:
        """CPU microseconds for one row."""
        return self.cpu_seconds / self.rows * 1e6


def measure(meter: Meter, table: str, rows_per_insert: int) -> Floor:
    """Insert up to 24 blocks of `rows_per_insert` rows of `table` into a twin of it."""
    twin = f"{table}_floor"
    columns = ", ".join(f"`{name}`" for name in _inserted_columns(meter, table))
    blocks = _blocks(meter, table, columns, rows_per_insert)
    meter.say(f"DROP TABLE IF EXISTS {twin} SYNC")
    meter.say(f"CREATE TABLE {twin} AS {table}")
    meter.wait_for_merges()
    before = meter.cpu_seconds()
    for block in blocks:
        meter.say(f"INSERT INTO {twin} ({columns}) FORMAT Native", block, async_insert=0)
    meter.wait_for_merges()
    cost = meter.cpu_seconds() - before
    rows = meter.number(f"SELECT count() FROM {twin}")
    meter.say(f"DROP TABLE {twin} SYNC")
    return Floor(cost, rows)


def _inserted_columns(meter: Meter, table: str) -> list[str]:
    """The columns that the views write: all but those that ClickHouse fills by itself."""
    names = meter.say(
        f"SELECT name FROM system.columns WHERE database = currentDatabase() AND table = '{table}' "
        "AND default_kind = '' ORDER BY position FORMAT TSV"
    )
    return names.decode().split()


def _blocks(meter: Meter, table: str, columns: str, rows: int) -> list[bytes]:
    """Take rows as they lie in the table, in the order of time, as inserts bring them."""
    time_column = "TimeUnix" if table.startswith("otel_metrics") else "Timestamp"
    total = meter.number(f"SELECT count() FROM {table}")
    wanted = min(_MAX_BLOCKS, max(1, total // rows))
    return [
        meter.say(
            f"SELECT {columns} FROM (SELECT * FROM {table} LIMIT {rows} OFFSET {index * rows}) ORDER BY {time_column} "
            f"FORMAT Native SETTINGS max_block_size = {rows}, max_threads = 1"
        )
        for index in range(wanted)
    ]
