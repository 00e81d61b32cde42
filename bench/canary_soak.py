"""`otelhouse bench canary-soak`: whether the canary of a house that is busy and well ever gives alarm.

In: minutes, the canary's pace, and records a second. Out: `Soaked`: beats and findings of the canary in that time, what
was sent and asked meanwhile, and what the house took for it. The house is `otelhouse up` on the embedded engine in a
process of its own, the load comes from another. Nothing is broken on purpose, so every alarm is a false one. What the
canary says is looked at every few seconds, as who watches it would; silence shows nowhere afterwards.
"""

import itertools
import json
import os
import re
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from bench import house_process, processes, steady_load
from bench.house_process import RunningHouse
from bench.steady_load import Load, Loaded
from canary.judging import State

LOOK_SECONDS = 5.0
UNDER_WAY = 2
"""Beats that may be missing: the first and the last may lie half outside of the time."""
_SAY_SECONDS = 60.0
_SAMPLE = re.compile(r"^otelhouse_canary_(beats|findings|problems)_total\{(.*)\} (\S+)$", re.MULTILINE)
_SPOOLED = re.compile(r"^otelhouse_ingest_spooled_items_total\{.*\} (\S+)$", re.MULTILINE)
_LABEL = re.compile(r"(outcome|state|what)=\"(\w+)\"")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is tried."""

    minutes: float
    period: float
    """Seconds between two beats."""
    rate: float
    """Records a second."""


@dataclass(frozen=True, slots=True)
class Soaked:
    """What was seen."""

    plan: Plan
    loaded: Loaded
    beats: dict[str, int]
    """By outcome."""
    findings: dict[str, int]
    """By state."""
    problems: dict[str, int]
    """What the canary itself could not do, by what."""
    looks: dict[str, int]
    """How it stood whenever somebody looked, by state."""
    spooled: int
    """Rows that waited in the spool for ClickHouse, of the house itself too."""
    cores: float
    """CPU seconds of the house in a second."""
    peak_bytes: int
    machine_load: tuple[float, float]
    """Of the last minute, on average and at most."""
    machine: dict[str, str | int] = field(default_factory=dict)

    @property
    def done(self) -> int:
        """Beats."""
        return sum(self.beats.values())

    @property
    def expected(self) -> int:
        """Beats that such a time has."""
        return int(self.plan.minutes * 60 / self.plan.period)

    @property
    def alarms(self) -> int:
        """Beats and findings that are broken, looks that found the canary broken or silent, beats that broke off."""
        findings = sum(number for state, number in self.findings.items() if State(state).broken)
        looks = self.looks.get("broken", 0) + self.looks.get("silent", 0)
        return self.beats.get("broken", 0) + findings + looks + self.problems.get("beat", 0)

    @property
    def holds(self) -> bool:
        """Whether there was no alarm, and as many beats as there should be."""
        return not self.alarms and self.done >= max(1, self.expected - UNDER_WAY)


def run(plan: Plan, say: Callable[[str], None]) -> Soaked:
    """Try it; `say` is told how it goes, once a minute."""
    canary = {"OTELHOUSE_CANARY_ENABLED": "true", "OTELHOUSE_CANARY_PERIOD_S": str(plan.period)}
    with (
        tempfile.TemporaryDirectory(prefix="otelhouse-bench-") as folder,
        house_process.running("up", {"OTELHOUSE_STORE_PATH": folder, **canary}) as house,
    ):
        before, cpu, began = _counted(house), processes.cost_of(house.pid).cpu_seconds, time.monotonic()
        load = Load(house.grpc, house.rest, plan.rate, 60 * plan.minutes)
        with steady_load.running(load) as told:
            looks, loads = _watch(house, began + load.seconds, say)
            loaded = told()
        spooled = sum(int(float(number)) for number in _SPOOLED.findall(house.figures()))
        cost, took = processes.cost_of(house.pid), time.monotonic() - began
        beats, findings, problems = (dict(now - was) for now, was in zip(_counted(house), before, strict=True))
    cores, machine_load = (cost.cpu_seconds - cpu) / took, (sum(loads) / len(loads), max(loads))
    return Soaked(plan, loaded, beats, findings, problems, looks, spooled, cores, cost.peak_bytes, machine_load)


def _watch(house: RunningHouse, until: float, say: Callable[[str], None]) -> tuple[dict[str, int], list[float]]:
    """How the canary stood at each look, and the load of the machine."""
    looks: Counter[str] = Counter()
    loads, began = [os.getloadavg()[0]], time.monotonic()
    for minute in itertools.count(1):
        part = min(until, began + minute * _SAY_SECONDS)
        while (left := part - time.monotonic()) > 0:
            time.sleep(min(LOOK_SECONDS, left))  # the house tells nobody; asking is the only way
            looks.update(_standing(house))
            loads.append(os.getloadavg()[0])
        say(f"{(time.monotonic() - began) / 60:.1f} minutes: {dict(looks)}")
        if part >= until:
            return dict(looks), loads
    raise AssertionError("minutes have no end")


def _standing(house: RunningHouse) -> list[str]:
    with urllib.request.urlopen(f"{house.rest}/api/v1/canary", timeout=30) as answer:
        return [str(cluster["state"]) for cluster in json.loads(answer.read())["clusters"]]


def _counted(house: RunningHouse) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """Beats by outcome, findings by state, problems by what, until now."""
    found: dict[str, Counter[str]] = {name: Counter() for name in ("beats", "findings", "problems")}
    for name, labels, value in _SAMPLE.findall(house.figures()):
        word = _LABEL.search(labels)
        if word is not None:
            found[name][word[2]] += int(float(value))
    return found["beats"], found["findings"], found["problems"]
