"""The scores of a run as a page and as JSON.

In: scores. Out: Markdown for people, JSON for programs, and scores again of that JSON. Nothing is measured here.
"""

import dataclasses
import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench import report
from bench.agents import scoring
from bench.agents.scoring import Cost, Score

_HEAD = (
    "| incident | answer | right | calls | tokens | SQL: calls | tokens | cause among what was read | times fewer |\n"
    "|---|---|---|---|---|---|---|---|---|\n"
)


def as_json(scores: Sequence[Score], seed: int) -> str:
    """One object: the machine, the seed, a line for each incident, and the figures that bars are set for."""
    told = {
        "machine": report.machine(),
        "seed": seed,
        "scores": [dataclasses.asdict(one) for one in scores],
        "total": dataclasses.asdict(scoring.total(scores)),
    }
    return json.dumps(told, indent=2) + "\n"


def read(told: Mapping[str, Any]) -> list[Score]:
    """Read back what `as_json` wrote."""
    return [
        Score(**{**one, "tools": Cost(**one["tools"]), "raw": Cost(**one["raw"])}) for one in told["scores"]
    ]  # fmt: skip


_NOTE = """\
Tokens: of the calls and of the texts of their answers, as `mcp_server.tokens` estimates them. The second table adds
what comes beside: the structured content, for clients that hand a model both; and the instructions and the list of
tools, which a client learns once (of SQL the four tools alone).
"""

_Count = Callable[[Cost], int]

_WAYS: tuple[tuple[str, _Count], ...] = (
    ("texts alone", lambda one: one.tokens),
    ("texts and structured content", lambda one: one.tokens + one.structured_tokens),
    ("texts, instructions and list of tools", lambda one: one.with_offer),
)


def as_markdown(scores: Sequence[Score], seed: int) -> str:
    """The page."""
    begin = f"A scripted agent over {len(scores)} clusters in one house on the embedded engine; seed {seed}.\n\n"
    lines = "".join(map(_line, scores))
    return f"{begin}{_HEAD}{lines}\n{_totals(scores)}\n{_ways(scores)}\n{_NOTE}"


def _line(one: Score) -> str:
    return (
        f"| {one.title} | {one.diagnosis} | {'yes' if one.right else 'NO'} | {one.tools.calls} | {one.tools.tokens:,} "
        f"| {one.raw.calls} | {one.raw.tokens:,} | {'yes' if one.raw_read else 'no'} "
        f"| {one.raw.tokens / one.tools.tokens:.1f} |\n"
    )


def _totals(scores: Sequence[Score]) -> str:
    found = scoring.total(scores)
    return (
        f"Right: {found.right} of {found.incidents}, control: {_control(scores)}. "
        f"Median calls: {found.calls:g} (bar {scoring.CALLS}). "
        f"Median tokens: {found.tokens:,.0f} (bar {scoring.TOKENS:,}). "
        f"Times fewer than SQL: {found.times_fewer:.1f} (bar {scoring.TIMES_FEWER:g}).\n"
    )


def _ways(scores: Sequence[Score]) -> str:
    """The medians, counted in three ways, of all but the control."""
    counted = [one for one in scores if not one.is_control]
    head = (
        "| tokens, median of the incidents | by the tools | by SQL | times fewer, all together |\n|---|---|---|---|\n"
    )
    return head + "".join(_way(name, counted, of) for name, of in _WAYS)


def _way(name: str, scores: Sequence[Score], of: _Count) -> str:
    tools, raw = [of(one.tools) for one in scores], [of(one.raw) for one in scores]
    fewer = sum(raw) / sum(tools)
    return f"| {name} | {statistics.median(tools):,.0f} | {statistics.median(raw):,.0f} | {fewer:.1f} |\n"


def _control(scores: Sequence[Score]) -> str:
    controls = [one for one in scores if one.is_control]
    if not controls:
        return "not run"
    return "right" if all(one.right for one in controls) else "WRONG"
