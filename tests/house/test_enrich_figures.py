"""The figures of the enrichment are those of the benchmark, its bars hold, and the page tells them."""

import json
from pathlib import Path

import pytest

from bench import enrich_benchmark, enrich_report

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def seen():
    return enrich_report.read(json.loads((DOCS / "figures" / "enrich.json").read_text(encoding="utf-8")))


def test_the_page_is_what_the_benchmark_wrote(seen):
    assert (DOCS / "figures" / "enrich.md").read_text(encoding="utf-8") == enrich_report.as_markdown(seen)


def test_every_shape_of_the_benchmark_was_measured(seen):
    assert [line.request for line in seen.lines] == [shape.name for shape in enrich_benchmark.shapes()]
    assert seen.rounds >= 15


def test_a_flat_record_in_a_request_of_a_usual_size_costs_at_most_300_ns_more(seen):
    usual = [line.added for line in seen.lines if line.request.startswith(("8,192 records", "512 records"))]
    assert len(usual) == 4
    assert max(usual) <= 0.3


def test_one_core_enriches_a_hundred_thousand_events_a_minute(seen):
    assert seen.events_a_minute >= 100_000


def test_a_record_of_a_small_request_costs_no_more_than_the_docs_say(seen):
    (small,) = (line.added for line in seen.lines if line.request == enrich_benchmark.SMALL_SHAPE)
    assert small <= enrich_report.BAR_SMALL
    assert f"at most {enrich_report.BAR_SMALL:g} us a record more" in (DOCS / "enrichment.md").read_text("utf-8")
