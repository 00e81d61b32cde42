"""The floor: what it costs ClickHouse to take the same rows ready-made.

In: a table that the ingest path has just filled, one part an insert, its merges held. Out: CPU seconds of
inserting the very same blocks in Native format into a table of the same definition, and merging them once. No decoder
can be cheaper than this.
"""

from dataclasses import dataclass

from bench.clickhouse_meter import Meter

_MAX_BLOCKS = 40


@dataclass(frozen=True, slots=True)
class Block:
    """The rows of one insert, ready-made."""

    rows: int
    native: bytes


def blocks(meter: Meter, table: str) -> tuple[str, list[Block]]:
    """Give the inserted columns, and up to 40 parts of `table` as blocks, while its merges are held."""
    columns = ", ".join(f"`{name}`" for name in _inserted_columns(meter, table))
    parts = meter.say(
        f"SELECT name, rows FROM system.parts WHERE database = currentDatabase() AND table = '{table}' AND active "
        f"AND level = 0 ORDER BY modification_time DESC LIMIT {_MAX_BLOCKS} FORMAT TSV"
    )
    found = [line.split("\t") for line in parts.decode().splitlines()]
    return columns, [
        Block(
            int(rows),
            meter.say(
                f"SELECT {columns} FROM {table} WHERE _part = '{name}' "
                f"FORMAT Native SETTINGS max_block_size = {rows}, max_threads = 1"
            ),
        )
        for name, rows in found
    ]


def measure(meter: Meter, table: str, columns: str, ready_made: list[Block]) -> float:
    """Insert the blocks into a twin of `table`, one at a time, and merge it once; gives the CPU seconds."""
    twin = f"{table}_floor"
    meter.say(f"DROP TABLE IF EXISTS {twin} SYNC")
    meter.say(f"CREATE TABLE {twin} AS {table}")
    meter.hold_merges(twin)
    insert = f"INSERT INTO {twin} ({columns}) FORMAT Native"
    before = meter.cpu_seconds()
    for number, block in enumerate(ready_made):
        # A token of its own, since the bench sends the same rows more than once.
        meter.say(insert, block.native, async_insert=0, insert_deduplication_token=f"{twin}-{number}")
    cost = meter.cpu_seconds() - before + meter.merge_once(twin)
    rows = meter.number(f"SELECT count() FROM {twin}")
    meter.say(f"DROP TABLE {twin} SYNC")
    if rows != sum(block.rows for block in ready_made):
        raise RuntimeError(f"{twin} holds {rows} rows, not those that were taken from {table}")
    return cost


def _inserted_columns(meter: Meter, table: str) -> list[str]:
    """The columns that the views write: all but those that ClickHouse fills by itself."""
    names = meter.say(
        f"SELECT name FROM system.columns WHERE database = currentDatabase() AND table = '{table}' "
        "AND default_kind = '' ORDER BY position FORMAT TSV"
    )
    return names.decode().split()
