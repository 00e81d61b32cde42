"""`otelhouse bench canary`: what a beat of the canary costs the house, in CPU seconds of its process.

In: how many beats, and which engine. Out: for each beat its CPU, less what a house without a canary takes in the same
time; and of those the median, the best and the worst, with the part of a core that they are once a minute. Two houses
run one after the other on the same engine, each in a process of its own, and nothing else is asked of them. Where a
server keeps the tables, its CPU is not in the figure: it is told beside it.

The pace is `PERIOD` seconds, not a minute, so that it ends soon. That is longer than streams look back for the canary,
so a beat finds nothing of the one before that it would not find after a minute.
"""

import os
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from bench import house_process, processes
from bench.house_process import RunningHouse

PERIOD = 15.0
"""Seconds between two beats."""
MINUTE = 60.0
BAR = 0.01
"""Of a core, with a beat a minute."""
SETTLE = 6
"""Beats before the first that counts: the engine warms up for a while."""
IDLE_SECONDS = 120.0
"""Without a canary. Some of what a house does comes twice a minute: 30 s of it were 0.013 to 0.021 of a core."""
_PAUSE = 0.5
_PATIENCE = 120.0
_BEATS = re.compile(r"^otelhouse_canary_beats_total\{outcome=\"(\w+)\"\} (\S+)$", re.MULTILINE)

ServerCpu = Callable[[], float]
"""CPU seconds of a ClickHouse server until now."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was seen on one engine."""

    engine: str
    seconds: tuple[float, ...]
    """CPU of the house for each beat, without what it takes anyway."""
    idle: float
    """CPU seconds in a second, of a house without a canary."""
    load: float
    """Of the machine, in the last minute."""
    server_seconds: float | None = None
    """CPU of the ClickHouse server for a beat, on average; None where there is none."""

    @property
    def median(self) -> float:
        """The middle beat."""
        return statistics.median(self.seconds)

    @property
    def core(self) -> float:
        """The part of a core that the middle beat is, once a minute."""
        return self.median / MINUTE


def run(engine: str, settings: Mapping[str, str], beats: int, server_cpu: ServerCpu | None = None) -> Outcome:
    """Measure on one engine; `settings` say where the store is, nothing for the embedded engine."""
    idle, server_idle = _idle(settings, server_cpu)
    canary = {"OTELHOUSE_CANARY_ENABLED": "true", "OTELHOUSE_CANARY_PERIOD_S": str(PERIOD)}
    with (
        tempfile.TemporaryDirectory(prefix="otelhouse-bench-") as folder,
        _house(folder, {**settings, **canary}) as house,
    ):
        _settle(house)
        server, began = _of(server_cpu), time.monotonic()
        seconds = _each_beat(house, beats, idle)
        server_took = _of(server_cpu) - server - server_idle * (time.monotonic() - began)
    asked = server_took / beats if server_cpu is not None else None
    return Outcome(engine, seconds, idle, os.getloadavg()[0], asked)


def as_markdown(one: Outcome, machine: Mapping[str, str | int]) -> str:
    """Write an outcome for people."""
    lines = [
        "| engine | beats | CPU of the house for a beat | best | worst | once a minute | ClickHouse beside it |",
        "|---|---|---|---|---|---|---|",
        _line(one),
        "",
        f"Medians. Bar: {100 * BAR:.0f} % of a core. Beats {PERIOD:.0f} s apart; what is taken anyway is off.",
        "",
        f"Measured on {machine['cpu']}, {machine['cores']} cores, Python {machine['python']}.",
        f"Load of the machine meanwhile: {one.load:.1f} (one minute).",
        f"`otelhouse bench canary --engine {one.engine} --beats {len(one.seconds)}` measures it again.",
    ]
    return "\n".join(lines) + "\n"


def _line(one: Outcome) -> str:
    server = "none" if one.server_seconds is None else f"{one.server_seconds:.2f} s"
    verdict = "" if one.core < BAR else ", missed"
    return (
        f"| {one.engine} | {len(one.seconds)} | {one.median:.2f} s "
        f"| {min(one.seconds):.2f} s | {max(one.seconds):.2f} s "
        f"| {100 * one.core:.2f} % of a core{verdict} | {server} |"
    )


def _house(folder: str, settings: Mapping[str, str]) -> AbstractContextManager[RunningHouse]:
    return house_process.running("up", {"OTELHOUSE_STORE_PATH": folder, **settings})


def _idle(settings: Mapping[str, str], server_cpu: ServerCpu | None) -> tuple[float, float]:
    """CPU seconds in a second, of a house that nobody asks anything, and of its server."""
    with tempfile.TemporaryDirectory(prefix="otelhouse-bench-") as folder, _house(folder, settings) as house:
        time.sleep(IDLE_SECONDS / 4)  # its start is over
        cpu, server, began = _cpu(house), _of(server_cpu), time.monotonic()
        time.sleep(IDLE_SECONDS)
        took = time.monotonic() - began
        return (_cpu(house) - cpu) / took, (_of(server_cpu) - server) / took


def _each_beat(house: RunningHouse, beats: int, idle: float) -> tuple[float, ...]:
    """CPU from one moment between two beats to the next such moment, less what goes anyway.

    Nothing is asked of the house meanwhile: a look at its figures costs as much as some of the canary's questions.
    """
    found: list[float] = []
    at, before = time.monotonic(), _cpu(house)
    for _ in range(beats):
        time.sleep(max(0.0, at + PERIOD - time.monotonic()))  # the pace of the canary
        now, cpu = time.monotonic(), _cpu(house)
        found.append(max(0.0, cpu - before - idle * (now - at)))
        at, before = now, cpu
    done, broken = _beats(house)
    if broken or done < SETTLE + beats:
        raise RuntimeError(f"of {SETTLE + beats} beats of the canary {done:.0f} went well and {broken:.0f} did not")
    return tuple(found)


def _settle(house: RunningHouse) -> None:
    """Wait for the first beats, and then until it is quiet."""
    deadline = time.monotonic() + SETTLE * PERIOD + _PATIENCE
    while _beats(house)[0] < SETTLE:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{SETTLE} beats of the canary were not done within {SETTLE * PERIOD + _PATIENCE:.0f} s")
        time.sleep(_PAUSE)  # the house tells nobody; asking is the only way
    time.sleep(PERIOD / 3)


def _beats(house: RunningHouse) -> tuple[float, float]:
    """Beats that found all well, and others."""
    told = {outcome: float(count) for outcome, count in _BEATS.findall(house.figures())}
    return told.get("ok", 0.0), told.get("broken", 0.0)


def _cpu(house: RunningHouse) -> float:
    return processes.cost_of(house.pid).cpu_seconds


def _of(server_cpu: ServerCpu | None) -> float:
    return server_cpu() if server_cpu is not None else 0.0
