"""Single objects that no watch has brought, asked for once at a time, and never for long.

In: references to objects. Out: objects in the directory, and for each reference how asking for it ended. What was found
is good for some minutes, what was not for some seconds: `absent`, `denied` and `failed` are three answers, counted each
for itself. Objects are chased together with their owners, to a bounded depth, whether or not anybody still waits.
Refuses more than it can hold: lookups that find no place are dropped, and counted.

Used on one event loop; `why` may be asked from any thread.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from enrich.directory import Directory
from enrich.errors import DeniedError, FailedError
from enrich.objects import KubernetesObject, Reference, owner_reference

_log = logging.getLogger(__name__)


class ObjectSource(Protocol):
    """Asks an API server for single objects."""

    async def get(self, reference: Reference) -> KubernetesObject | None:
        """Give the object that has this name now, or None where there is none (its kind unknown included).

        Its uid may be another than the one meant. Raises `DeniedError`, `FailedError`.
        """


class Outcome(StrEnum):
    """How asking for an object ended."""

    FOUND = "found"
    ABSENT = "absent"
    DENIED = "denied"
    FAILED = "failed"
    DROPPED = "dropped"
    """Nobody was asked: too many wait already."""


PENDING = "pending"
"""Why something is unknown of which the lookup still runs."""
NOT_KEPT = "not_kept"
"""Why something is unknown that was found: the directory had no room for it."""
NOT_ASKED = "not_asked"
"""Why something is unknown that nobody may be asked for."""


@dataclass(frozen=True, slots=True)
class LookupLimits:
    """The bounds of lookups."""

    found_s: float = 300.0
    """Seconds for which what was found is good."""
    absent_s: float = 30.0
    """Seconds for which nobody asks again for what was not."""
    at_once: int = 8
    waiting: int = 2_000
    remembered: int = 20_000
    timeout_s: float = 10.0
    depth: int = 5
    """Owners of owners that are asked for."""


Key = tuple[str, ...]
Count = Callable[[Outcome], None]


@dataclass(slots=True)
class _Chase:
    task: asyncio.Task[None]
    began: float


class Lookups:
    """Asks for objects, one lookup an object at a time."""

    def __init__(
        self,
        source: ObjectSource,
        directory: Directory,
        limits: LookupLimits | None = None,
        count: Count = lambda _outcome: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`count` is told how each lookup ended."""
        self._source = source
        self._directory = directory
        self._limits = limits or LookupLimits()
        self._count = count
        self._now = now
        self._answers: OrderedDict[Key, tuple[Outcome, float]] = OrderedDict()
        """Until when each is good."""
        self._chases: dict[Key, _Chase] = {}
        self._gets: dict[Key, asyncio.Future[KubernetesObject | None]] = {}
        self._turns = asyncio.Semaphore(self._limits.at_once)

    def why(self, reference: Reference) -> str:
        """Say why an object is not known: how the last lookup ended, or that it still runs."""
        key = key_of(reference)
        answer = self._fresh(key)
        if answer is not None:
            return NOT_KEPT if answer is Outcome.FOUND else answer.value
        return PENDING if key in self._chases or key in self._gets else NOT_ASKED

    async def wait_for(self, references: Collection[Reference], patience: float) -> bool:
        """Ask for objects, and wait until all answers are there, `patience` seconds at most; gives whether they are.

        Nobody waits for one that others have waited that long for already.
        """
        started = self._now()
        chases = [chase for one in references if (chase := self.chase(one)) is not None]
        young = [chase.task for chase in chases if started - chase.began < patience]
        if young:
            await asyncio.wait(young, timeout=patience)
        return all(chase.task.done() for chase in chases)

    def chase(self, reference: Reference) -> _Chase | None:
        """Start to ask for an object and its owners, unless somebody did; None where the answer is known or dropped."""
        key = key_of(reference)
        if self._fresh(key) is not None:
            return None
        running = self._chases.get(key)
        if running is not None:
            return running
        if len(self._chases) >= self._limits.at_once + self._limits.waiting:
            self._answer(key, Outcome.DROPPED)
            return None
        task = asyncio.create_task(self._chase(reference), name=f"lookup {reference.kind} {reference.name}")
        chase = self._chases[key] = _Chase(task, self._now())
        task.add_done_callback(lambda _task: self._chases.pop(key, None))
        return chase

    async def close(self) -> None:
        """End what still runs. Safe twice."""
        running: list[asyncio.Future[Any]] = [*(chase.task for chase in self._chases.values()), *self._gets.values()]
        for one in running:
            one.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _chase(self, first: Reference) -> None:
        asked: set[Key] = set()
        level = [first]
        for _ in range(self._limits.depth + 1):
            above: list[Reference] = []
            for reference in level:
                key = key_of(reference)
                if key in asked:
                    continue  # owners in a ring
                asked.add(key)
                known = await self._known(reference)
                if known is not None:
                    above += [owner_reference(known, owner) for owner in known.owners]
            level = above

    async def _known(self, reference: Reference) -> KubernetesObject | None:
        """What the directory knows from a watch, or else what is found now, or else what was found before."""
        entry = self._directory.entry(reference.uid, reference.cluster_uid) if reference.uid else None
        if entry is not None and entry.watched:
            return entry.known
        return await self._get(reference) or (entry.known if entry is not None else None)

    async def _get(self, reference: Reference) -> KubernetesObject | None:
        """Ask for one object, once however many want it."""
        key = key_of(reference)
        if self._fresh(key) is not None:
            return None
        running = self._gets.get(key)
        if running is None:
            running = self._gets[key] = asyncio.ensure_future(self._ask(reference, key))
            running.add_done_callback(lambda _task: self._gets.pop(key, None))
        # One chase that ends does not take the lookup from the others.
        return await asyncio.shield(running)

    async def _ask(self, reference: Reference, key: Key) -> KubernetesObject | None:
        async with self._turns:
            found, outcome = await self._outcome(reference)
        self._answer(key, outcome)
        return found

    async def _outcome(self, reference: Reference) -> tuple[KubernetesObject | None, Outcome]:
        try:
            found = await asyncio.wait_for(self._source.get(reference), self._limits.timeout_s)
            if found is not None:
                self._directory.learn(found)
        except DeniedError as error:
            _log.debug("%s", error)  # the source says it once, aloud
            return None, Outcome.DENIED
        except (FailedError, TimeoutError) as error:
            _log.debug("%s %s cannot be looked up: %s", reference.kind, reference.name, error)
            return None, Outcome.FAILED
        except Exception:  # noqa: BLE001 - the task ends here, and telemetry must go on without it
            _log.exception("looking %s %s up broke", reference.kind, reference.name)
            return None, Outcome.FAILED
        if found is None or (reference.uid and found.uid != reference.uid):
            return None, Outcome.ABSENT  # there is none, or another has its name by now
        return found, Outcome.FOUND

    def _fresh(self, key: Key) -> Outcome | None:
        answer = self._answers.get(key)
        return answer[0] if answer is not None and answer[1] > self._now() else None

    def _answer(self, key: Key, outcome: Outcome) -> None:
        self._count(outcome)
        good = self._limits.found_s if outcome is Outcome.FOUND else self._limits.absent_s
        if outcome is Outcome.DROPPED:
            return
        self._answers[key] = (outcome, self._now() + good)
        self._answers.move_to_end(key)
        while len(self._answers) > self._limits.remembered:
            self._answers.popitem(last=False)


def key_of(reference: Reference) -> Key:
    """What tells two lookups apart: the uid, or the name where no uid is known."""
    if reference.uid:
        return reference.cluster_uid, reference.uid
    return (reference.cluster_uid, reference.group, reference.kind, reference.namespace, reference.name)
