"""The benchmarks of the canary run from end to end; how large their figures are is no matter of a test."""

import json
from dataclasses import replace

from click.testing import CliRunner

from bench import canary_job, canary_soak_report
from bench.clickhouse_meter import Meter
from bench.command import bench


def test_a_short_run_under_load_counts_beats_and_finds_no_false_alarm(tmp_path):
    words = ["canary-soak", "--minutes", "0.15", "--period", "2", "--rate", "200", "--out", str(tmp_path)]
    done = CliRunner().invoke(bench, words, catch_exceptions=False)

    assert done.exit_code == 0, done.output
    seen = canary_soak_report.read(json.loads((tmp_path / "canary_soak.json").read_text()))
    assert (tmp_path / "canary_soak.md").read_text() == canary_soak_report.as_markdown(seen)
    assert seen.expected == 4
    assert 2 <= seen.done <= seen.beats["ok"]
    assert seen.findings["ok"] > 0
    assert set(seen.looks) <= {"starting", "ok", "late"}
    assert all(seen.loaded.acknowledged[signal] > 0 for signal in ("logs", "traces", "metrics"))
    assert (seen.loaded.refused, seen.loaded.failed_questions, seen.loaded.first_problem) == (0, 0, "")
    assert seen.loaded.questions > 0
    assert seen.cores > 0


def test_a_small_job_beside_a_house_is_measured_in_all_three_processes(clickhouse_server, server_settings, monkeypatch):
    for name, value in {"PERIOD": 1.0, "IDLE_SECONDS": 1.0, "_SETTLE_SECONDS": 0.0, "SINGLES": 1}.items():
        monkeypatch.setattr(canary_job, name, value)
    meter = Meter(f"http://{clickhouse_server.host}:{clickhouse_server.http_port}", "default")
    store = {"OTELHOUSE_STORE_URL": server_settings.url, "OTELHOUSE_STORE_DATABASE": server_settings.database}

    seen = canary_job.run(store, meter.cpu_seconds, beats=2)

    assert seen.beats == 2
    assert seen.whole.process > 0
    assert seen.whole.server > 0
    assert seen.peak_bytes > 2**20
    assert seen.core > 0
    beats = replace(meter, database=server_settings.database).number("SELECT uniqExact(Timestamp) FROM otel_canary")
    assert beats == 1 + 1 + 2, "one that counts for nothing, jobs of one beat, and the whole job"
