"""The three feeds that can be watched: Kubernetes events, log records, spans.

Each says which columns of `sql/streams/NAME_rows.sql` a filter or a scope looks at, INSERTs into which table may bring
new rows, and by what clients may filter. Data, and nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Test(StrEnum):
    """How a filter looks at a row."""

    ONE_OF = "one of"
    """The column is one of the values, to the letter."""
    HAS = "has"
    """The column, in small letters, has one of the values in it."""
    AT_LEAST = "at least"
    """The column is a number, and not below the value."""
    LEVEL = "level"
    """The column is a severity from 1 to 24, and not below the named one."""


@dataclass(frozen=True, slots=True)
class Filter:
    """One query parameter."""

    columns: tuple[str, ...]
    """It is enough that one of them fits."""
    help: str
    test: Test = Test.ONE_OF


@dataclass(frozen=True, slots=True)
class Feed:
    """One kind of row to watch."""

    name: str
    """Also in the names of its files in sql/streams/ and in cursors."""
    signal: str
    """As a scope names it."""
    table: str
    source: str
    """INSERTs into this table may bring new rows."""
    columns: tuple[str, ...]
    """Beside `ingested`, `id` and `data`, in the statement's order."""
    filters: Mapping[str, Filter] = field(default_factory=dict)
    comes_again: bool = False
    """The same thing may be stored again later (another collector, one that restarted), and is still one."""


_PLACES = ("cluster", "cluster_uid", "namespace", "composition_id")
_COMMON = {
    "cluster": Filter(("cluster", "cluster_uid"), "Cluster, by name or uid."),
    "namespace": Filter(("namespace",), "Kubernetes namespace."),
    "composition_id": Filter(("composition_id",), "Krateo composition."),
}

EVENTS = Feed(
    "events",
    "events",
    "otel_k8s_events",
    "otlp_logs",
    (*_PLACES, "kind", "name", "uid", "type", "reason"),
    _COMMON
    | {
        "composition_id": Filter(("composition_id", "uid"), "Krateo composition; also events about itself."),
        "kind": Filter(("kind",), "Kind of the object, such as Pod."),
        "name": Filter(("name",), "Name of the object."),
        "uid": Filter(("uid",), "Uid of the object."),
        "type": Filter(("type",), "Normal or Warning."),
        "reason": Filter(("reason",), "Reason, such as BackOff."),
    },
    comes_again=True,
)
LOGS = Feed(
    "logs",
    "logs",
    "otel_logs",
    "otlp_logs",
    (*_PLACES, "about_object", "object_namespace", "service", "pod", "trace_id", "level", "text"),
    _COMMON
    | {
        "service": Filter(("service",), "Service."),
        "pod": Filter(("pod",), "Pod, by name."),
        "trace_id": Filter(("trace_id",), "Trace, 32 hex digits."),
        "min_severity": Filter(("level",), "trace, debug, info, warn, error or fatal, and all above.", Test.LEVEL),
        "text": Filter(("text",), "Part of the text, in any case.", Test.HAS),
    },
)
SPANS = Feed(
    "spans",
    "traces",
    "otel_traces",
    "otlp_traces",
    (*_PLACES, "service", "name", "status", "trace_id", "duration_ms"),
    _COMMON
    | {
        "service": Filter(("service",), "Service."),
        "name": Filter(("name",), "Operation."),
        "status": Filter(("status",), "Unset, Ok or Error."),
        "trace_id": Filter(("trace_id",), "Trace, 32 hex digits."),
        "min_duration_ms": Filter(("duration_ms",), "Milliseconds at least.", Test.AT_LEAST),
    },
)
FEEDS: Mapping[str, Feed] = {feed.name: feed for feed in (EVENTS, LOGS, SPANS)}
NUMBERS: Mapping[str, int] = {feed.name: number for number, feed in enumerate((EVENTS, LOGS, SPANS), 1)}
"""What stands for a feed in a cursor; never given to another."""
