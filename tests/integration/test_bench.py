"""The benchmark runs from end to end and its figures add up; how large they are is no matter of a test."""

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from bench import (
    ingest_benchmark,
    mcp_benchmark,
    mcp_report,
    question_benchmark,
    question_cases,
    question_report,
    report,
    spool_benchmark,
    watched_pods,
    workloads,
)
from bench.clickhouse_meter import Meter
from bench.command import bench


def test_a_small_run_measures_ingester_clickhouse_and_floor(clickhouse_server, tmp_path, monkeypatch):
    # Twelve make a figure steady, which is no matter here: each takes a second, and the floor makes its rows again.
    monkeypatch.setattr(ingest_benchmark, "_INSERTS_A_ROUND", 2)
    words = ["ingest", "--clickhouse", clickhouse_server.url, "--items", "50000", "--workload", "flat logs"]
    done = CliRunner().invoke(
        bench, [*words, "--compression", "gzip", "--rounds", "1", "--out", str(tmp_path)], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    figures = report.figures_of(json.loads((tmp_path / "ingest.json").read_text()))
    assert (tmp_path / "ingest.md").read_text() == report.as_page(figures)
    assert [line.enriched for line in figures] == [False, True]
    for line in figures:
        assert line.items == 12 * 8192, "one round of one request a sender"
        assert min(line.ingester_us, line.clickhouse_us, line.floor_us) > 0
        assert line.rows_per_insert > 8192, "requests are gathered"


@pytest.mark.parametrize("name", workloads.SHAPES)
def test_everything_that_is_sent_is_from_pods_of_the_watched_cluster(name):
    made = workloads.SHAPES[name]()
    workload = replace(made, requests=made.requests[:1])

    (plain,), (enriched,) = (watched_pods.parcels(workload, enriched=one) for one in (False, True))

    said = b"".join(enriched.chunks)
    assert b"k8s.deployment.name" not in b"".join(plain.chunks)
    for added in (b"k8s.deployment.name", b"k8s.cluster.name"):
        assert said.count(added) == 1, "what is added stands in the request's one resource"
    if name == "kubernetes events":
        assert said.count(b"krateo.io/composition-id") == workload.items_per_request, "each is of its own pod's"
    else:
        assert said.count(b"krateo.composition.id") == 1


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


def test_a_small_run_measures_questions_over_records_that_it_made(server_store, tmp_path):
    plan = question_benchmark.Plan(logs=20_000, days=1, askings=2)

    fleet = question_benchmark.prepare(server_store, plan)
    timed = question_benchmark.measure(server_store, fleet, question_cases.CASES)
    seen = question_report.found(fleet, timed, question_benchmark.stored(server_store), "26.7")

    assert all(len(one.seconds) == plan.askings and not one.refused for one in timed)
    found = {one.case.name: sum(one.rows) for one in timed}
    windows = {line.name: line.window for line in seen.lines}
    assert windows["errors of a composition, an hour"] == "1h, its default"
    assert [windows[name] for name in ("overview of a composition, a day", "events of a pod, all days")] == ["1d", "1d"]
    assert windows["spans of a trace"] == ""
    assert found["spans of a trace"] == 10
    assert found["logs of a trace, all days"] > 0
    assert found["a text that is nowhere, a day"] == 0
    assert len(question_report.as_markdown(seen).splitlines()) == len(question_cases.CASES) + 7
    assert question_report.read(json.loads(question_report.as_json(seen))) == seen
    assert {line.by for line in seen.lines} == {"object", "composition", "trace", "text", "overview"}
    assert question_benchmark.prepare(server_store, plan) == fleet, "what stands there is asked again"
    with pytest.raises(ValueError, match="20000 logs over 1"):
        question_benchmark.prepare(server_store, replace(plan, logs=40_000))
    with pytest.raises(ValueError, match="holds logs already"):
        question_benchmark.fill(server_store, plan)


def test_a_small_run_calls_every_tool_of_the_benchmark(clickhouse_server, tmp_path):
    words = ["mcp", "--clickhouse", clickhouse_server.url, "--logs", "20000", "--days", "1", "--askings", "2"]

    done = CliRunner().invoke(bench, [*words, "--out", str(tmp_path)], catch_exceptions=False)

    assert done.exit_code == 0, done.output
    seen = mcp_report.read(json.loads((tmp_path / "mcp.json").read_text()))
    assert (tmp_path / "mcp.md").read_text() == mcp_report.as_markdown(seen)
    assert [(line.tool, line.asked) for line in seen.lines] == [(one.tool, one.asked) for one in mcp_benchmark.CASES]
    assert {line.calls for line in seen.lines} == {2}
    assert (seen.logs, seen.rows) == (20_000, 22_020)
    assert 0 < seen.p50 <= seen.p95 <= max(line.slowest for line in seen.lines)
    assert all(line.tokens > 0 for line in seen.lines)


@pytest.mark.usefixtures("start_clickhouse")
def test_a_fleet_in_a_folder_that_is_kept_is_asked_again(tmp_path):
    words = ["questions", "--keep", str(tmp_path / "kept"), "--logs", "5000", "--days", "0.5", "--askings", "2"]
    first, again = (
        CliRunner().invoke(bench, [*words, "--out", str(tmp_path)], catch_exceptions=False) for _ in range(2)
    )

    assert (first.exit_code, again.exit_code) == (0, 0), first.output + again.output
    assert "logs: 5,000 of 5,000" in first.stderr
    assert "5000 logs over 0.5 days stand there already" in again.stderr
    assert "logs: 5,000" not in again.stderr
    seen = question_report.read(json.loads((tmp_path / "questions.json").read_text()))
    assert (tmp_path / "questions.md").read_text() == question_report.as_markdown(seen)


def test_a_folder_is_kept_for_a_server_that_is_started_and_for_no_other(tmp_path):
    done = CliRunner().invoke(bench, ["questions", "--keep", str(tmp_path), "--clickhouse", "clickhouse://x"])

    assert done.exit_code == 2
    assert "--keep is for the server that is started here" in done.stderr
