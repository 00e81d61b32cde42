"""What is told of agents' tools says whether its bar was missed, and can be read back."""

import json

import pytest

from bench import mcp_report
from bench.mcp_benchmark import Timed
from bench.question_benchmark import Fleet, Plan

FLEET = Fleet(Plan(logs=10_000_000, days=5), start=0, step=1)


def found(slow):
    quick = Timed("freshness", "everything", [0.1] * 90, [0.05] * 90, [100] * 90)
    late = Timed("find_problems", "an hour", [slow] * 10, [0.3] * 10, [1700] * 10)
    return mcp_report.found(FLEET, [quick, late], "26.7")


@pytest.mark.parametrize(("slow", "in_bar"), [(0.39, True), (0.41, False)])
def test_the_bar_is_for_95_of_100_calls_of_all_tools(slow, in_bar):
    seen = found(slow)

    assert (seen.p50, seen.p95) == (pytest.approx(0.1), pytest.approx(slow))
    assert seen.in_bar is in_bar
    assert (", missed |" in mcp_report.as_markdown(seen)) is not in_bar


def test_what_is_read_back_is_what_was_written():
    seen = found(0.2)

    assert mcp_report.read(json.loads(mcp_report.as_json(seen))) == seen
    assert seen.rows == 11_010_000
