"""The README's figures are those that `make bench` printed."""

import json
from pathlib import Path

import pytest

from bench import ingest_bars, report, spool_benchmark

ROOT = Path(__file__).parents[2]
TOLD = json.loads((ROOT / "docs" / "figures" / "ingest.json").read_text(encoding="utf-8"))
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_table_is_the_one_that_the_benchmark_wrote():
    assert report.as_markdown(report.figures_of(TOLD)).strip() in README


def test_the_page_is_what_the_benchmark_wrote():
    page = (ROOT / "docs" / "figures" / "ingest.md").read_text(encoding="utf-8")
    assert page == report.as_page(report.figures_of(TOLD))


def test_every_bar_of_ingest_was_measured_with_enrichment_and_without_and_holds():
    reached = ingest_bars.reached(report.figures_of(TOLD))
    every = sum(len(bar.compressions) for bar in ingest_bars.BARS)
    assert [sum(one.enriched is kind for one in reached) for kind in (False, True)] == [every, every]
    assert [one for one in reached if not one.holds] == []


def test_the_picture_is_drawn_from_the_same_figures():
    picture = (ROOT / "docs" / "figures" / "ingest.svg").read_text(encoding="utf-8")
    assert picture == report.as_svg(report.figures_of(TOLD))


def test_the_machine_is_named():
    assert TOLD["machine"]["cpu"] in README
    assert f"{TOLD['machine']['cores']} cores" in README
    assert TOLD["clickhouse"] in README


def test_the_spools_figures_are_those_of_the_benchmark():
    told = json.loads((ROOT / "docs" / "figures" / "spool.json").read_text(encoding="utf-8"))
    table = (ROOT / "docs" / "figures" / "spool.md").read_text(encoding="utf-8")
    assert table == spool_benchmark.as_markdown(spool_benchmark.read(told))
    page = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    assert table in page
    for named in (told["clickhouse"], told["machine"]["cpu"], f"{told['machine']['cores']} cores"):
        assert named in page


def test_the_spool_halves_the_throughput_at_most():
    found = spool_benchmark.read(json.loads((ROOT / "docs" / "figures" / "spool.json").read_text(encoding="utf-8")))
    assert min(found.acknowledged, found.stored) >= 0.5


def test_the_embedded_figures_are_those_of_the_benchmark():
    for line in (ROOT / "docs" / "figures" / "embedded.txt").read_text(encoding="utf-8").strip().splitlines():
        assert line in README


@pytest.mark.parametrize("engine", ["embedded", "server"])
def test_the_canarys_cost_is_that_of_the_benchmark_and_under_a_hundredth_of_a_core(engine):
    written = (ROOT / "docs" / "figures" / f"canary_{engine}.md").read_text(encoding="utf-8")
    (line,) = [line for line in written.splitlines() if line.startswith(f"| {engine} |")]
    assert "missed" not in line
    assert line in (ROOT / "docs" / "canary.md").read_text(encoding="utf-8")
