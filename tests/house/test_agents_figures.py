"""The figures of the evaluation set that are written down reach the bars, and are those that docs tell."""

import json
from pathlib import Path

from bench.agents import scoring, table
from bench.agents.incidents import INCIDENTS

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "docs" / "figures"
TOLD = json.loads((FIGURES / "agents.json").read_text(encoding="utf-8"))
SCORES = table.read(TOLD)


def test_the_bars_are_reached():
    assert scoring.missed(SCORES) == []
    assert scoring.total(SCORES).incidents >= 12


def test_every_incident_of_the_set_is_among_them():
    assert [one.name for one in SCORES] == [one.name for one in INCIDENTS]


def test_the_page_is_the_one_that_the_benchmark_wrote():
    assert (FIGURES / "agents.md").read_text(encoding="utf-8") == table.as_markdown(SCORES, TOLD["seed"])


def test_the_docs_tell_the_same():
    found = scoring.total(SCORES)
    page = (ROOT / "docs" / "mcp.md").read_text(encoding="utf-8")

    for figure in (
        f"{found.right} of {found.incidents}",
        f"{found.calls:g} calls",
        f"{found.tokens:,.0f} tokens",
        f"{found.times_fewer:.1f} times fewer",
        f"{found.times_fewer_with_offer:.1f} times",
    ):
        assert figure in page, figure
