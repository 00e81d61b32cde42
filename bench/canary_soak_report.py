"""What `otelhouse bench canary-soak` writes: a page for people, and the same as JSON, which can be read back.

In: a `Soaked`. Out: text. The page is made of the JSON alone, so that a test can tell whether the two belong together.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from bench import report
from bench.canary_soak import Plan, Soaked
from bench.steady_load import Loaded

PACE = 60.0
"""Seconds between two beats, as the canary is set; another pace is told in the command."""
RATE = 2_000.0
"""The same for records a second."""


def of_this_machine(seen: Soaked) -> Soaked:
    """Give what was seen with the machine that it was seen on."""
    return replace(seen, machine=report.machine())


def as_json(seen: Soaked) -> str:
    """Give one object."""
    told = asdict(seen) | {"expected": seen.expected, "alarms": seen.alarms}
    return json.dumps(told, indent=2) + "\n"


def read(told: Mapping[str, Any]) -> Soaked:
    """Read back what `as_json` wrote."""
    kept = {name: told[name] for name in Soaked.__dataclass_fields__}
    average, most = told["machine_load"]
    made = {"plan": Plan(**told["plan"]), "loaded": Loaded(**told["loaded"]), "machine_load": (average, most)}
    return Soaked(**kept | made)


def as_markdown(seen: Soaked) -> str:
    """Write what was seen for people."""
    rows = {**_canary(seen), **_load(seen)}
    machine = seen.machine
    lines = [
        "| what | seen |",
        "|---|---|",
        *(f"| {what} | {value} |" for what, value in rows.items()),
        "",
        f"`{command(seen.plan)}`, {'no false alarm' if seen.holds else 'MISSED'}: nothing was broken on purpose.",
        "The house is `otelhouse up` on the embedded engine; sender and house share the machine.",
        "",
        f"Measured on {machine['cpu']}, {machine['cores']} cores, Python {machine['python']}.",
    ]
    return "\n".join(lines) + "\n"


def command(plan: Plan) -> str:
    """What was run."""
    words = ["otelhouse bench canary-soak", f"--minutes {plan.minutes:g}"]
    words += [f"--period {plan.period:g}"] if plan.period != PACE else []
    words += [f"--rate {plan.rate:g}"] if plan.rate != RATE else []
    return " ".join(words)


def _canary(seen: Soaked) -> dict[str, str]:
    return {
        "minutes under load": f"{seen.plan.minutes:g}",
        "beats of the canary": f"{seen.done}, a beat every {seen.plan.period:g} s makes {seen.expected}",
        "beats by outcome": _told(seen.beats),
        "findings by state": _told(seen.findings),
        f"how it stood at {sum(seen.looks.values())} looks": _told(seen.looks),
        "what the canary could not do": _told(seen.problems) or "nothing",
        "false alarms": str(seen.alarms),
    }


def _load(seen: Soaked) -> dict[str, str]:
    loaded = seen.loaded
    records = sum(loaded.acknowledged.values())
    of_each = {signal: f"{number / loaded.seconds:,.0f}" for signal, number in loaded.acknowledged.items()}
    average, most = seen.machine_load
    return {
        "records acknowledged": f"{records:,}, {records / loaded.seconds:,.0f} a second ({_told(of_each)})",
        "Export requests": f"{loaded.requests:,}, refused {loaded.refused}",
        "questions asked over REST": f"{loaded.questions:,}, failed {loaded.failed_questions}, "
        f"the slowest {loaded.slowest_question:.1f} s",
        "first thing that went wrong with them": loaded.first_problem.replace("|", "/") or "nothing",
        "rows that went by the spool": f"{seen.spooled:,}",
        "CPU of the house": f"{seen.cores:.2f} of a core, on average",
        "its peak memory": f"{seen.peak_bytes / 2**20:,.0f} MiB",
        "load of the machine (one minute)": f"{average:.1f} on average, {most:.1f} at most",
    }


def _told(numbers: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(numbers.items()))
