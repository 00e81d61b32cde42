"""The figures of questions over many logs are those of the benchmark, and every bar is met.

The bars are for a hundred million logs; a smaller run is told as what it is.
"""

import json
from pathlib import Path

import pytest

from bench import question_cases, question_report

FIGURES = Path(__file__).parents[2] / "docs" / "figures"
SEEN = question_report.read(json.loads((FIGURES / "questions.json").read_text(encoding="utf-8")))
BARRED = [line for line in SEEN.lines if line.bar is not None and SEEN.logs >= 100_000_000]


def test_the_page_is_what_the_benchmark_wrote():
    assert (FIGURES / "questions.md").read_text(encoding="utf-8") == question_report.as_markdown(SEEN)


def test_every_case_of_the_benchmark_was_asked():
    assert [(line.name, line.question) for line in SEEN.lines] == [
        (case.name, case.question) for case in question_cases.CASES
    ]


@pytest.mark.parametrize("line", BARRED, ids=lambda line: line.name)
def test_a_question_meets_its_bar(line):
    assert line.in_bar, f"{line.p95:.3f} s, {line.refused}"
    assert line.askings >= 20
