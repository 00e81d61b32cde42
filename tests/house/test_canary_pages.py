"""The pages about the canary under load and in a cluster are what the benchmark wrote, and say what they are for."""

import json
from pathlib import Path

import pytest

from bench import canary_job_report, canary_soak_report
from bench.canary_benchmark import BAR

DOCS = Path(__file__).parents[2] / "docs"
FIGURES = DOCS / "figures"


@pytest.mark.parametrize("name", ["canary_soak", "canary_job"])
def test_the_docs_point_to_them(name):
    assert f"figures/{name}.md" in (DOCS / "canary.md").read_text(encoding="utf-8")


def test_in_half_an_hour_under_load_there_was_no_false_alarm():
    seen = canary_soak_report.read(json.loads((FIGURES / "canary_soak.json").read_text(encoding="utf-8")))

    assert (FIGURES / "canary_soak.md").read_text(encoding="utf-8") == canary_soak_report.as_markdown(seen)
    assert seen.plan.minutes >= 30
    assert seen.plan.period == canary_soak_report.PACE
    assert seen.alarms == 0
    assert seen.done >= seen.plan.minutes - 2
    assert seen.cores >= 0.3, "a house that has little to do proves little"


def test_what_a_job_costs_is_as_the_benchmark_wrote_it_and_under_a_hundredth_of_a_core():
    told = (FIGURES / "canary_job.json").read_text(encoding="utf-8")
    seen, machine = canary_job_report.read(json.loads(told))

    assert (FIGURES / "canary_job.md").read_text(encoding="utf-8") == canary_job_report.as_markdown(seen, machine)
    assert seen.beats == 10
    assert seen.core < BAR
