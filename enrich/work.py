"""One request on its way through the enrichment: what came, and what was found out about it until now.

Data, and nothing else. Of one request; whoever works on it at a time has it alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from enrich.attributes import Message
from enrich.event_records import EventResolution
from enrich.events import EventRecord
from enrich.remembered import Remembered
from enrich.resources import Origin, Resolution


@dataclass(slots=True)
class ResourceWork:
    """One resource on its way."""

    message: Message
    known: Remembered
    resolution: Resolution
    events: list[EventRecord] = field(default_factory=list)
    resolutions: list[EventResolution] = field(default_factory=list)
    """Of its events, in their order."""
    told: list[EventRecord] | None = None
    """Its events whose bodies are text by now, if somebody told its bodies."""


@dataclass(slots=True)
class EventWork:
    """Events of one resource on their way."""

    one: ResourceWork
    events: list[EventRecord]
    resolutions: list[EventResolution]


@dataclass(slots=True)
class Came:
    """One request as it came. Not changed once it is made, but that its body is let go when all is counted."""

    messages: Sequence[Message]
    """Its resource messages."""
    origin: Origin
    body: bytes
    """What they were read from, if that is known: a word that does not stand in there is the key of no attribute."""
    logs: bool
    """Whether they are ResourceLogs, and may hold events."""


@dataclass(slots=True)
class Work:
    """One request on its way."""

    came: Came
    resources: list[ResourceWork]
    patience: float
    """Seconds that are left for waiting."""
    broken: bool = False
