import dataclasses
import json
import xml.etree.ElementTree as ET

import pytest

from bench import ingest_bars, report
from bench.ingest_benchmark import Figures

LINE = Figures(
    workload="logs & more",
    compression="gzip",
    items=1_000_000,
    seconds=8.0,
    bytes_per_item=321.4,
    ingester_us=1.5,
    clickhouse_us=6.5,
    floor_us=5.0,
    clickhouse_under_load_us=9.0,
    ingester_peak_bytes=200 * 2**20,
    rows_per_insert=40_000,
)
SVG = "{http://www.w3.org/2000/svg}"


def test_the_table_says_what_both_cost_over_the_floor():
    row = report.as_markdown([LINE]).splitlines()[-1]
    assert row == "| logs & more, gzip | 321 | 1.50 | 6.50 | 5.00 | 1.60 | 125,000 | 40,000 | 200 MiB |"


def test_the_json_says_on_what_machine_and_can_be_read_back():
    told = json.loads(report.as_json([LINE], "26.7"))
    assert told["machine"]["cores"] >= 1
    assert told["clickhouse"] == "26.7"
    assert report.figures_of(told) == [LINE]


def test_the_picture_is_well_formed_and_its_bars_keep_the_proportion():
    picture = ET.fromstring(report.as_svg([LINE]))  # noqa: S314 - our own text
    bars = [float(rect.get("width", "0")) for rect in picture.iter(f"{SVG}rect") if rect.get("height") == "14"]
    ingester, clickhouse, floor = bars
    assert ingester / floor == pytest.approx(1.5 / 5.0, rel=0.01)
    assert clickhouse / floor == pytest.approx(6.5 / 5.0, rel=0.01)


def test_all_three_forms_are_written(tmp_path):
    paths = report.write(tmp_path / "new", [LINE, dataclasses.replace(LINE, compression="none")], "26.7")
    assert [path.name for path in paths] == ["ingest.json", "ingest.md", "ingest.svg"]
    assert all(path.stat().st_size for path in paths)


@pytest.mark.parametrize("enriched", [False, True])
def test_a_bar_that_was_missed_is_told_as_that(enriched):
    quick = dataclasses.replace(LINE, workload="flat logs", ingester_us=2.5, enriched=enriched)
    slow = dataclasses.replace(quick, ingester_us=2.6)

    assert [one.holds for one in ingest_bars.reached([quick])] == [True, False], (
        "2.5 us hold, 1.8 over the floor do not"
    )
    assert [one.holds for one in ingest_bars.reached([slow])] == [False, False]
    assert ingest_bars.as_markdown([slow]).count(", missed") == 2
    assert f"| {'on' if enriched else 'off'} |" in ingest_bars.as_markdown([slow])


def test_with_enrichment_an_event_may_take_no_longer_than_without():
    event = dataclasses.replace(LINE, workload="kubernetes events", ingester_us=60.0)

    for enriched in (False, True):
        held = dataclasses.replace(event, enriched=enriched)
        assert ingest_bars.reached([held])[0].holds
        assert not ingest_bars.reached([dataclasses.replace(held, ingester_us=60.1)])[0].holds


def test_figures_with_enrichment_are_named_so_and_not_drawn():
    enriched = dataclasses.replace(LINE, enriched=True)

    assert "| logs & more, gzip, enriched |" in report.as_markdown([LINE, enriched])
    assert report.as_svg([LINE, enriched]) == report.as_svg([LINE])
    assert report.figures_of(json.loads(report.as_json([enriched], "26.7"))) == [enriched]
