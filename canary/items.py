"""What one beat sends: items that can be told from all others, and say by themselves whether somebody changed them.

In: the run, the number and the moment of a beat, and a cluster. Out: `Item`s, one for each kind of telemetry and each
of the doors. Every item carries its `line` wherever people would see it (body, message, attribute):

    otelhouse canary 3f9a02c1-17 grpc gauge 5f1e2d3c4b5a6978

that is run and number of the beat, door, kind, and a checksum over the item's `fields` as ClickHouse will give them
back. `read_lines` finds such lines in any text. Nothing here sends.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

SERVICE = "otelhouse-canary"
"""Service, and for events namespace, of all that is sent. Every question and stream leaves it out but by this name."""
ATTRIBUTE = "otelhouse.canary"
"""Attribute that has the line, of spans and data points."""
SYNTHETIC = "otelhouse.synthetic"
"""Resource attribute that marks telemetry of nobody."""

GRPC, HTTP = "grpc", "http"
DOORS = (GRPC, HTTP)
LOG, SPAN, EVENT = "log", "span", "event"
METRICS = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
KINDS = (LOG, SPAN, *METRICS, EVENT)
EVERY_WAY = frozenset((door, kind) for door in DOORS for kind in KINDS)
"""Each kind by each door."""

_LINE = re.compile(r"otelhouse canary ([0-9a-f]{8})-(\d{1,19}) (grpc|http) ([a-z_]{1,32}) ([0-9a-f]{16})")


@dataclass(frozen=True, slots=True)
class Identity:
    """Which item it is."""

    run: str
    """8 hexadecimal digits, one for each process of a canary and cluster."""
    number: int
    """Of the beat in its run, from 1."""
    door: str
    kind: str


@dataclass(frozen=True)
class Item:
    """One record, span, data point or event."""

    identity: Identity
    cluster: str
    sent: int
    """Nanoseconds since 1970; its time."""

    @property
    def kind(self) -> str:
        """One of `KINDS`."""
        return self.identity.kind

    @property
    def door(self) -> str:
        """One of `DOORS`."""
        return self.identity.door

    @property
    def number(self) -> int:
        """Of the beat."""
        return self.identity.number

    @cached_property
    def trace_id(self) -> bytes:
        """Of a span or a log: 16 bytes that no other item has."""
        return sha256(f"{self.identity}".encode()).digest()[:16]

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """What is checked, as texts, in the order of sql/handlers/canary_records.sql."""
        seconds, number = str(self.sent // 10**9), self.number
        by_kind = {
            LOG: (str(self.sent), "9", "INFO", self.trace_id.hex()),
            SPAN: (str(self.sent), str(DURATION), "Ok", "Internal", self.trace_id.hex()),
            "gauge": (seconds, str(number)),
            "sum": (seconds, str(number), "2", "true"),
            "histogram": (seconds, "6", str(number), "[1,2,3]", "[1,10]"),
            "exponential_histogram": (seconds, "6", str(number), "1", "2", "[1,3]"),
            "summary": (seconds, "6", str(number), "[0.5,1]", f"[{number},{number + 1}]"),
            EVENT: (seconds, REASON, "Normal", "Pod", POD, str(1), self.event_uid),
        }
        return by_kind[self.kind]

    @property
    def event_uid(self) -> str:
        """Uid of a Kubernetes event."""
        return f"{self.identity.run}-{self.number}-{self.door}"

    @cached_property
    def line(self) -> str:
        """What stands where people would see it."""
        one = self.identity
        return f"otelhouse canary {one.run}-{one.number} {one.door} {one.kind} {checksum(one, self.fields)}"


DURATION = 1_000_000
"""Nanoseconds of a span."""
REASON, POD = "CanaryBeat", "otelhouse-canary"
"""Of a Kubernetes event: its reason, and the object that it is about."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it was found."""

    identity: Identity
    checksum: str


def items(run: str, number: int, sent: int, cluster: str) -> tuple[Item, ...]:
    """What one beat sends for one cluster: each kind by each door."""
    return tuple(Item(Identity(run, number, door, kind), cluster, sent) for door in DOORS for kind in KINDS)


def checksum(identity: Identity, fields: Sequence[str]) -> str:
    """16 hexadecimal digits over an item's identity and fields."""
    told = "\n".join((identity.run, str(identity.number), identity.door, identity.kind, *fields))
    return sha256(told.encode()).hexdigest()[:16]


def read_lines(text: str) -> Iterator[Line]:
    """Every line in a text, in order."""
    for found in _LINE.finditer(text):
        yield Line(Identity(found[1], int(found[2]), found[3], found[4]), found[5])
