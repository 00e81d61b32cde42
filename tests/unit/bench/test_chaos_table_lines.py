"""What `otelhouse bench chaos --write` writes says of each line which run it is from."""

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

import otelhouse
from bench import chaos_command
from bench.chaos import table
from bench.chaos.catalogue import FAULTS
from bench.chaos.fault import Verdict
from bench.chaos.table import Line, Run

OLD = Run(None, "2026-01-02", "0.0.9", "26.6", {"cpu": "slow", "cores": 1})
NEW = Run(7, "2026-02-03", "0.1.0", "26.7", {"cpu": "fast", "cores": 2})
LINES = {
    "flood": Line(Verdict(3, "p99 twice as long", ("three times",), {"p99": 2.0}), NEW),
    "ingester-kill": Line(Verdict(50, "0 lost", (), {"lost": 0}), OLD),
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder to write to, and two faults that are over at once."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(chaos_command.signal, "signal", lambda *_: None)  # pytest's own handlers stay
    for name in ("flood", "clock-jump"):
        fault = replace(FAULTS[name], run=lambda plan: Verdict(plan.rounds, f"seen with seed {plan.seed}"))
        monkeypatch.setitem(FAULTS, name, fault)
    return tmp_path / "docs" / "figures"


def chaos(*words: str) -> None:
    done = CliRunner().invoke(chaos_command.chaos, [*words, "--write"], catch_exceptions=False)
    assert done.exit_code == 0, done.output


def written(folder: Path) -> dict[str, Line]:
    return table.read((folder / "chaos.json").read_text())


def test_lines_are_read_back_as_they_were_written_in_the_order_of_the_catalogue():
    assert table.read(table.as_json(LINES)) == LINES
    assert list(table.read(table.as_json(LINES))) == ["ingester-kill", "flood"]


def test_a_line_keeps_the_seed_of_its_own_run_when_others_are_written_over(here):
    chaos("--fault", "flood", "--fault", "clock-jump", "--seed", "7")
    chaos("--fault", "clock-jump", "--seed", "8", "--rounds", "5")
    lines = written(here)
    assert {name: line.run.seed for name, line in lines.items()} == {"flood": 7, "clock-jump": 8}
    assert {name: line.verdict.seen for name, line in lines.items()} == {
        "flood": "seen with seed 7",
        "clock-jump": "seen with seed 8",
    }
    assert lines["clock-jump"].verdict.rounds == 5
    told = table.as_markdown({name: line.verdict for name, line in lines.items()})
    assert (here / "chaos.md").read_text() == told


def test_a_line_says_when_and_with_which_versions_on_which_machine_it_was_seen(here):
    chaos("--fault", "flood", "--seed", "7")
    run = written(here)["flood"].run
    assert (run.otelhouse, run.clickhouse) == (otelhouse.__version__, chaos_command.clickhouse_server.VERSION)
    assert run.machine["cores"] >= 1
    assert len(run.day.split("-")) == 3


def test_the_line_of_a_run_whose_seed_was_not_kept_stays_without_one(here):
    here.mkdir(parents=True)
    (here / "chaos.json").write_text(table.as_json(LINES))
    chaos("--fault", "clock-jump", "--seed", "8")
    assert written(here)["ingester-kill"] == LINES["ingester-kill"]
    assert written(here)["flood"].run == NEW
