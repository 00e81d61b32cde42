"""What `otelhouse bench questions` saw, for programs (JSON) and for people (a table).

In: a fleet and what was seen of each case, or the JSON of a run before. Out: text. It measures nothing.
"""

import dataclasses
import json
import os
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench import report
from bench.question_benchmark import Fleet, Timed
from bench.question_cases import BARS

_HEAD = (
    "| question | by | window | p95 | median | slowest | bar | CPU, median | rows | rows read, mean | most |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|\n"
)


@dataclass(frozen=True, slots=True)
class Line:
    """One case; all times in seconds."""

    name: str
    question: str
    by: str
    askings: int
    p50: float
    p95: float
    slowest: float
    cpu: float
    """Median, of ClickHouse and of the asking process."""
    rows: float
    """Mean, of the answer."""
    rows_read: float
    most_rows_read: int
    refused: str = ""
    window: str = ""
    """How far back it looked."""

    @property
    def bar(self) -> float | None:
        """Seconds that its p95 may be at most; None where there is none."""
        return BARS.get(self.by)

    @property
    def in_bar(self) -> bool:
        """Whether it was answered, and in time."""
        return not self.refused and (self.bar is None or self.p95 <= self.bar)


@dataclass(frozen=True, slots=True)
class Found:
    """A whole run."""

    logs: int
    days: float
    seconds: float
    """That the fleet took to make."""
    tables: Sequence[tuple[str, int, int, int]]
    """Name, rows, bytes on disk, parts."""
    clickhouse: str
    machine: Mapping[str, str | int]
    load: float
    """Of the machine while it was asked, mean of five minutes."""
    lines: Sequence[Line]
    end: int = 0
    """Of every window, nanoseconds since 1970."""


def found(fleet: Fleet, timed: Sequence[Timed], stored: Sequence[Sequence[object]], clickhouse: str) -> Found:
    """Put together what was seen, on this machine and just now."""
    return Found(
        logs=fleet.plan.logs,
        days=fleet.plan.days,
        seconds=fleet.seconds,
        tables=[(str(name), int(str(rows)), int(str(size)), int(str(parts))) for name, rows, size, parts in stored],
        clickhouse=clickhouse,
        machine=report.machine(),
        load=os.getloadavg()[1],
        lines=[_line(one) for one in timed],
        end=fleet.end,
    )


def _line(one: Timed) -> Line:
    if one.refused or not one.seconds:
        none = (0, 0, 0, 0, 0, 0, 0, 0, one.refused or "never asked")
        return Line(one.case.name, one.case.question, one.case.by, *none, one.window)
    return Line(
        one.case.name,
        one.case.question,
        one.case.by,
        askings=len(one.seconds),
        p50=statistics.median(one.seconds),
        p95=one.p95,
        slowest=max(one.seconds),
        cpu=statistics.median(one.cpu),
        rows=statistics.mean(one.rows),
        rows_read=statistics.mean(one.rows_read),
        most_rows_read=max(one.rows_read),
        window=one.window,
    )


def as_json(seen: Found) -> str:
    """Write it all."""
    return json.dumps(dataclasses.asdict(seen), indent=2) + "\n"


def read(told: Mapping[str, Any]) -> Found:
    """Read back what `as_json` wrote."""
    lines = [Line(**line) for line in told["lines"]]
    tables = [(name, rows, size, parts) for name, rows, size, parts in told["tables"]]
    return Found(**{**told, "lines": lines, "tables": tables})


def as_markdown(seen: Found) -> str:
    """Write it for people."""
    tables = "; ".join(
        f"`{table}` {rows:,} rows, {size / 2**30:.1f} GiB in {parts} parts" for table, rows, size, parts in seen.tables
    )
    ends = time.gmtime(seen.end // 10**9)
    askings = max((line.askings for line in seen.lines), default=0)
    return (
        f"{seen.logs:,} log records over {seen.days:g} days, made inside ClickHouse {seen.clickhouse} in "
        f"{seen.seconds / 60:.0f} minutes: {tables}.\n"
        f"{askings} askings of each, one after the other, each for something else, as the desk answers them: the first "
        f"rows come with the last. Windows end with the last record, at {time.strftime('%H:%M', ends)} UTC.\n\n"
        f"{_HEAD}{''.join(map(_written, seen.lines))}\n"
        f"{seen.machine['cpu']}, {seen.machine['cores']} cores, load of the machine meanwhile {seen.load:.1f}. "
        f"`otelhouse bench questions --logs {seen.logs} --days {seen.days:g} --askings {askings}` "
        "measures it again.\n"
    )


def _written(line: Line) -> str:
    bar = "" if line.bar is None else f"{_ms(line.bar)}{'' if line.in_bar else ', missed'}"
    head = f"| {line.name} (`{line.question}`) | {line.by} | {line.window} |"
    if line.refused:
        return f"{head} {line.refused} | | | {bar} | | | | |\n"
    times = " | ".join(map(_ms, (line.p95, line.p50, line.slowest)))
    read = f"{line.rows:,.0f} | {line.rows_read:,.0f} | {line.most_rows_read:,}"
    return f"{head} {times} | {bar} | {_ms(line.cpu)} | {read} |\n"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
