"""Reading and writing for tests of questions: the interesting columns of an answer, and times near noon."""

from collections.abc import Mapping

from google.protobuf.message import Message

from query.desk import Reply

NOON = 1_767_268_800
"""2026-01-01T12:00:00Z, seconds since 1970."""


def found(reply: Reply, *columns: str) -> list[tuple[object, ...]]:
    """The rows of an answer, reduced to some columns."""
    names = [column.name for column in reply.columns]
    places = [names.index(column) for column in columns]
    return [tuple(row[place] for place in places) for row in reply.rows]


def the(reply: Reply, column: str) -> list[object]:
    return [values[0] for values in found(reply, column)]


def at(seconds: float) -> str:
    """So many seconds after noon, as ClickHouse reads it."""
    whole, fraction = divmod(round(seconds * 10**9), 10**9)
    minutes, second = divmod(12 * 3600 + whole, 60)
    return f"2026-01-01 {minutes // 60:02d}:{minutes % 60:02d}:{second:02d}.{fraction:09d}"


def span(span_id: str, parent: str = "", start: float = 0, ms: float = 10, **columns: object) -> Mapping[str, object]:
    return {
        "TraceId": "a" * 32,
        "SpanId": span_id,
        "ParentSpanId": parent,
        "Timestamp": at(start / 1000),
        "Duration": round(ms * 10**6),
        "SpanName": f"do {span_id}",
        "ServiceName": "shop",
        "SpanKind": "Internal",
        **columns,
    }


def log(seconds: float, body: str = "hello", **columns: object) -> Mapping[str, object]:
    return {"Timestamp": at(seconds), "Body": body, "ServiceName": "shop", **columns}


def delimited(message: Message) -> bytes:
    """A message behind its length, as the decode views take it."""
    data, prefix = message.SerializeToString(), b""
    length = len(data)
    while length > 0x7F:
        prefix += bytes([length & 0x7F | 0x80])
        length >>= 7
    return prefix + bytes([length]) + data
