"""What is wrong with single items: the rules that ClickHouse's Null tables check as well, and what breaks its reader.

In: parsed resource messages whose batch ClickHouse refused. Out: an `Offence` for each item that can never be stored;
the messages are left without them. Each reason is a sentence that names the field and the mend.
Slow: Python for every item.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from ingest import items
from ingest.items import Message, Run
from sql.signals import Signal
from sql.time_bounds import TimeBounds

MAX_ITEM_BYTES = 1_048_576
"""Bytes of an item, with what is around it, that are kept; of a larger one only the size is told."""
MAX_TEXT = 1_000
"""Characters of a reason, and of a name taken from a resource."""
_SLACK_NS = 60 * 10**9
"""Where a message does not say when it arrived, our clock and ClickHouse's stand in for it; they may differ by this."""

UNTYPED = (
    "metrics without data were rejected: set one of gauge, sum, histogram, exponential_histogram, summary "
    "(opentelemetry.proto.metrics.v1.Metric.data)"
)
MISNAMED = "spans were rejected: trace_id must be 16 bytes and span_id 8 bytes long (opentelemetry.proto.trace.v1.Span)"

_NOUNS: Mapping[Signal, str] = {Signal.LOGS: "log records", Signal.TRACES: "spans", Signal.METRICS: "data points"}
_TIMES: Mapping[Signal, str] = {
    Signal.LOGS: "time_unix_nano",
    Signal.TRACES: "start_time_unix_nano",
    Signal.METRICS: "time_unix_nano",
}
"""The field whose day is the partition that an item goes to."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an item came from, as its resource says."""

    service_name: str = ""
    cluster_name: str = ""
    cluster_uid: str = ""
    received_unix_nano: int = 0
    """When it arrived, 0 where that is not known."""


@dataclass(frozen=True, slots=True)
class Offence:
    """One item that can never be stored as it is."""

    signal: Signal
    reason: str
    """The same words for all items that have the same trouble."""
    origin: Origin
    time_unix_nano: int
    """The time that the item gives for itself, 0 if it gives none."""
    parts: tuple[bytes, ...]
    """A resource message that holds this item alone, in pieces: thousands of items share most of them."""
    code: int | None = None
    """ClickHouse's error code; None where it was found here."""

    @property
    def size(self) -> int:
        """Bytes of the message."""
        return sum(map(len, self.parts))

    @property
    def item(self) -> bytes:
        """The message; empty if it is larger than `MAX_ITEM_BYTES`."""
        return b"".join(self.parts) if self.size <= MAX_ITEM_BYTES else b""


Judge = Callable[[Message], str]
"""Gives the reason why an item can never be stored, empty if it can."""


def take_out(signal: Signal, resource: Message, bounds: TimeBounds) -> list[Offence]:
    """Take what can never be stored out of one resource message, and tell it.

    Fields that OTLP does not define are taken out as well, and are no offence: the C runtime keeps them, and
    ClickHouse's reader stumbles over groups and over known numbers with another wire type.
    """
    resource.DiscardUnknownFields()
    judge = _judge(signal, bounds, resource.received_unix_nano)
    return [offence for run in items.runs(signal, resource) for offence in _take_out(signal, resource, run, judge)]


def take_out_untyped(resource: Message, check: Callable[[Message], None]) -> list[Offence]:
    """Take metrics without data, or with data of a type that is not known, out of one ResourceMetrics.

    Where there are some, the resource is shown to `check` once before, all in it; it may refuse by raising.
    """

    def judge(metric: Message) -> str:
        return "" if metric.WhichOneof("data") else UNTYPED

    offences: list[Offence] = []
    for run in items.untyped(resource):
        before = _nothing if offences else partial(check, resource)
        offences += _take_out(Signal.METRICS, resource, run, judge, has_time=False, before=before)
    return offences


def _nothing() -> None:
    pass


def all_of(signal: Signal, resource: Message, reason: str, code: int | None) -> Iterator[Offence]:
    """Give every item of a resource message as an offence; the message stays as it is."""
    origin = _origin(resource)
    for run in items.runs(signal, resource):
        for item in run.items:
            yield Offence(signal, reason[:MAX_TEXT], origin, _time(signal, item), run.alone(item), code)


def summary(offences: Sequence[Offence]) -> str:
    """Tell a sender what was wrong: each reason once, with how many items it hit where there is more than one."""
    counts: dict[str, int] = {}
    for offence in offences:
        counts[offence.reason] = counts.get(offence.reason, 0) + 1
    if len(counts) <= 1:
        return next(iter(counts), "")
    return "; ".join(f"{count} {reason}" for reason, count in counts.items())


def _take_out(
    signal: Signal,
    resource: Message,
    run: Run,
    judge: Judge,
    *,
    has_time: bool = True,
    before: Callable[[], None] = _nothing,
) -> list[Offence]:
    reasons = list(map(judge, run.items))
    if not any(reasons):
        return []
    before()
    origin = _origin(resource)
    judged = list(zip(run.items, reasons, strict=True))
    offences = [
        Offence(signal, reason, origin, _time(signal, item) if has_time else 0, run.alone(item))
        for item, reason in judged
        if reason
    ]
    good = [item for item, reason in judged if not reason]
    # At once: taking thousands out one by one would move all behind each of them.
    del run.items[:]
    run.items.extend(good)
    return offences


def _time(signal: Signal, item: Message) -> int:
    found: int = getattr(item, _TIMES[signal])
    return found or item.observed_time_unix_nano if signal is Signal.LOGS else found


def _judge(signal: Signal, bounds: TimeBounds, received: int) -> Judge:
    arrival = received or time.time_ns()
    slack = 0 if received else _SLACK_NS
    field = _TIMES[signal]
    unset = f"{_NOUNS[signal]} were rejected: {field} is not set"
    too_old, too_new = _too_old(signal, bounds), _too_new(signal, bounds)

    def judge_time(unix_nano: int) -> str:
        if bounds.too_old(unix_nano, arrival + slack):
            return too_old if unix_nano else unset
        return too_new if bounds.too_new(unix_nano, arrival - slack) else ""

    def judge_log_record(record: Message) -> str:
        # A record without any time is stored at its arrival.
        unix_nano = record.time_unix_nano or record.observed_time_unix_nano
        return judge_time(unix_nano) if unix_nano else ""

    def judge_span(span: Message) -> str:
        return judge_time(span.start_time_unix_nano) if _has_id_lengths(span) else MISNAMED

    def judge_point(point: Message) -> str:
        return judge_time(point.time_unix_nano)

    return {Signal.LOGS: judge_log_record, Signal.TRACES: judge_span, Signal.METRICS: judge_point}[signal]


def _too_old(signal: Signal, bounds: TimeBounds) -> str:
    mend = (
        f"set the sender's clock, or keep {signal} longer (sql.retention.{signal}_days)"
        if bounds.limited_by_retention
        else "set the sender's clock"
    )
    when = f"more than {bounds.reach_days} days before its arrival"
    return f"{_NOUNS[signal]} were rejected: {_TIMES[signal]} lies {when}; {mend}"


def _too_new(signal: Signal, bounds: TimeBounds) -> str:
    when = f"more than {bounds.ahead_days} days after its arrival"
    return f"{_NOUNS[signal]} were rejected: {_TIMES[signal]} lies {when}; set the sender's clock"


def _has_id_lengths(span: Message) -> bool:
    return len(span.trace_id) in {0, 16} and len(span.span_id) in {0, 8}


def _origin(resource: Message) -> Origin:
    found = {"service.name": "", "k8s.cluster.name": "", "k8s.cluster.uid": ""}
    for attribute in reversed(resource.resource.attributes):
        key = attribute.key.decode("utf-8", "replace")
        if key in found:
            found[key] = attribute.value.string_value.decode("utf-8", "replace")[:MAX_TEXT]
    return Origin(
        service_name=found["service.name"],
        cluster_name=found["k8s.cluster.name"],
        cluster_uid=found["k8s.cluster.uid"],
        received_unix_nano=resource.received_unix_nano,
    )
