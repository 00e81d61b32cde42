"""The benchmark runs from end to end and its figures add up; how large they are is no matter of a test."""

import json

from click.testing import CliRunner

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
