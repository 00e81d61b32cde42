"""Export requests in protobuf, made ready for ClickHouse without Python per record.

In: the bytes of one Export request. Out: a `Parcel` of length-delimited resource messages, which is what `sql.otlp`
inserts. The C runtime parses (which proves the request well formed) and serialises (which makes it canonical: each
singular field once, last one wins). Only where a request holds an array or a map as a value is it walked in Python,
resource by resource (`ingest.nested`), which takes time and memory; so these are three steps, and who calls decides
where the slow one runs:

    parse -> pack -> Parcel, or None: flatten -> Parcel

Refused: bytes that are not the message they claim to be (`errors.MalformedError`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf import message

from ingest import errors, nested, schema_variant
from sql.signals import Signal

_RESOURCES: Mapping[Signal, str] = {
    Signal.LOGS: "resource_logs",
    Signal.TRACES: "resource_spans",
    Signal.METRICS: "resource_metrics",
}
"""The one field of each Export request."""

_UNTYPED = (
    "metrics without data were rejected: set one of gauge, sum, histogram, exponential_histogram, summary "
    "(opentelemetry.proto.metrics.v1.Metric.data)"
)
_MISNAMED = (
    "spans were rejected: trace_id must be 16 bytes and span_id 8 bytes long (opentelemetry.proto.trace.v1.Span)"
)

_PROBED = 64 * 1024
"""Bytes of a body above which its first items are looked at before it is serialised; what is smaller is small."""
_PROBES = 4
"""Resources of a request that are looked at."""
_ITEMS = frozenset({"log_records", "spans", "metrics"})

_REQUESTS = schema_variant.request_classes()

_RESOURCE_CLASSES = {signal: type(getattr(cls(), _RESOURCES[signal]).add()) for signal, cls in _REQUESTS.items()}

type_name = {signal: cls.DESCRIPTOR.full_name for signal, cls in _REQUESTS.items()}
"""The full protobuf name of each signal's request, for messages to people."""

Message = Any
"""A parsed message: protobuf builds the classes at run time, untyped."""
ResourceMessage = Message
"""A parsed ResourceLogs, ResourceSpans or ResourceMetrics."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One request, ready to be inserted."""

    signal: Signal
    chunks: tuple[bytes, ...]
    """Length-delimited resource messages, in the order in which they came."""
    size: int
    """Bytes of all chunks."""
    items: int
    """Log records, spans or data points in the chunks."""
    rejected: int = 0
    """Items that were taken out, since they can never be stored."""
    message: str = ""
    """Why they were taken out, and the mend."""


@dataclass(slots=True)
class Request:
    """One Export request, parsed."""

    signal: Signal
    resources: list[ResourceMessage]
    size: int
    """Bytes of the body that it came from."""
    rejected: int = 0
    """Items that were taken out, since they can never be stored."""


def read(signal: Signal, body: bytes) -> Parcel:
    """Read one Export request, all steps at once; raises what they raise."""
    request = parse(signal, body)
    return pack(request) or flatten(request)


def parse(signal: Signal, body: bytes) -> Request:
    """Parse one Export request.

    Raises `errors.MalformedError` where `body` is not a protobuf message of the signal's request type.
    """
    resources = _resources(signal, body)
    rejected = _take_out_untyped_metrics(resources) if signal is Signal.METRICS else 0
    return Request(signal, resources, len(body), rejected)


def pack(request: Request) -> Parcel | None:
    """Give what is inserted, or None where nested values have to become text first (`flatten`)."""
    if request.size > _PROBED:
        probed = request.resources[:_PROBES]
        _flatten_attributes(probed)
        if any(map(_begins_nested, probed)):
            return None
    try:
        return _pack_read(request)
    except message.EncodeError:
        if not _flatten_attributes(request.resources) or not all(one.IsInitialized() for one in request.resources):
            return None
    return _pack_read(request)


def flatten(request: Request, hold: nested.Hold = nested.hold_anything) -> Parcel:
    """Put text in the place of nested values, then give what is inserted. Slow: Python for each such value.

    `hold` is told the bytes that a large value takes for a moment, and refuses by raising.
    """
    for resource in request.resources:
        # Many SDKs send one array, process.command_args, in the resource, and none in any record.
        if not resource.resource.IsInitialized():
            nested.flatten(resource.resource, hold)
        if not resource.IsInitialized():
            nested.flatten(resource, hold)
    return _pack_read(request)


def _flatten_attributes(resources: list[ResourceMessage]) -> int:
    """Put text in the place of nested values among the attributes of the resources themselves, if all of it is small.

    Many SDKs send one array, process.command_args, in the resource, and none in any record: that is no reason to treat
    the whole request as slow. How many values there were.
    """
    holders = [one.resource for one in resources if not one.resource.IsInitialized()]
    if sum(len(holder.SerializePartialToString()) for holder in holders) > _PROBED:
        return 0
    return sum(map(nested.flatten, holders))


def _begins_nested(resource: ResourceMessage) -> bool:
    """Whether a nested value stands in the first item.

    An `EncodeError` lists the path of every nested value in its message: up to 28 MiB of text for 2 MiB of small
    arrays, 0.3 s without the interpreter's lock being free. Senders of nested values have them in every item, so
    looking at the first one spares nearly all of that, and costs microseconds a request.
    """
    for field, value in resource.ListFields():
        if field.name.startswith("scope_") and value:
            items = next((many for inner, many in value[0].ListFields() if inner.name in _ITEMS), None)
            return items is not None and not items[0].IsInitialized()
    return False


def _resources(signal: Signal, body: bytes) -> list[ResourceMessage]:
    try:
        request: Any = _REQUESTS[signal].FromString(body)
    except message.DecodeError as error:
        text = f"the body is not a protobuf {type_name[signal]}: {error}; send the message as it is, with no framing"
        raise errors.MalformedError(text) from error
    return list(getattr(request, _RESOURCES[signal]))


def mend(parcel: Parcel) -> Parcel:
    """Take out what ClickHouse can never store. Slow: walks every span, and every message's unknown fields.

    That is spans whose ids have the wrong length, and fields that OTLP does not define: the C runtime keeps them, and
    ClickHouse's reader stumbles over groups and over known numbers with another wire type. Gives an equal parcel back
    where there was nothing to take out.
    """
    resources = list(map(_RESOURCE_CLASSES[parcel.signal].FromString, parcel.chunks[1::2]))
    for resource in resources:
        resource.DiscardUnknownFields()
    rejected = _take_out_misnamed_spans(resources) if parcel.signal is Signal.TRACES else 0
    reasons = [parcel.message, _MISNAMED if rejected else ""]
    return _pack(parcel.signal, resources, rejected=parcel.rejected + rejected, reason="; ".join(filter(None, reasons)))


def _pack_read(request: Request) -> Parcel:
    reason = _UNTYPED if request.rejected else ""
    return _pack(request.signal, request.resources, rejected=request.rejected, reason=reason)


def _pack(signal: Signal, resources: list[ResourceMessage], *, rejected: int, reason: str) -> Parcel:
    chunks: list[bytes] = []
    items = 0
    for resource in resources:
        count = _COUNTERS[signal](resource)
        if count:
            body = bytes(resource.SerializeToString())
            chunks += (_varint(len(body)), body)
            items += count
    return Parcel(signal, tuple(chunks), sum(map(len, chunks)), items, rejected, reason)


def _varint(number: int) -> bytes:
    """Write a length as protobuf does: seven bits a byte, lowest first."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _count_log_records(resource: ResourceMessage) -> int:
    return sum(len(scoped.log_records) for scoped in resource.scope_logs)


def _count_spans(resource: ResourceMessage) -> int:
    return sum(len(scoped.spans) for scoped in resource.scope_spans)


def _count_data_points(resource: ResourceMessage) -> int:
    return sum(
        len(getattr(metric, metric.WhichOneof("data")).data_points)
        for scoped in resource.scope_metrics
        for metric in scoped.metrics
    )


_COUNTERS: Mapping[Signal, Callable[[ResourceMessage], int]] = {
    Signal.LOGS: _count_log_records,
    Signal.TRACES: _count_spans,
    Signal.METRICS: _count_data_points,
}


def _take_out_untyped_metrics(resources: list[ResourceMessage]) -> int:
    rejected = 0
    for resource in resources:
        for scoped in resource.scope_metrics:
            untyped = [i for i, metric in enumerate(scoped.metrics) if metric.WhichOneof("data") is None]
            for index in reversed(untyped):
                del scoped.metrics[index]
            rejected += len(untyped)
    return rejected


def _take_out_misnamed_spans(resources: list[ResourceMessage]) -> int:
    rejected = 0
    for resource in resources:
        for scoped in resource.scope_spans:
            misnamed = [i for i, span in enumerate(scoped.spans) if not _has_id_lengths(span)]
            for index in reversed(misnamed):
                del scoped.spans[index]
            rejected += len(misnamed)
    return rejected


def _has_id_lengths(span: Message) -> bool:
    return len(span.trace_id) in {0, 16} and len(span.span_id) in {0, 8}
