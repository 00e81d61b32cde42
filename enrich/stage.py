"""The enrichment of requests: what ingest calls between reading a request and making it ready for ClickHouse.

In: the parsed resources of one request, and who sent it. Out: the same resources with more attributes. What is not
known is looked up, and the request waits for that `patience` seconds at most in all; then it goes on, and what is found
later counts for later requests, and stands in otel_k8s_objects. An enrichment that breaks leaves the request as it
came, with a line in the log and a count: telemetry is never lost for it. Refuses nothing.

    enrich        each resource; events in text or attributes
    enrich_maps   events whose bodies were maps and are text now: only where a request holds nested values
    count         once, at the end

Python works per resource, and per record for Kubernetes events alone. All but waiting may run on any thread.
"""

import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Any

from enrich import attributes, events
from enrich.attributes import COMPOSITION_ID, Addition, Message
from enrich.counters import Counters, Note
from enrich.event_records import EventResolution, Events
from enrich.events import EventRecord
from enrich.lookups import NOT_ASKED, Lookups
from enrich.objects import Reference
from enrich.remembered import Remembered, ResourceMemory
from enrich.resources import NO_OBJECT, Origin, Resolution

_log = logging.getLogger(__name__)

Run = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Runs something on a thread, and gives what it gives."""

MANY = 200
"""Records that may be events of which one request's are read on a thread: some 4 ms that others would have to wait."""
LARGE = 256 * 1024
"""Bytes of their texts above which they are read there too: JSON is read at some 80 MB a second."""


@dataclass(slots=True)
class _Event:
    """One event record on its way."""

    event: EventRecord
    resolution: EventResolution


@dataclass(slots=True)
class _Resource:
    """One resource on its way."""

    message: Message
    known: Remembered
    resolution: Resolution
    events: list[_Event] = field(default_factory=list)


@dataclass(slots=True)
class Work:
    """One request on its way."""

    origin: Origin
    resources: list[_Resource]
    patience: float
    """Seconds that are left for waiting."""
    broken: bool = False


Find = Callable[[], list[tuple[_Resource, EventRecord]]]


class Enrichment:
    """Enriches requests. Made once; used on one event loop and the threads that it is given."""

    def __init__(
        self,
        resources: ResourceMemory,
        event_records: Events,
        counters: Counters,
        lookups: Lookups | None = None,
        patience: float = 0.05,
    ) -> None:
        """`lookups`: None where no API server may be asked; `patience` in seconds a request."""
        self._resources = resources
        self._events = event_records
        self._counters = counters
        self._lookups = lookups
        self._patience = patience

    async def enrich(self, messages: Sequence[Message], origin: Origin, run: Run, *, logs: bool) -> Work:
        """Enrich the resources of a request; `logs`: they are ResourceLogs, and may hold events.

        `run` is given what is slow.
        """
        work = Work(origin, [], self._patience)
        try:
            work.resources = [self._read(message, origin) for message in messages]
            await self._resolve_resources(work)
            if logs:
                await self._text_events(work, run)
        except Exception:  # noqa: BLE001 - telemetry is stored as it came rather than lost
            _break(work)
        return work

    async def enrich_maps(self, work: Work, run: Run) -> None:
        """Enrich event records whose bodies were maps, in a request whose nested values have become text."""
        if work.broken:
            return
        try:
            much = _is_much([scoped for one in work.resources for scoped in one.message.scope_logs])
            await self._resolve_events(work, partial(_in_maps, work), run if much else _at_once)
        except Exception:  # noqa: BLE001 - telemetry is stored as it came rather than lost
            _break(work)

    def count(self, work: Work) -> None:
        """Count what was found out about a request, and what was not."""
        if work.broken:
            self._counters.broke()
            return
        notes: Counter[Note] = Counter()
        for one in work.resources:
            # A resource of events is about none of its own.
            notes.update(note for note in one.resolution.notes if not (one.events and note is NO_OBJECT))
            for event in one.events:
                notes.update(event.resolution.notes)
        self._counters.add(notes)

    def _read(self, message: Message, origin: Origin) -> _Resource:
        known = self._resources.resolve(message, origin, self._why)
        return _Resource(message, known, known.resolution)

    def _why(self, reference: Reference) -> str:
        return NOT_ASKED if self._lookups is None else self._lookups.why(reference)

    async def _resolve_resources(self, work: Work) -> None:
        unsure = [one for one in work.resources if one.resolution.missing]
        if await self._look_up(work, [one.resolution for one in work.resources]):
            for one in unsure:
                one.known = self._resources.resolve(one.message, work.origin, self._why)
                one.resolution = one.known.resolution
        for one in work.resources:
            _write(one)

    async def _text_events(self, work: Work, run: Run) -> None:
        sieved = [(one, scopes) for one in work.resources if (scopes := events.sieve(one.message, one.known.have))]
        if sieved:
            much = _is_much([scoped for _, scopes in sieved for scoped in scopes])
            await self._resolve_events(work, partial(_in_text, sieved), run if much else _at_once)

    async def _resolve_events(self, work: Work, find: Find, run: Run) -> None:
        found = await run(partial(self._first_look, find))
        if not found:
            return
        again = await self._look_up(work, [event.resolution for _, event in found])
        await run(partial(self._last_look, work, found, again=again))

    def _first_look(self, find: Find) -> list[tuple[_Resource, _Event]]:
        return [(one, _Event(event, self._resolved(one, event))) for one, event in find()]

    def _resolved(self, one: _Resource, event: EventRecord) -> EventResolution:
        return self._events.resolve(event, one.resolution, self._why)

    def _last_look(self, work: Work, found: list[tuple[_Resource, _Event]], *, again: bool) -> None:
        for one, event in found:
            if again and event.resolution.missing:
                event.resolution = self._resolved(one, event.event)
            if event.resolution.additions:
                resolution = event.resolution
                attributes.add_to_record(event.event.record, resolution.additions, resolution.own)
            one.events.append(event)
        for one in {id(one): one for one, _ in found}.values():
            self._conclude(work, one)

    def _conclude(self, work: Work, one: _Resource) -> None:
        """Let a resource say what all its records say, if they are all events."""
        written = one.message.resource.attributes
        resolutions = [event.resolution for event in one.events]
        clusters = {resolution.cluster_uid for resolution in resolutions} - {""}
        if len(clusters) == 1:
            one.resolution = self._resources.prove(one.known, work.origin, clusters.pop())
            for key, text in one.resolution.replacements:
                attributes.put(written, key, text)
        records = sum(len(scoped.log_records) for scoped in one.message.scope_logs)
        if len(resolutions) == records and not one.resolution.composition_id:
            # That of the pod which collected them, if it was written, is none of theirs.
            if any(key == COMPOSITION_ID for key, _ in one.resolution.additions):
                attributes.drop(written, COMPOSITION_ID)
            ids = {resolution.composition_id for resolution in resolutions}
            said: list[Addition] = [(COMPOSITION_ID, text.encode()) for text in ids if text and len(ids) == 1]
            attributes.add(written, said, one.known.have)

    async def _look_up(self, work: Work, resolutions: Iterable[Resolution | EventResolution]) -> bool:
        """Ask for what is missing, and wait as long as the request may; gives whether anybody was asked."""
        if self._lookups is None:
            return False
        missing: dict[Reference, None] = {}
        for resolution in resolutions:
            missing.update(dict.fromkeys(resolution.missing))
            for reference in resolution.refresh:
                self._lookups.chase(reference)
        asked = [one for one in missing if self._lookups.chase(one) is not None]
        if asked and work.patience > 0:
            began = time.monotonic()
            answered = await self._lookups.wait_for(asked, work.patience)
            waited = time.monotonic() - began
            work.patience -= waited
            self._counters.waited(waited, answered=answered)
        return bool(asked)


def _write(one: _Resource) -> None:
    resource = one.message.resource
    if one.known.extra:
        resource.MergeFromString(one.known.extra)
        return
    for key, text in one.resolution.replacements:
        attributes.put(resource.attributes, key, text)
    attributes.add(resource.attributes, one.resolution.additions, one.known.have)


def _break(work: Work) -> None:
    """Note what broke: the enrichment of this request ends, the request does not."""
    _log.exception("a request could not be enriched, and is stored as it came")
    work.broken = True


def _is_much(scopes: Sequence[Message]) -> bool:
    """Whether reading the texts of these ScopeLogs would hold others up; looks at `MANY` records at most."""
    if sum(len(scoped.log_records) for scoped in scopes) > MANY:
        return True
    rest = LARGE
    for record in chain.from_iterable(scoped.log_records for scoped in scopes):
        rest -= len(record.body.string_value)
        if rest < 0:
            return True
    return False


async def _at_once(step: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever the step gives
    return step()


def _in_text(sieved: list[tuple[_Resource, list[Message]]]) -> list[tuple[_Resource, EventRecord]]:
    return [(one, event) for one, scopes in sieved for event in events.in_text_or_attributes(scopes, one.known.have)]


def _in_maps(work: Work) -> list[tuple[_Resource, EventRecord]]:
    # A record is one Python object as long as somebody holds it: those that were text before are known by that.
    known = {id(event.event.record) for one in work.resources for event in one.events}
    found = ((one, event) for one in work.resources for event in events.in_text(one.message))
    return [(one, event) for one, event in found if id(event.record) not in known]
