"""Where the items are inside a resource message, how many, and how to cut a message between two of them.

In: parsed ResourceLogs, ResourceSpans or ResourceMetrics of `ingest.schema_variant`'s classes. An item is one log
record, one span or one data point. Out: runs of items that share all that stands around them, the bytes of a message
that holds one item alone, and messages cut in two. Refuses nothing. All of it is Python per item, so it is for the slow
path only: after ClickHouse has refused a batch.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from operator import attrgetter
from typing import Any

from sql.signals import Signal

Message = Any
"""A parsed message: protobuf builds the classes at run time, untyped."""
Children = Any
"""A repeated field of messages, or an empty tuple."""


def varint(number: int) -> bytes:
    """Write a length as protobuf does: seven bits a byte, lowest first."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def delimited(stream: bytes) -> Iterator[bytes]:
    """Give the messages of a run of length-delimited ones."""
    at = 0
    while at < len(stream):
        size = shift = 0
        while stream[at] > 0x7F:
            size |= (stream[at] & 0x7F) << shift
            shift += 7
            at += 1
        size |= stream[at] << shift
        yield stream[at + 1 : at + 1 + size]
        at += 1 + size


def _points(metric: Message) -> Children:
    kind = metric.WhichOneof("data")
    return getattr(metric, kind).data_points if kind else ()


_LEVELS: Mapping[Signal, tuple[Callable[[Message], Children], ...]] = {
    Signal.LOGS: (attrgetter("scope_logs"), attrgetter("log_records")),
    Signal.TRACES: (attrgetter("scope_spans"), attrgetter("spans")),
    Signal.METRICS: (attrgetter("scope_metrics"), attrgetter("metrics"), _points),
}
"""How to go from a resource message down to its items."""
_SCOPED: Mapping[Signal, str] = {
    Signal.LOGS: "scope_logs",
    Signal.TRACES: "scope_spans",
    Signal.METRICS: "scope_metrics",
}
_INNER: Mapping[Signal, str] = {Signal.LOGS: "log_records", Signal.TRACES: "spans", Signal.METRICS: "metrics"}


def last(signal: Signal, resource: Message) -> Message | None:
    """Give the last item of a resource message, in a few steps; None where its last part is empty."""
    for level in _LEVELS[signal]:
        below = level(resource)
        if not below:
            return None
        resource = below[-1]
    return resource


class Layer:
    """All of one message but one of its fields, written once for all the items below it."""

    def __init__(self, message: Message, field: str, outer: "Layer | None" = None) -> None:
        self._message = message
        self._field = field
        self._outer = outer

    def around(self, parts: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """Give the bytes of the outermost message that holds `parts`, a message, in this layer's field, and no other.

        In parts, so that thousands of items share the bytes that are around all of them.
        """
        mine = (self._rest, self._tag + varint(sum(map(len, parts))), *parts)
        return self._outer.around(mine) if self._outer else mine

    @cached_property
    def _tag(self) -> bytes:
        number: int = self._message.DESCRIPTOR.fields_by_name[self._field].number
        return varint(number << 3 | 2)

    @cached_property
    def _rest(self) -> bytes:
        rest: Message = type(self._message)()
        for field, value in self._message.ListFields():
            if field.name == self._field:
                continue
            if field.is_repeated:
                getattr(rest, field.name).extend(value)
            elif field.message_type:
                getattr(rest, field.name).CopyFrom(value)
            else:
                setattr(rest, field.name, value)
        # Partial: what comes here from before `nested.flatten` may still hold nested values.
        return bytes(rest.SerializePartialToString())


class Run:
    """Items that stand next to each other, and what is around them."""

    def __init__(self, items: Children, layer: Layer) -> None:
        self.items = items
        self._layer = layer

    def alone(self, item: Message) -> tuple[bytes, ...]:
        """Give the bytes, in parts, of a resource message that holds this item alone."""
        return self._layer.around((bytes(item.SerializePartialToString()),))


def runs(signal: Signal, resource: Message) -> Iterator[Run]:
    """Give all items of a resource message, in order. Those of a run may be taken out while it is looked at."""
    outermost = Layer(resource, _SCOPED[signal])
    for scoped in getattr(resource, _SCOPED[signal]):
        layer = Layer(scoped, _INNER[signal], outermost)
        if signal is Signal.METRICS:
            for metric in scoped.metrics:
                yield from _points_run(metric, layer)
        else:
            yield Run(getattr(scoped, _INNER[signal]), layer)


def untyped(resource: Message) -> Iterator[Run]:
    """Give the metrics of each scope of a ResourceMetrics, for taking out those that hold no data of a known type."""
    outermost = Layer(resource, _SCOPED[Signal.METRICS])
    for scoped in resource.scope_metrics:
        yield Run(scoped.metrics, Layer(scoped, _INNER[Signal.METRICS], outermost))


def count(signal: Signal, resource: Message) -> int:
    """Count the items of a resource message."""
    return _count(resource, _LEVELS[signal])


def halves(signal: Signal, resources: Sequence[Message]) -> tuple[list[Message], list[Message]]:
    """Part two or more items into two lists of messages that hold half of them each, in order.

    What holds no item (a scope without records, a metric without points) is in neither.
    """
    middle = sum(count(signal, resource) for resource in resources) // 2
    first: list[Message] = []
    last: list[Message] = []
    seen = 0
    for resource in resources:
        own = count(signal, resource)
        cut = min(max(middle - seen, 0), own)
        seen += own
        if cut > 0:
            first.append(_between(signal, resource, 0, cut))
        if cut < own:
            last.append(_between(signal, resource, cut, own))
    return first, last


def _points_run(metric: Message, outer: Layer) -> Iterator[Run]:
    if kind := metric.WhichOneof("data"):
        data = getattr(metric, kind)
        yield Run(data.data_points, Layer(data, "data_points", Layer(metric, kind, outer)))


def _count(message: Message, levels: Sequence[Callable[[Message], Children]]) -> int:
    children = levels[0](message)
    if len(levels) == 1:
        return len(children)
    return sum(_count(child, levels[1:]) for child in children)


def _between(signal: Signal, resource: Message, begin: int, end: int) -> Message:
    part: Message = type(resource)()
    part.CopyFrom(resource)
    _keep(part, _LEVELS[signal], begin, end)
    return part


def _keep(message: Message, levels: Sequence[Callable[[Message], Children]], begin: int, end: int) -> None:
    """Leave in `message` its items from `begin` up to `end`, and what is around them."""
    children = levels[0](message)
    if len(levels) == 1:
        del children[end:]
        del children[:begin]
        return
    seen = 0
    without: list[int] = []
    for place, child in enumerate(children):
        own = _count(child, levels[1:])
        low, high = max(begin - seen, 0), min(end - seen, own)
        seen += own
        if low >= high:
            without.append(place)
        else:
            _keep(child, levels[1:], low, high)
    for place in reversed(without):
        del children[place]
