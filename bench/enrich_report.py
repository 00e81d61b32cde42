"""What `otelhouse bench enrich` saw, for programs (JSON) and for people (a table), and whether the bars hold.

In: figures by shape, or the JSON of a run before. Out: text. It measures nothing.
"""

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench import enrich_benchmark, report
from bench.enrich_benchmark import EVENT_SHAPE, SMALL_SHAPE, Figure

BAR_RECORD = 0.3
"""Microseconds that a flat record may cost more, in requests of the usual sizes."""
BAR_SMALL = 4.0
"""The same in requests of ten records, where what is done once a resource weighs most."""
BAR_EVENTS = 100_000
"""Events of three clusters that one core has to read and enrich in a minute."""


@dataclass(frozen=True, slots=True)
class Line:
    """CPU microseconds a record, in requests of one shape."""

    request: str
    without: float
    with_: float
    added: float
    """The middle of the differences of the rounds."""

    @property
    def bar(self) -> float | None:
        """What may be added at most; None for events, whose bar is a rate."""
        return {EVENT_SHAPE: None, SMALL_SHAPE: BAR_SMALL}.get(self.request, BAR_RECORD)

    @property
    def in_bar(self) -> bool:
        """Whether no more was added."""
        return self.bar is None or self.added <= self.bar


@dataclass(frozen=True, slots=True)
class Found:
    """A whole run."""

    rounds: int
    pods: int
    """In the directory, of all clusters."""
    machine: Mapping[str, str | int]
    load: float
    """Of the machine meanwhile, mean of five minutes."""
    lines: Sequence[Line]

    @property
    def events_a_minute(self) -> float:
        """That one core reads and enriches."""
        return 60e6 / next(line.with_ for line in self.lines if line.request == EVENT_SHAPE)

    @property
    def missed(self) -> list[str]:
        """What did not reach its bar."""
        names = [line.request for line in self.lines if not line.in_bar]
        return names if self.events_a_minute >= BAR_EVENTS else [*names, "events a minute"]


def found(figures: Mapping[str, Figure], rounds: int) -> Found:
    """Put together what was seen, on this machine and just now."""
    pods = len(enrich_benchmark.CLUSTERS) * enrich_benchmark.WORKLOADS * enrich_benchmark.PODS
    lines = [Line(name, one.without, one.with_, one.added) for name, one in figures.items()]
    return Found(rounds, pods, report.machine(), os.getloadavg()[1], lines)


def as_json(seen: Found) -> str:
    """Write it all."""
    return json.dumps(dataclasses.asdict(seen), indent=2) + "\n"


def read(told: Mapping[str, Any]) -> Found:
    """Read back what `as_json` wrote."""
    return Found(**{**told, "lines": [Line(**line) for line in told["lines"]]})


def as_markdown(seen: Found) -> str:
    """Write it for people."""
    missed = "" if "events a minute" not in seen.missed else ", missed"
    return (
        f"CPU microseconds a log record, from the request's bytes to what is inserted, in {seen.rounds} rounds\n"
        f"without and with enrichment in turns. The directory holds {seen.pods:,} pods of 3 clusters; everything\n"
        "that can be written is written.\n\n"
        "| request | without | with | added, middle of the rounds | bar |\n"
        "|---|---|---|---|---|\n"
        f"{''.join(map(_written, seen.lines))}\n"
        f"Events a minute on one core, read and enriched: {seen.events_a_minute:,.0f}; bar {BAR_EVENTS:,}{missed}.\n\n"
        f"{seen.machine['cpu']}, {seen.machine['cores']} cores, load of the machine meanwhile {seen.load:.1f}.\n"
    )


def _written(line: Line) -> str:
    bar = "" if line.bar is None else f"{line.bar:g}{'' if line.in_bar else ', missed'}"
    return f"| {line.request} | {line.without:.3f} | {line.with_:.3f} | {line.added:+.3f} | {bar} |\n"
