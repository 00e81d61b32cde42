"""The pages about the canary under load and in a cluster are what the benchmark wrote, and say what they are for.

A page is there from the moment on that docs/canary.md points to it.
"""

import json
from pathlib import Path

import pytest

from bench import canary_job_report
from bench.canary_benchmark import BAR

DOCS = Path(__file__).parents[2] / "docs"
FIGURES = DOCS / "figures"


@pytest.mark.parametrize("name", ["canary_soak", "canary_job"])
def test_a_page_is_there_with_its_figures_where_the_docs_point_to_it(name):
    told = f"figures/{name}.md" in (DOCS / "canary.md").read_text(encoding="utf-8")

    assert [(FIGURES / f"{name}.{form}").exists() for form in ("md", "json")] == [told, told]


def test_what_a_job_costs_is_as_the_benchmark_wrote_it_and_under_a_hundredth_of_a_core():
    told = (FIGURES / "canary_job.json").read_text(encoding="utf-8")
    seen, machine = canary_job_report.read(json.loads(told))

    assert (FIGURES / "canary_job.md").read_text(encoding="utf-8") == canary_job_report.as_markdown(seen, machine)
    assert seen.beats == 10
    assert seen.core < BAR
