"""`otelhouse bench questions`: how long questions take over many stored logs.

In: a store, and a `Plan`. Out: a `Fleet` that was made inside ClickHouse (`bench/question_data/`; nothing is sent, so
that a hundred million records take minutes and not hours) or that stands there from a run before, and by question the
seconds of each asking, as the desk answers them with REST's limits, one after the other. An answer is sent when it is
whole, so the time to its first rows is that of the answer. It refuses a database that holds other logs, or a fleet of
another size.
"""

import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources

from bench.question_cases import Case, Extent, window
from query.desk import Desk
from query.errors import QuestionError
from query.settings import QuerySettings
from sql.catalogue import load_catalogue
from sql.migrate import migrate
from sql.settings import RetentionSettings, SchemaSettings
from store.port import Limits, Select, Store

DAY = 86_400 * 10**9
MERGE_SECONDS = 3600.0
_CHUNK = 1_000_000
_LONG = Limits(seconds=3600)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is made, and how often each question is asked."""

    logs: int = 100_000_000
    days: float = 5
    askings: int = 20
    seed: int = 4711


@dataclass(frozen=True, slots=True)
class Fleet:
    """What stands in the tables."""

    plan: Plan
    start: int
    """Of the first record, nanoseconds since 1970."""
    step: int
    """Nanoseconds from one record to the next."""
    seconds: float = 0.0
    """That it took to make."""

    @property
    def end(self) -> int:
        """Just after the last record."""
        return self.start + self.plan.logs * self.step


@dataclass(slots=True)
class Timed:
    """What was seen of one case."""

    case: Case
    window: str = ""
    """How far back it looked."""
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    """Seconds of all cores, of ClickHouse and of this process together: what load beside does not change."""
    rows: list[int] = field(default_factory=list)
    rows_read: list[int] = field(default_factory=list)
    refused: str = ""

    @property
    def p95(self) -> float:
        """Seconds that 95 of 100 askings stay within; the slowest where there are few."""
        return statistics.quantiles(self.seconds, n=20, method="inclusive")[-1] if len(self.seconds) > 1 else 0.0


@dataclass(frozen=True, slots=True)
class Asking:
    """How a run goes about it."""

    cpu_seconds: Callable[[], float] = lambda: 0.0
    """Of ClickHouse, since its start."""
    say: Callable[[str], object] = lambda _: None


def prepare(store: Store, plan: Plan, say: Callable[[str], object] = lambda _: None) -> Fleet:
    """Give the fleet that stands there from a run before, or make one.

    Raises `ValueError` if it is of another size, or if there are other logs.
    """
    store.select(Select(_text("fleet")))
    rows = store.select(Select(_text("fleet_there"))).rows
    if not rows:
        return fill(store, plan, say)
    logs, start, step, days, seconds = (str(cell) for cell in rows[0])
    if (int(logs), float(days)) != (plan.logs, plan.days):
        raise ValueError(f"a fleet of {logs} logs over {days} days stands there: ask for that, or elsewhere")
    say(f"{logs} logs over {days} days stand there already")
    return Fleet(plan, int(start), int(step), float(seconds))


def fill(store: Store, plan: Plan, say: Callable[[str], object] = lambda _: None) -> Fleet:
    """Make the tables and what stands in them, which ends now. Raises `ValueError` if there are logs already."""
    migrate(store, SchemaSettings(retention=RetentionSettings(logs_days=0, traces_days=0, events_days=0)))
    if store.select(Select("SELECT 1 FROM otel_logs LIMIT 1")).rows:
        raise ValueError("the database holds logs already, or what is left of a run that was cut: give an empty one")
    step = int(plan.days * DAY) // plan.logs
    fleet = Fleet(plan, time.time_ns() - plan.logs * step, step)
    began = time.monotonic()
    _make(store, "logs", plan.logs, fleet, say)
    # One event for a thousand records; and of every second trace, which has 25 records, five spans.
    _make(store, "events", plan.logs // 1000, replace(fleet, step=1000 * step), say)
    _make(store, "spans", plan.logs // 10, fleet, say)
    fleet = replace(fleet, seconds=time.monotonic() - began)
    store.select(Select(_text("fleet")))
    noted = {"logs": plan.logs, "days": plan.days, "start": fleet.start, "step": step, "seconds": fleet.seconds}
    store.select(Select(_text("fleet_made"), noted))
    return fleet


def _make(store: Store, what: str, rows: int, fleet: Fleet, say: Callable[[str], object]) -> None:
    for first in range(0, rows, _CHUNK):
        chunk = min(_CHUNK, rows - first)
        values = {"first": first, "rows": chunk, "start": fleet.start, "step": fleet.step}
        store.select(Select(_text(what), values, _LONG))
        say(f"{what}: {first + chunk:,} of {rows:,}")


def _wait_for_merges(store: Store, say: Callable[[str], object]) -> None:
    """Let ClickHouse come to rest, as it is where telemetry comes in slowly; what is not done in an hour goes on."""
    deadline = time.monotonic() + MERGE_SECONDS
    while (running := store.select(Select(_text("merges"))).rows[0][0]) and time.monotonic() < deadline:
        say(f"merges that are running: {running}")
        time.sleep(1)  # ClickHouse tells nobody when a merge ends


def measure(store: Store, fleet: Fleet, cases: Sequence[Case], how: Asking | None = None) -> list[Timed]:
    """Ask every case as often as planned, in turns, and once before that counts for nothing."""
    how = how or Asking()
    _wait_for_merges(store, how.say)
    desk = Desk(store, load_catalogue(), QuerySettings(), now=lambda: fleet.end)
    dice = random.Random(fleet.plan.seed)
    extent = Extent(fleet.plan.logs, fleet.plan.days)
    timed = [
        Timed(case, window(desk.question(case.question), case.written(extent, random.Random(fleet.plan.seed))))
        for case in cases
    ]
    try:
        for turn in range(fleet.plan.askings + 1):
            for one in timed:
                _ask(desk, one, one.case.written(extent, dice), how, counts=turn > 0)
            how.say(f"asked {turn} of {fleet.plan.askings} times")
    finally:
        desk.close()
    return timed


def _ask(desk: Desk, one: Timed, written: Mapping[str, str], how: Asking, *, counts: bool) -> None:
    if one.refused:
        return
    cpu = how.cpu_seconds() + time.process_time()
    began = time.monotonic()
    try:
        reply = desk.ask(one.case.question, written)
    except QuestionError as problem:
        one.refused = f"{problem.code} after {time.monotonic() - began:.1f} s"
        return
    if counts:
        one.seconds.append(time.monotonic() - began)
        one.cpu.append(how.cpu_seconds() + time.process_time() - cpu)
        one.rows.append(len(reply.rows))
        one.rows_read.append(reply.rows_read or 0)


def stored(store: Store) -> Sequence[Sequence[object]]:
    """Tables that hold anything: name, rows, bytes on disk, parts."""
    return store.select(Select(_text("stored"))).rows


@cache
def _text(name: str) -> str:
    return (resources.files("bench") / "question_data" / f"{name}.sql").read_text(encoding="utf-8")
