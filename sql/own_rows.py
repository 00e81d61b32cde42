"""How rows of the house's own, which no OTLP view feeds, become an INSERT: dead letters, audit deeds, canary results.

In: rows as dicts from column to value, or the lines already made of them (as the spool keeps them). Out: JSONEachRow
lines, and a `store.port.Insert` of one block, so that a retry with the same token is stored once. Refuses a value
that JSON cannot say.
"""

import json
from collections.abc import Iterable, Mapping, Sequence

from store import port

AUDIT = "otel_audit"
CANARY = "otel_canary"
DEAD_LETTERS = "otel_dead_letters"

_COLUMNS: Mapping[str, Sequence[str]] = {
    # ItemBase64 is EPHEMERAL: such a column takes values only where it is named.
    DEAD_LETTERS: (
        "Id", "ReceivedAt", "Signal", "Reason", "Code", "Sender", "ClusterName", "ClusterUid", "ServiceName",
        "ItemTimeUnixNano", "ItemBase64", "ItemSize", "Token", "State", "Attempt",
    ),
}  # fmt: skip
"""The columns that an INSERT names; of a table that is not here, all."""

_MAX_ROWS = 1_048_576

_SETTINGS: Mapping[str, port.Setting] = {
    # One INSERT is one block, as for telemetry: a retry with the same token finds the same block.
    "input_format_parallel_parsing": 0,
    "max_insert_block_size": _MAX_ROWS,
    "min_insert_block_size_rows": _MAX_ROWS,
    "min_insert_block_size_bytes": 0,
    "max_partitions_per_insert_block": 1000,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "insert_deduplicate": 1,
    # RFC 3339 with a `Z`.
    "date_time_input_format": "best_effort",
    # A spool may hold rows that a newer release wrote; without its new columns they are better than lost.
    "input_format_skip_unknown_fields": 1,
}


def lines(rows: Iterable[Mapping[str, object]]) -> bytes:
    """Write rows as JSONEachRow, one line each. Half a surrogate pair, which is no text, becomes a `?`."""
    return b"".join(line(row) for row in rows)


def line(row: Mapping[str, object]) -> bytes:
    """Write one row, its line end included."""
    text = json.dumps(row, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "replace") + b"\n"


def insert_for(table: str, chunks: Sequence[bytes], token: str) -> port.Insert:
    """Give the INSERT that stores `chunks`, whole lines each, in `table` (`AUDIT`, `CANARY` or `DEAD_LETTERS`)."""
    columns = _COLUMNS.get(table, ())
    return port.Insert(table, "JSONEachRow", chunks, columns, settings=_SETTINGS, token=token)
