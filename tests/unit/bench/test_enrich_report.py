"""What is told of the enrichment's cost says which bars were missed, and ends the command with 1 then."""

import json

import pytest
from click.testing import CliRunner

from bench import enrich_benchmark, enrich_report
from bench.command import bench
from bench.enrich_benchmark import EVENT_SHAPE, SMALL_SHAPE, Figure

USUAL = "512 records, 1 resource"


def found(usual=0.2, small=3.0, events=400.0):
    figures = {USUAL: (1.0, usual), SMALL_SHAPE: (20.0, small), EVENT_SHAPE: (events - 100, 100.0)}
    made = {name: Figure(without, without + added, added) for name, (without, added) in figures.items()}
    return enrich_report.found(made, rounds=15)


def test_all_bars_hold_where_little_is_added():
    seen = found()

    assert seen.missed == []
    assert seen.events_a_minute == pytest.approx(150_000)
    assert "missed" not in enrich_report.as_markdown(seen)


@pytest.mark.parametrize(
    ("figures", "named"),
    [({"usual": 0.31}, USUAL), ({"small": 4.1}, SMALL_SHAPE), ({"events": 601.0}, "events a minute")],
)
def test_each_bar_can_be_missed(figures, named):
    seen = found(**figures)

    assert seen.missed == [named]
    assert enrich_report.as_markdown(seen).count(", missed") == 1


def test_what_is_read_back_is_what_was_written():
    seen = found()

    assert enrich_report.read(json.loads(enrich_report.as_json(seen))) == seen


def test_the_command_measures_all_shapes_and_fails_if_a_bar_was_missed(monkeypatch, tmp_path):
    for name, less in (("WORKLOADS", 5), ("EVENTS", 50), ("RECORDS", 200), ("BATCH", 20)):
        monkeypatch.setattr(enrich_benchmark, name, less)

    done = CliRunner().invoke(bench, ["enrich", "--rounds", "1", "--out", str(tmp_path)], catch_exceptions=False)

    seen = enrich_report.read(json.loads((tmp_path / "enrich.json").read_text()))
    assert (tmp_path / "enrich.md").read_text() == enrich_report.as_markdown(seen)
    assert [line.request for line in seen.lines] == [shape.name for shape in enrich_benchmark.shapes()]
    assert seen.pods == 3 * 5 * 10
    assert done.exit_code == (1 if seen.missed else 0)
    assert [line for line in done.stderr.splitlines() if line.startswith("MISSED")] == [
        f"MISSED: {one}" for one in seen.missed
    ]
