"""The outcome of chaos runs for machines (JSON) and for people (the README's reliability table).

In: by the fault's name its verdict, and which run it is from; runs are written over one another, fault by fault, so the
lines of one table may be from several. Out: text. It measures nothing.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from bench import report
from bench.chaos.catalogue import FAULTS
from bench.chaos.fault import Verdict
from otelhouse import __version__

_HEAD = "| fault | rounds | must hold | seen | held |\n|---|---|---|---|---|\n"


@dataclass(frozen=True, slots=True)
class Run:
    """What a fault was tried with."""

    seed: int | None
    """Repeats the run's random choices; None where it was not kept."""
    day: str
    """When, as ``YYYY-MM-DD`` in UTC."""
    otelhouse: str
    clickhouse: str
    """Their versions."""
    machine: Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Line:
    """What came of one fault."""

    verdict: Verdict
    run: Run


def run_of_today(seed: int, clickhouse: str) -> Run:
    """Say what is being tried, here and now."""
    return Run(seed, f"{datetime.now(UTC):%Y-%m-%d}", __version__, clickhouse, report.machine())


def as_markdown(verdicts: Mapping[str, Verdict]) -> str:
    """One line a fault, in the order of the catalogue."""
    lines = []
    for name, fault in FAULTS.items():
        if (verdict := verdicts.get(name)) is not None:
            held = "yes" if verdict.held else "**no**"
            lines.append(f"| {fault.title} | {verdict.rounds:,} | {fault.promise} | {verdict.seen} | {held} |\n")
    return _HEAD + "".join(lines)


def as_json(lines: Mapping[str, Line]) -> str:
    """Everything, in the order of the catalogue, each line with the run that it is from."""
    rows = {name: _row(lines[name]) for name in FAULTS if name in lines}
    return json.dumps({"faults": rows}, indent=2) + "\n"


def read(text: str) -> dict[str, Line]:
    """Read back what `as_json` wrote, by the fault's name."""
    told: dict[str, Any] = json.loads(text)
    return {
        name: Line(Verdict(row["rounds"], row["seen"], tuple(row["broken"]), row["figures"]), Run(**row["run"]))
        for name, row in told["faults"].items()
    }


def _row(line: Line) -> dict[str, Any]:
    verdict = line.verdict
    return {
        "rounds": verdict.rounds,
        "held": verdict.held,
        "seen": verdict.seen,
        "broken": list(verdict.broken),
        "figures": dict(verdict.figures),
        "run": asdict(line.run),
    }
