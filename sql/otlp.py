"""How OTLP bytes become rows: the Protobuf text, the settings of the INSERT, and the fragments that the views share.

In: length-delimited ``ResourceLogs``, ``ResourceSpans`` or ``ResourceMetrics`` messages, as `ingest.wire` makes them.
Out: a `store.port.Insert` into one of the three Null tables, whose materialized views (``sql/decode/*_mv.sql``)
explode them into the otel_* tables. No row is touched here. Nested values must be text by now: the Protobuf text does
not know them, so ClickHouse would leave them out (`ingest.wire` sees to it).
"""

import string
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources

from sql.signals import Signal
from store import port

_DECODE = resources.files("sql") / "decode"

_TABLES: Mapping[Signal, tuple[str, str]] = {
    Signal.LOGS: ("otlp_logs", "ResourceLogs"),
    Signal.TRACES: ("otlp_traces", "ResourceSpans"),
    Signal.METRICS: ("otlp_metrics", "ResourceMetrics"),
}
"""The Null table of each signal, and the message that is one row of it."""

_MAX_MESSAGES = 1_048_576

_SETTINGS: Mapping[str, port.Setting] = {
    "format_schema_source": "string",
    "input_format_protobuf_oneof_presence": 1,
    # One INSERT is one block: it is stored or refused whole, and a retry with the same token finds the same block.
    "max_insert_block_size": _MAX_MESSAGES,
    "min_insert_block_size_rows": _MAX_MESSAGES,
    "min_insert_block_size_bytes": 0,
    "max_block_size": _MAX_MESSAGES,
    # A backfill may span months (the default is 100 days); what spans years is a broken clock, and is refused.
    "max_partitions_per_insert_block": 1000,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "insert_deduplicate": 1,
    # The views' branches are cheap; picking rows apart for each costs more than computing them all (measured: 15 %).
    "short_circuit_function_evaluation": "disable",
}

_SMALL_BYTES = 64 * 1024
_SMALL: Mapping[str, port.Setting] = {
    # The views read whole blocks and filter nothing: looking for a better plan costs a small INSERT more than a plan is
    # worth to it (measured: 10 %); on a large one it pays.
    "query_plan_enable_optimizations": 0,
}
_SMALL_LOGS: Mapping[str, port.Setting] = {
    # The merge that soon takes the part with others makes the indexes: to make and merge eight text indexes for some
    # records is a fifth of what a small INSERT takes (measured), and to read these records without them is nothing.
    "materialize_skip_indexes_on_insert": 0,
}


def insert_for(signal: Signal, chunks: Sequence[bytes], token: str = "") -> port.Insert:
    """Give the INSERT that stores `chunks`, a run of length-delimited resource messages of `signal`.

    `token` is the deduplication token: the same token with the same bytes is stored once.
    """
    table, message = _TABLES[signal]
    settings = {**_SETTINGS, "format_schema": protobuf_text(), "format_schema_message_name": message}
    if sum(map(len, chunks)) < _SMALL_BYTES:
        settings |= {**_SMALL, **(_SMALL_LOGS if signal is Signal.LOGS else {})}
    return port.Insert(table=table, format="Protobuf", chunks=chunks, settings=settings, token=token)


@cache
def protobuf_text() -> str:
    """Give the .proto text that ClickHouse reads OTLP with, without its comments.

    It travels with every INSERT, so that no file has to be placed on the server.
    """
    lines = (_DECODE / "otlp.proto").read_text(encoding="utf-8").splitlines()
    return "\n".join(line.strip() for line in lines if line.strip() and not line.startswith("//"))


@cache
def fragments() -> Mapping[str, str]:
    """Give the texts that ``${name}`` stands for in ``sql/decode/*.sql``, by file name, themselves filled in."""
    texts = {
        entry.name.removesuffix(".sql"): entry.read_text(encoding="utf-8").rstrip("\n")
        for entry in (_DECODE / "fragments").iterdir()
        if entry.name.endswith(".sql")
    }
    return {name: _fill(text, texts) for name, text in texts.items()}


def _fill(text: str, texts: Mapping[str, str]) -> str:
    """Replace fragment names inside fragments; they nest three deep at most and never in a circle."""
    while "${" in text:
        text = string.Template(text).substitute(texts)
    return text
