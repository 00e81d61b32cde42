"""The outcome of a chaos run for machines (JSON) and for people (the README's reliability table).

In: verdicts by the fault's name. Out: text. It measures nothing.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench import report
from bench.chaos.catalogue import FAULTS
from bench.chaos.fault import Verdict

_HEAD = "| fault | rounds | must hold | seen | held |\n|---|---|---|---|---|\n"


@dataclass(frozen=True, slots=True)
class Told:
    """A run that was written down."""

    verdicts: Mapping[str, Verdict]
    machine: Mapping[str, str | int]
    clickhouse: str
    seed: int


def as_markdown(verdicts: Mapping[str, Verdict]) -> str:
    """One line a fault, in the order of the catalogue."""
    lines = []
    for name, fault in FAULTS.items():
        if (verdict := verdicts.get(name)) is not None:
            held = "yes" if verdict.held else "**no**"
            lines.append(f"| {fault.title} | {verdict.rounds:,} | {fault.promise} | {verdict.seen} | {held} |\n")
    return _HEAD + "".join(lines)


def as_json(verdicts: Mapping[str, Verdict], clickhouse: str, seed: int) -> str:
    """Everything, with the machine that it was seen on."""
    rows = {
        name: {
            "rounds": verdict.rounds,
            "held": verdict.held,
            "seen": verdict.seen,
            "broken": list(verdict.broken),
            "figures": dict(verdict.figures),
        }
        for name, verdict in verdicts.items()
    }
    return (
        json.dumps({"machine": report.machine(), "clickhouse": clickhouse, "seed": seed, "faults": rows}, indent=2)
        + "\n"
    )


def read(text: str) -> Told:
    """Read back what `as_json` wrote."""
    told: dict[str, Any] = json.loads(text)
    verdicts = {
        name: Verdict(row["rounds"], row["seen"], tuple(row["broken"]), row["figures"])
        for name, row in told["faults"].items()
    }
    return Told(verdicts, told["machine"], told["clickhouse"], told["seed"])
