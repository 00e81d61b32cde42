"""What is told of questions says over which window each was asked, and when that ended."""

import random

import pytest

from bench import question_report
from bench.question_benchmark import Fleet, Plan, Timed
from bench.question_cases import CASES, COMPOSITION, Case, Extent, window
from sql.catalogue import load_catalogue

EVENING = 1_795_370_400 * 10**9
FLEET = Fleet(Plan(logs=100_000_000, days=5), start=EVENING - 100_000_000, step=1)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("events of a pod, all days", "5d"),
        ("errors of a composition, a day", "1d"),
        ("errors of a composition, an hour", "1h, its default"),
        ("spans of a trace", ""),
    ],
)
def test_a_window_is_what_is_asked_for_or_else_the_default_of_the_question(name, told):
    case = next(one for one in CASES if one.name == name)
    written = case.written(Extent(logs=100_000_000, days=5), random.Random(1))

    assert window(load_catalogue()[case.question], written) == told


def test_part_of_a_day_is_told_in_seconds():
    case = next(one for one in CASES if one.name == "events of a pod, all days")

    assert case.written(Extent(logs=100, days=0.5), random.Random(1))["since"] == "43200s"


def test_the_page_has_the_windows_and_the_time_at_which_they_end():
    case = Case("overview, a day", COMPOSITION, "composition_overview", lambda _, __: {"since": "1d"})
    seen = question_report.found(FLEET, [Timed(case, "1d", [0.1] * 20, [0.1] * 20, [4] * 20, [9] * 20)], [], "26.7")
    page = question_report.as_markdown(seen)

    assert "| overview, a day (`composition_overview`) | composition | 1d | 100 ms | 100 ms |" in page
    assert "Windows end with the last record, at 18:00 UTC." in page
