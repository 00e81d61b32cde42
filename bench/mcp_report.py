"""What `otelhouse bench mcp` saw, for programs (JSON) and for people (a table).

In: a fleet and what was seen of each tool, or the JSON of a run before. Out: text. It measures nothing.
"""

import dataclasses
import json
import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench import report
from bench.mcp_benchmark import Timed
from bench.question_benchmark import Fleet

BAR = 0.4
"""Seconds that 95 of 100 calls may take at most, all tools together."""
BAR_LOGS = 10_000_000
"""Log records that the bar is for."""


@dataclass(frozen=True, slots=True)
class Line:
    """One way of calling one tool; all times in seconds."""

    tool: str
    asked: str
    calls: int
    p50: float
    p95: float
    slowest: float
    cpu: float
    """Median, of ClickHouse and of the answering process."""
    tokens: float
    """Median, of the text."""


@dataclass(frozen=True, slots=True)
class Found:
    """A whole run."""

    logs: int
    rows: int
    """Of all tables."""
    days: float
    p50: float
    """Of all calls of all tools, seconds."""
    p95: float
    clickhouse: str
    machine: Mapping[str, str | int]
    load: float
    """Of the machine while it was asked, mean of five minutes."""
    lines: Sequence[Line]

    @property
    def in_bar(self) -> bool:
        """Whether 95 of 100 calls were answered in time."""
        return self.p95 <= BAR


def found(fleet: Fleet, timed: Sequence[Timed], clickhouse: str) -> Found:
    """Put together what was seen, on this machine and just now."""
    logs = fleet.plan.logs
    every = [seconds for one in timed for seconds in one.seconds]
    return Found(
        logs=logs,
        rows=logs + logs // 10 + logs // 1000,
        days=fleet.plan.days,
        p50=statistics.median(every),
        p95=statistics.quantiles(every, n=20, method="inclusive")[-1],
        clickhouse=clickhouse,
        machine=report.machine(),
        load=os.getloadavg()[1],
        lines=[_line(one) for one in timed],
    )


def _line(one: Timed) -> Line:
    return Line(
        one.tool,
        one.asked,
        calls=len(one.seconds),
        p50=statistics.median(one.seconds),
        p95=one.p95,
        slowest=max(one.seconds),
        cpu=statistics.median(one.cpu),
        tokens=statistics.median(one.tokens),
    )


def as_json(seen: Found) -> str:
    """Write it all."""
    return json.dumps(dataclasses.asdict(seen), indent=2) + "\n"


def read(told: Mapping[str, Any]) -> Found:
    """Read back what `as_json` wrote."""
    return Found(**{**told, "lines": [Line(**line) for line in told["lines"]]})


def as_markdown(seen: Found) -> str:
    """Write it for people."""
    missed = "" if seen.in_bar else ", missed"
    calls = max(line.calls for line in seen.lines)
    stored = (
        f"{seen.rows:,} rows stored, made inside ClickHouse {seen.clickhouse}: {seen.logs:,} log records over "
        f"{seen.days:g} days, a tenth as many spans, and Kubernetes events."
    )
    again = (
        f"{seen.machine['cpu']}, {seen.machine['cores']} cores, load of the machine meanwhile {seen.load:.1f}. "
        f"`otelhouse bench mcp --logs {seen.logs} --days {seen.days:g}` measures it again."
    )
    lines = [
        stored,
        f"{calls} calls of each, one after the other, each for something else. Bar: p95 of all calls {_ms(BAR)}.",
        "",
        "| tool | asked for | p95 | median | slowest | CPU, median | tokens of the text, median |",
        "|---|---|---|---|---|---|---|",
        *map(_written, seen.lines),
        f"| all calls | | {_ms(seen.p95)}{missed} | {_ms(seen.p50)} | | | |",
        "",
        again,
    ]
    return "\n".join([*lines, ""])


def _written(line: Line) -> str:
    times = " | ".join(map(_ms, (line.p95, line.p50, line.slowest, line.cpu)))
    return f"| {line.tool} | {line.asked} | {times} | {line.tokens:.0f} |"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
