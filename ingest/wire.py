"""Export requests in protobuf, made ready for ClickHouse without Python per record.

In: the bytes of one Export request. Out: a `Parcel` of length-delimited resource messages, which is what `sql.otlp`
inserts. Each message is stamped with the time at which the request arrived, so that it is judged by that time however
late it is inserted. The C runtime parses (which proves the request well formed, but for what stands in arrays and maps)
and serialises (which makes it canonical: each singular field once, last one wins). Only where a request holds an array
or a map as a value is it walked in Python, resource by resource (`ingest.nested`), which takes time and memory; so
these are steps, and who calls decides where the slow one runs:

    parse -> take_out_untyped -> pack -> Parcel, or None: flatten -> packed -> Parcel

What ClickHouse refuses afterwards is taken apart with `sort_out` and `halves`, which are slow.

Refused: bytes that are not the message they claim to be (`errors.MalformedError`).
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import chain
from typing import Any

from google.protobuf import message

from ingest import errors, items, nested, offences, schema_variant, value_text
from ingest.items import Message, varint
from ingest.offences import Offence
from sql.signals import Signal
from sql.time_bounds import TimeBounds

_RESOURCES: Mapping[Signal, str] = {
    Signal.LOGS: "resource_logs",
    Signal.TRACES: "resource_spans",
    Signal.METRICS: "resource_metrics",
}
"""The one field of each Export request."""

_PROBED = 64 * 1024
"""Bytes of a body above which its first items are looked at before it is serialised; what is smaller is small."""
_PROBES = 4
"""Resources of a request that are looked at."""
_RESOURCE_LEVEL = 2
"""How deep a resource message stands in a request."""
_ITEMS = frozenset({"log_records", "spans", "metrics"})

_REQUESTS = schema_variant.request_classes()

resource_classes = {signal: type(getattr(cls(), _RESOURCES[signal]).add()) for signal, cls in _REQUESTS.items()}

type_name = {signal: cls.DESCRIPTOR.full_name for signal, cls in _REQUESTS.items()}
"""The full protobuf name of each signal's request, for messages to people."""

ResourceMessage = Message
"""A parsed ResourceLogs, ResourceSpans or ResourceMetrics."""


Tell = Callable[[int], nested.Tell]
"""Says, by the number of a resource, who is told its log records while nested values become text."""


def _tell_nobody(_number: int) -> nested.Tell:
    return nested.tell_nobody


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
    offences: tuple[Offence, ...] = ()
    """Those that were taken out when the request was read. What `sort_out` finds is not among them."""
    last_unix_nano: int = field(default=0, compare=False)
    """The time of the last item, which is mostly the newest; 0 where that is not known, as of what was in the spool."""
    key: bytes = b""
    """Tells the request from all others (`resends.key_of`), where something was taken out of it."""


@dataclass(slots=True)
class Request:
    """One Export request, parsed."""

    signal: Signal
    resources: list[ResourceMessage]
    size: int
    """Bytes of the body that it came from."""
    received: int
    """When it arrived, in nanoseconds since 1970."""
    offences: tuple[Offence, ...] = ()
    """Items that were taken out, since they can never be stored."""
    tell: Tell = _tell_nobody


def read(signal: Signal, body: bytes) -> Parcel:
    """Read one Export request, all steps at once; raises what they raise."""
    request = parse(signal, body)
    take_out_untyped(request)
    return _ready(request)


def parse(signal: Signal, body: bytes, received: int | None = None) -> Request:
    """Parse one Export request, which arrived at `received`, in nanoseconds since 1970; None is now.

    Raises `errors.MalformedError` where `body` is not a protobuf message of the signal's request type.
    """
    resources = _resources(signal, body)
    stamp = time.time_ns() if received is None else received
    for resource in resources:
        resource.received_unix_nano = stamp
    return Request(signal, resources, len(body), stamp)


def take_out_untyped(request: Request) -> None:
    """Take metrics without data out, which no table has a place for; they become the request's offences.

    Raises `errors.MalformedError` where there are some and an array or a map beside them cannot be read: they are kept
    as they came, for people to read.
    """
    if request.signal is Signal.METRICS:
        found = [offences.take_out_untyped(one, _read_whole) for one in request.resources]
        request.offences = tuple(chain.from_iterable(found))


def _read_whole(resource: ResourceMessage) -> None:
    body = resource.SerializePartialToString()
    try:
        _whole_metrics().FromString(b"\x0a" + varint(len(body)) + body)
    except message.DecodeError as error:
        raise value_text.unreadable() from error


@cache
def _whole_metrics() -> type[Message]:
    return schema_variant.request_classes(whole=True)[Signal.METRICS]


def pack(request: Request) -> Parcel | None:
    """Give what is inserted, or None where nested values have to become text first (`flatten`).

    Raises `errors.MalformedError` where one of a resource's own attributes cannot be read.
    """
    if request.size > _PROBED:
        probed = request.resources[:_PROBES]
        _flatten_attributes(probed)
        if any(map(_begins_nested, probed)):
            return None
    try:
        return packed(request)
    except message.EncodeError:
        if not _flatten_attributes(request.resources) or not all(one.IsInitialized() for one in request.resources):
            return None
    return packed(request)


def flatten(request: Request, hold: nested.Hold = nested.hold_anything) -> None:
    """Put text in the place of nested values. Slow: Python for each such value.

    `hold` is told the bytes that a large value takes for a moment, and refuses by raising. Raises
    `errors.MalformedError` where such a value cannot be read.
    """
    for number, resource in enumerate(request.resources):
        # Many SDKs send one array, process.command_args, in the resource, and none in any record.
        if not resource.resource.IsInitialized():
            nested.flatten(resource.resource, _RESOURCE_LEVEL + 1, hold)
        if _begins_nested(resource) or not resource.IsInitialized():
            nested.flatten(resource, _RESOURCE_LEVEL, hold, request.tell(number))


def packed(request: Request) -> Parcel:
    """Give what is inserted of a request that holds no nested values."""
    found = request.offences
    parcel = _pack(request.signal, request.resources)
    return replace(parcel, rejected=len(found), message=offences.summary(found), offences=found) if found else parcel


def _flatten_attributes(resources: list[ResourceMessage]) -> int:
    """Put text in the place of nested values among the attributes of the resources themselves, if all of it is small.

    Many SDKs send one array, process.command_args, in the resource, and none in any record: that is no reason to treat
    the whole request as slow. How many values there were.
    """
    holders = [one.resource for one in resources if not one.resource.IsInitialized()]
    if sum(len(holder.SerializePartialToString()) for holder in holders) > _PROBED:
        return 0
    return sum([nested.flatten(holder, _RESOURCE_LEVEL + 1) for holder in holders])


def _begins_nested(resource: ResourceMessage) -> bool:
    """Whether a nested value stands in the first item.

    An `EncodeError` lists the path of every nested value in its message: up to 28 MiB of text for 2 MiB of small
    arrays, 0.3 s without the interpreter's lock being free. Senders of nested values have them in every item, so
    looking at the first one spares nearly all of that, and costs microseconds a request.
    """
    for outer, value in resource.ListFields():
        if outer.name.startswith("scope_") and value:
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


def sort_out(parcel: Parcel, bounds: TimeBounds) -> tuple[Parcel, list[Offence]]:
    """Take out what is known to be refused by ClickHouse; gives the rest, and what was found.

    Slow: walks every item. Gives an equal parcel back where there was nothing to take out.
    """
    resources = _messages(parcel)
    found = [offence for one in resources for offence in offences.take_out(parcel.signal, one, bounds)]
    rest = _pack(parcel.signal, resources)
    reason = "; ".join(filter(None, (parcel.message, offences.summary(found))))
    return replace(rest, rejected=parcel.rejected + len(found), message=reason, offences=parcel.offences), found


def halves(parcel: Parcel) -> tuple[Parcel, Parcel]:
    """Part a parcel of two items or more into two with half of them each, in order.

    What was rejected before is told by neither. Slow: copies the messages.
    """
    if parcel.items < 2:
        raise ValueError(f"a parcel of {parcel.items} items cannot be halved")
    first, last = items.halves(parcel.signal, _messages(parcel))
    return _pack(parcel.signal, first), _pack(parcel.signal, last)


def condemned(parcel: Parcel, reason: str, code: int | None) -> list[Offence]:
    """Give every item of a parcel as one that ClickHouse refused with `reason` and `code`."""
    signal = parcel.signal
    return [offence for one in _messages(parcel) for offence in offences.all_of(signal, one, reason, code)]


def read_again(signal: Signal, item: bytes, received: int) -> Parcel:
    """Read one resource message that was kept, as if it arrived anew at `received`.

    A log record without any time keeps the arrival that it had. Raises `errors.MalformedError` where it is none.
    """
    body = b"\x0a" + varint(len(item)) + item
    request = parse(signal, body, received)
    take_out_untyped(request)
    if signal is Signal.LOGS:
        before = resource_classes[signal].FromString(item).received_unix_nano
        for run in (run for one in request.resources for run in items.runs(signal, one)):
            for record in run.items:
                record.observed_time_unix_nano = record.observed_time_unix_nano or before
    return _ready(request)


def _ready(request: Request) -> Parcel:
    parcel = pack(request)
    if parcel is None:
        flatten(request)
        parcel = packed(request)
    return parcel


def _messages(parcel: Parcel) -> list[ResourceMessage]:
    return list(map(resource_classes[parcel.signal].FromString, items.delimited(b"".join(parcel.chunks))))


def _pack(signal: Signal, resources: list[ResourceMessage]) -> Parcel:
    chunks: list[bytes] = []
    number, last = 0, None
    for resource in resources:
        own = items.count(signal, resource)
        if own:
            body = bytes(resource.SerializeToString())
            chunks += (varint(len(body)), body)
            number += own
            last = resource
    at = 0 if last is None else _last_time(signal, last)
    return Parcel(signal, tuple(chunks), sum(map(len, chunks)), number, last_unix_nano=at)


def _last_time(signal: Signal, resource: ResourceMessage) -> int:
    """When the last item of a resource was, by its own word; 0 if it has none."""
    item = items.last(signal, resource)
    if item is None:
        return 0
    if signal is Signal.TRACES:
        found: int = item.end_time_unix_nano or item.start_time_unix_nano
    elif signal is Signal.LOGS:
        found = item.time_unix_nano or item.observed_time_unix_nano
    else:
        found = item.time_unix_nano
    return found
