"""What `otelhouse bench canary` writes of a cluster's canary: a table for people, and the same as JSON.

In: a `JobOutcome`, and the machine that it was seen on. Out: text; JSON can be read back, and the table is made of it
alone, so that a test can tell whether the two belong together.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from bench.canary_benchmark import BAR
from bench.canary_job import JobOutcome, Taken

Machine = Mapping[str, str | int]


def as_json(seen: JobOutcome, machine: Machine) -> str:
    """Give one object."""
    return json.dumps({"machine": dict(machine), "core": seen.core, **asdict(seen)}, indent=2) + "\n"


def read(told: Mapping[str, Any]) -> tuple[JobOutcome, Machine]:
    """Read back what `as_json` wrote."""
    kept = {name: told[name] for name in JobOutcome.__dataclass_fields__}
    kept |= {name: Taken(**told[name]) for name in ("single", "whole")}
    return JobOutcome(**kept), told["machine"]


def as_markdown(seen: JobOutcome, machine: Machine) -> str:
    """Write it for people."""
    beat, cores = seen.beat, seen.cores
    whole = beat.process + beat.house + beat.server
    verdict = "" if seen.core < BAR else ", missed"
    lines = [
        "| who | to start a job | for a beat | with a beat a minute |",
        "|---|---|---|---|",
        f"| process of the job | {seen.start:.2f} s | {beat.process:.2f} s | {_part(cores.process)} |",
        f"| house, for its doors and windows | none | {beat.house:.2f} s | {_part(cores.house)} |",
        f"| ClickHouse | none | {beat.server:.2f} s | {_part(cores.server)} |",
        f"| all of it | {seen.start:.2f} s | {whole:.2f} s | {_part(seen.core)}{verdict} |",
        "",
        f"CPU of a job, `otelhouse canary --beats {seen.beats}`, beside a house on a ClickHouse server.",
        f"Bar: {_part(BAR)} for all of it. Peak memory of the job's process: {seen.peak_bytes / 2**20:.0f} MiB.",
        "",
        f"Measured on {machine['cpu']}, {machine['cores']} cores, Python {machine['python']}.",
        f"Load of the machine meanwhile: {seen.load:.1f} (one minute).",
    ]
    return "\n".join(lines) + "\n"


def _part(core: float) -> str:
    return f"{100 * core:.2f} % of a core"
