import dataclasses
import json
import xml.etree.ElementTree as ET

import pytest

from bench import report
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
