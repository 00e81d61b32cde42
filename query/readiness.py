"""Whether the house can answer: named checks, each bounded in time.

In: functions that return when all is well and raise when it is not. Out: by name, a `Finding`. What this process can do
without for a while (a receiver without ClickHouse, as long as its spool has room) makes it degraded, not unready.
A check that hangs is not started again before it ends, so that a probe every few seconds does not pile up threads.
Each check has a thread of its own, since a pod that ingests well must not be taken out because its questions are many.
"""

import asyncio
import functools
from collections.abc import Callable, Container, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sql import catalogue
from store.errors import StoreError
from store.port import Limits, Select, Store

Check = Callable[[], None]
"""Blocks, returns nothing when ready, raises otherwise."""

_LIMITS = Limits(seconds=5.0, rows=100)


class NotReadyError(Exception):
    """Something that the house needs is missing; the message says what, and the mend."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    problem: str = ""
    """Empty where all is well."""
    degraded: bool = False
    """The problem is one that this process can do without for now."""

    @property
    def ready(self) -> bool:
        """Whether traffic may come."""
        return self.degraded or not self.problem


SHARDS = "shards"
"""The check's name in `/readyz`, where ClickHouse is a cluster."""


def shard_check(store: Store) -> Check:
    """The check that every shard of the cluster answers; its problem names those that do not."""
    return functools.partial(_every_shard_answers, store)


def _every_shard_answers(store: Store) -> None:
    store.select(Select(catalogue.probe("shards"), limits=_LIMITS))


QUESTIONS = "questions"
"""The check's name in `/readyz`, where questions have a ClickHouse user of their own."""


def question_check(store: Store) -> Check:
    """The check that ClickHouse answers the user by whom questions are asked."""
    return functools.partial(_answers, store)


def store_checks(store: Store) -> dict[str, Check]:
    """The checks every house has: ClickHouse answers, and the tables are there."""
    return {
        "clickhouse": functools.partial(_answers, store),
        "tables": functools.partial(_has_tables, store),
    }


def _answers(store: Store) -> None:
    store.select(Select(catalogue.probe("answers"), limits=_LIMITS))


def _has_tables(store: Store) -> None:
    answer = store.select(Select(catalogue.probe("missing_tables"), limits=_LIMITS))
    if answer.rows:
        missing = ", ".join(str(row[0]) for row in answer.rows)
        raise NotReadyError(f"missing: {missing}; run `otelhouse migrate`")


class Readiness:
    """Runs the checks."""

    def __init__(self, checks: Mapping[str, Check], seconds: float, tolerated: Container[str] = ()) -> None:
        """`tolerated`: checks whose problems this process can do without for now; each takes `seconds` at most."""
        self._checks = checks
        self._tolerated = tolerated
        self._seconds = seconds
        self._threads = ThreadPoolExecutor(max(1, len(checks)), thread_name_prefix="ready")
        self._running: dict[str, asyncio.Task[str]] = {}

    def close(self) -> None:
        """Let the threads go; a check that hangs is not waited for. Safe twice."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def look(self) -> dict[str, Finding]:
        """All checks at once, by name."""
        findings = await asyncio.gather(*(self._find(name) for name in self._checks))
        return dict(zip(self._checks, findings, strict=True))

    async def _find(self, name: str) -> Finding:
        task = self._running.get(name)
        if task is None or task.done():
            task = asyncio.create_task(self._run(self._checks[name]), name=f"ready-{name}")
            self._running[name] = task
        done, _ = await asyncio.wait({task}, timeout=self._seconds)
        problem = task.result() if done else f"no answer within {self._seconds:g} seconds"
        return Finding(problem, degraded=bool(problem) and name in self._tolerated)

    async def _run(self, check: Check) -> str:
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, check)
        except (StoreError, NotReadyError) as problem:
            return str(problem) or type(problem).__name__
        except Exception as problem:  # noqa: BLE001  a probe ends here, and a check that breaks is a no, not a 500
            return f"{type(problem).__name__}: {problem}"
        return ""
