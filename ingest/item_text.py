"""The item of a dead letter in words, for people.

In: a serialised ResourceLogs, ResourceSpans or ResourceMetrics. Out: JSON, as OTLP writes it but with ids and bytes in
base64; where a text in it is not UTF-8, which JSON cannot say, protobuf's text format with such bytes escaped.
Refuses bytes that are no such message (`errors.MalformedError`).
"""

from collections.abc import Mapping

from google.protobuf import json_format, message, text_format
from opentelemetry.proto.logs.v1.logs_pb2 import ResourceLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans

from ingest import errors, wire
from sql.signals import Signal

_MESSAGES: Mapping[Signal, type[message.Message]] = {
    Signal.LOGS: ResourceLogs,
    Signal.TRACES: ResourceSpans,
    Signal.METRICS: ResourceMetrics,
}


def words(signal: Signal, item: bytes) -> str:
    """Write the item for people, in several lines."""
    try:
        return str(json_format.MessageToJson(_MESSAGES[signal].FromString(item), ensure_ascii=False))
    except message.DecodeError:
        pass  # perhaps only because of text that is not UTF-8
    try:
        # What stands in arrays and maps is unknown to these classes.
        found = wire.resource_classes[signal].FromString(item)
        return str(text_format.MessageToString(found, print_unknown_fields=True))
    except message.DecodeError as error:
        raise errors.MalformedError(f"the bytes are no {_MESSAGES[signal].__name__}: {error}") from error
