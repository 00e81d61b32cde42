"""The README's reliability table is what `otelhouse bench chaos --write` printed of full runs, whatever it says."""

from pathlib import Path

import pytest

from bench.chaos import table
from bench.chaos.catalogue import FAULTS

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "docs" / "figures"


@pytest.fixture(scope="module")
def told():
    return table.read((FIGURES / "chaos.json").read_text(encoding="utf-8"))


def test_the_table_is_the_one_that_the_run_wrote(told):
    written = table.as_markdown({name: line.verdict for name, line in told.items()})
    assert written.strip() in (ROOT / "README.md").read_text(encoding="utf-8")
    assert written == (FIGURES / "chaos.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_was_tried_in_full(told, name):
    assert told[name].verdict.rounds >= FAULTS[name].rounds
