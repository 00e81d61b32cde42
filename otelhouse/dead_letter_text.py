"""The item of a dead letter in words: OTLP's JSON, as a sender could send it.

In: its signal and its bytes, a serialised ResourceLogs, ResourceSpans or ResourceMetrics. Out: what JSON writes.
Refused, with `ValueError`: bytes that are none of these, and signals that do not exist.
"""

import base64
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.logs.v1.logs_pb2 import ResourceLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans

_MESSAGES: dict[str, type[Message]] = {"logs": ResourceLogs, "traces": ResourceSpans, "metrics": ResourceMetrics}
_IDS = frozenset({"traceId", "spanId", "parentSpanId"})


def in_words(signal: str, item: bytes) -> Any:  # noqa: ANN401  JSON
    """Give the item as OTLP's JSON has it, which writes ids in hexadecimal digits and enums as numbers.

    Source: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
    """
    if signal not in _MESSAGES:
        raise ValueError(f"there is no signal {signal!r}")
    message = _MESSAGES[signal]()
    try:
        message.ParseFromString(item)
    except DecodeError as error:
        raise ValueError(f"the item is no OTLP: {error}") from error
    return _with_plain_ids(MessageToDict(message, use_integers_for_enums=True))


def _with_plain_ids(told: Any) -> Any:  # noqa: ANN401  JSON
    """Attributes are lists of pairs in OTLP, so that a key of an object is always a field's name."""
    if isinstance(told, list):
        return [_with_plain_ids(one) for one in told]
    if not isinstance(told, dict):
        return told
    return {key: base64.b64decode(one).hex() if key in _IDS else _with_plain_ids(one) for key, one in told.items()}
