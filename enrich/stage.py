"""The enrichment of requests: what ingest calls between reading a request and making it ready for ClickHouse.

In: the parsed resources of one request, and who sent it. Out: the same resources with more attributes. What is not
known is looked up, and the request waits for that `patience` seconds at most in all; then it goes on, and what is found
later counts for later requests, and stands in otel_k8s_objects. An enrichment that breaks leaves the request as it
came, with a line in the log and a count: telemetry is never lost for it. Refuses nothing.

    enrich        each resource; events in text or attributes
    tell          bodies, as they become text: what they say of events is read while they are at hand
    enrich_maps   events whose bodies were maps and are text now: only where a request holds nested values
    count         once, at the end

Python works per resource, and per record for Kubernetes events alone. All but waiting may run on any thread.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
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
from enrich.remembered import ResourceMemory
from enrich.resources import NO_OBJECT, Origin, Resolution
from enrich.work import Came, EventWork, ResourceWork, Work

_log = logging.getLogger(__name__)

Run = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Runs something on a thread, and gives what it gives."""

MANY = 200
"""Records that may be events of which one request's are read on a thread: some 4 ms that others would have to wait."""
LARGE = 256 * 1024
"""Bytes of their texts above which they are read there too: JSON is read at some 80 MB a second."""

SEARCHED = 4_096
"""Bytes of a request for each of its events up to which all of it is searched for what events may say themselves: that
takes less than a look at the attributes of each."""


Tell = Callable[[Message, bytes], None]
"""Told a log record and its body."""
Find = Callable[[], list[tuple[ResourceWork, list[EventRecord]]]]


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

    async def enrich(self, came: Came, run: Run) -> Work:
        """Enrich the resources of a request, and its events that are text or attributes.

        `run` is given what is slow.
        """
        work = Work(came, [], self._patience)
        try:
            work.resources = [self._read(message, came.origin) for message in came.messages]
            await self._resolve_resources(work)
            if came.logs:
                await self._text_events(work, run)
        except Exception:  # noqa: BLE001 - telemetry is stored as it came rather than lost
            _break(work)
        return work

    def tell(self, work: Work, number: int) -> Tell:
        """Give who is to be told all log records of a resource, by its number, whose bodies are text by now."""
        if work.broken:
            return _tell_nobody
        found = work.resources[number].told = []

        def tell(record: Message, body: bytes) -> None:
            try:
                involved = None if work.broken else events.of_body(body)
                if involved is not None:
                    found.append(EventRecord(record, involved))
            except Exception:  # noqa: BLE001 - telemetry is stored as it came rather than lost
                _break(work)

        return tell

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
        work.came.body = b""  # a thread may hold the work for a moment longer
        if work.broken:
            self._counters.broke()
            return
        notes: list[Sequence[Note]] = []
        for one in work.resources:
            if one.events:
                # A resource of events is about none of its own.
                notes.append([note for note in one.resolution.notes if note is not NO_OBJECT])
                notes += [resolution.notes for resolution in one.resolutions]
            else:
                notes.append(one.resolution.notes)
        self._counters.add(chain.from_iterable(notes))

    def _read(self, message: Message, origin: Origin) -> ResourceWork:
        known = self._resources.resolve(message, origin, self._why)
        return ResourceWork(message, known, known.resolution)

    def _why(self, reference: Reference) -> str:
        return NOT_ASKED if self._lookups is None else self._lookups.why(reference)

    async def _resolve_resources(self, work: Work) -> None:
        unsure = [one for one in work.resources if one.resolution.missing or one.resolution.refresh]
        if unsure and await self._look_up(work, [one.resolution for one in unsure]):
            for one in unsure:
                if one.resolution.missing:
                    one.known = self._resources.resolve(one.message, work.came.origin, self._why)
                    one.resolution = one.known.resolution
        for one in work.resources:
            _write(one)

    async def _text_events(self, work: Work, run: Run) -> None:
        sieved = [(one, scopes) for one in work.resources if (scopes := events.sieve(one.message, one.known.have))]
        if sieved:
            much = _is_much([scoped for _, scopes in sieved for scoped in scopes])
            await self._resolve_events(work, partial(_in_text, sieved), run if much else _at_once)

    async def _resolve_events(self, work: Work, find: Find, run: Run) -> None:
        found = await run(partial(self._first_look, work, find))
        if not found:
            return
        unsure = [one for those in found for one in those.resolutions if one.missing or one.refresh]
        again = await self._look_up(work, unsure) if unsure else False
        await run(partial(self._last_look, work, found, again=again))

    def _first_look(self, work: Work, find: Find) -> list[EventWork]:
        found = find()
        self_telling = self._may_say(work.came.body, sum(len(those) for _, those in found))
        resolve = partial(self._events.resolve, why=self._why, self_telling=self_telling)
        return [EventWork(one, those, resolve(those, one.resolution)) for one, those in found]

    def _may_say(self, body: bytes, number: int) -> bool:
        """Whether any of so many events may say itself what it belongs to."""
        return not body or number * SEARCHED < len(body) or self._events.may_say(body)

    def _last_look(self, work: Work, found: list[EventWork], *, again: bool) -> None:
        for those in found:
            if again:
                self._look_again(those)
            for event, resolution in zip(those.events, those.resolutions, strict=True):
                if resolution.written:
                    event.record.MergeFromString(resolution.written)
                elif resolution.additions:
                    attributes.add_to_record(event.record, resolution.additions, resolution.own)
            those.one.events += those.events
            those.one.resolutions += those.resolutions
        for those in found:
            self._conclude(work, those.one)

    def _look_again(self, those: EventWork) -> None:
        """Resolve those events anew of whose objects some were missing."""
        places = [at for at, resolution in enumerate(those.resolutions) if resolution.missing]
        anew = self._events.resolve([those.events[at] for at in places], those.one.resolution, self._why)
        for at, resolution in zip(places, anew, strict=True):
            those.resolutions[at] = resolution

    def _conclude(self, work: Work, one: ResourceWork) -> None:
        """Let a resource say what all its records say, if they are all events."""
        written = one.message.resource.attributes
        resolutions = one.resolutions
        clusters = {resolution.cluster_uid for resolution in resolutions} - {""}
        if len(clusters) == 1:
            one.resolution = self._resources.prove(one.known, work.came.origin, clusters.pop())
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


def _write(one: ResourceWork) -> None:
    resource = one.message.resource
    if one.known.extra:
        resource.MergeFromString(one.known.extra)
        return
    for key, text in one.resolution.replacements:
        attributes.put(resource.attributes, key, text)
    attributes.add(resource.attributes, one.resolution.additions, one.known.have)


def _tell_nobody(_record: Message, _body: bytes) -> None:
    """Let it be: the enrichment of this request ended."""


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


def _in_text(sieved: list[tuple[ResourceWork, list[Message]]]) -> list[tuple[ResourceWork, list[EventRecord]]]:
    found = [(one, list(events.in_text_or_attributes(scopes, one.known.have))) for one, scopes in sieved]
    return [(one, those) for one, those in found if those]


def _in_maps(work: Work) -> list[tuple[ResourceWork, list[EventRecord]]]:
    # A record is one Python object as long as somebody holds it: those that were text before are known by that.
    known = {id(event.record) for one in work.resources for event in one.events}
    found = [(one, list(events.in_text(one.message)) if one.told is None else one.told) for one in work.resources]
    if known:
        found = [(one, [event for event in those if id(event.record) not in known]) for one, those in found]
    return [(one, those) for one, those in found if those]
