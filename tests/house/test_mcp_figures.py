"""The figures of agents' tools are those of the benchmark, and the bar is met at ten million log records."""

import json
from pathlib import Path

import pytest

from bench import mcp_benchmark, mcp_report

FIGURES = Path(__file__).parents[2] / "docs" / "figures"


@pytest.fixture(scope="module")
def seen():
    return mcp_report.read(json.loads((FIGURES / "mcp.json").read_text(encoding="utf-8")))


def test_the_page_is_what_the_benchmark_wrote(seen):
    assert (FIGURES / "mcp.md").read_text(encoding="utf-8") == mcp_report.as_markdown(seen)


def test_every_case_of_the_benchmark_was_called_often_enough(seen):
    assert [(line.tool, line.asked) for line in seen.lines] == [(one.tool, one.asked) for one in mcp_benchmark.CASES]
    assert min(line.calls for line in seen.lines) >= 20


def test_95_of_100_calls_are_answered_in_time_over_ten_million_log_records(seen):
    assert seen.logs >= mcp_report.BAR_LOGS
    assert seen.p95 <= 0.4
