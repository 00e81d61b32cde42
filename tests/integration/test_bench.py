"""The benchmark runs from end to end and its figures add up; how large they are is no matter of a test."""

import json

from click.testing import CliRunner

from bench import spool_benchmark
from bench.clickhouse_meter import Meter
from bench.command import bench


def test_a_small_run_measures_ingester_clickhouse_and_floor(clickhouse_server, tmp_path):
    words = ["ingest", "--clickhouse", clickhouse_server.url, "--items", "50000", "--workload", "flat logs"]
    done = CliRunner().invoke(
        bench, [*words, "--compression", "gzip", "--rounds", "1", "--out", str(tmp_path)], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    (line,) = json.loads((tmp_path / "ingest.json").read_text())["figures"]
    assert line["items"] == 12 * 8192, "one round of one request a sender"
    assert min(line["ingester_us"], line["clickhouse_us"], line["floor_us"]) > 0
    assert line["rows_per_insert"] > 8192, "requests are gathered"


def test_a_small_run_measures_the_spool_beside_the_direct_way_and_leaves_nothing(clickhouse_server, tmp_path):
    words = ["spool", "--clickhouse", clickhouse_server.url, "--items", "50000", "--rounds", "1"]
    done = CliRunner().invoke(bench, [*words, "--out", str(tmp_path)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    found = spool_benchmark.read(json.loads((tmp_path / "spool.json").read_text()))
    assert (tmp_path / "spool.md").read_text() == spool_benchmark.as_markdown(found)
    assert (found.direct.mode, found.spooled.mode) == ("never", "always")
    for figures in (found.direct, found.spooled):
        assert figures.items == 12 * 8192, "one round of one request a sender"
        assert 0 < figures.acknowledged_s <= figures.stored_s
        assert min(figures.ingester_us, figures.clickhouse_us, figures.inserts) > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["spool.json", "spool.md"]
    databases = Meter(f"http://{clickhouse_server.host}:{clickhouse_server.http_port}", "default").say("SHOW DATABASES")
    assert b"otelhouse_bench" not in databases
