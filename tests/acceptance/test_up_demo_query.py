"""The newcomer's way, as real processes: `otelhouse up`, `otelhouse demo`, `otelhouse query`, and the way back down."""

import http.client
import itertools
import json
import re
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
import running_house
from running_house import WAIT

from store.port import Select

ROOT = Path(__file__).parents[2]


class House(running_house.House):
    """A house that is asked as people ask it, over the command line."""

    def __init__(self, folder, *arguments, role="up"):
        super().__init__(folder, *arguments, role=role)
        self.folder = folder
        self.demo_said = ""

    def ask(self, *arguments):
        """The rows of a question's answer, each a dict."""
        result = self.run("query", *arguments, "--format", "ndjson")
        assert result.returncode == 0, result.stderr
        return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def start(tmp_path):
    houses = []

    def begin(*arguments, role="up"):
        houses.append(House(tmp_path, *arguments, role=role))
        return houses[-1]

    yield begin
    for house in houses:
        if house.process.poll() is None:
            house.process.kill()
        house.end()


@pytest.fixture(scope="module")
def fed(tmp_path_factory):
    """A house on the embedded engine that has heard the demo; for tests that only ask."""
    house = House(tmp_path_factory.mktemp("fed")).up()
    result = house.run("demo")
    assert result.returncode == 0, result.stderr
    house.demo_said = result.stdout
    yield house
    house.end()


def readme_commands():
    """The commands that README.md tells a newcomer to type, in order."""
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.startswith(("    make ", "    .venv/bin/"))]


def test_it_is_ready_alive_and_measured(fed):
    assert fed.get("/livez")[0] == 200
    status, body = fed.get("/readyz")
    assert status == 200, body
    status, metrics = fed.get("/metrics")
    assert status == 200
    assert 'otelhouse_ingest_items_total{signal="logs"}' in metrics
    assert "process_resident_memory_bytes" in metrics


def test_what_the_demo_claims_is_what_the_house_counted(fed):
    claims = re.findall(r"(spans|log records|data points) +([\d,]+) sent +([\d,]+) acknowledged", fed.demo_said)
    counted = dict(re.findall(r'otelhouse_ingest_items_total{signal="(\w+)"} ([\d.]+)', fed.get("/metrics")[1]))

    signals = {"spans": "traces", "log records": "logs", "data points": "metrics"}
    assert {what for what, _, _ in claims} == set(signals)
    for what, sent, acknowledged in claims:
        assert sent == acknowledged
        assert int(sent.replace(",", "")) == float(counted[signals[what]]), what


def test_the_slowest_traces_are_the_fault(fed):
    slowest = fed.ask("slow_traces", "--limit", "5")

    assert len(slowest) == 5
    assert {(row["root_service"], row["root_span"]) for row in slowest} == {("frontend", "POST /checkout")}
    assert all(row["duration_ms"] > 4000 for row in slowest)
    assert any(row["errors"] for row in slowest)


def test_a_slow_trace_leads_to_the_step_that_failed(fed):
    trace_id = next(row["trace_id"] for row in fed.ask("slow_traces") if row["errors"])

    spans = fed.ask("trace", "--trace-id", trace_id)

    assert {span["service"] for span in spans} == {"frontend", "checkout", "cart", "inventory", "payment"}
    deepest = max((span for span in spans if span["error"]), key=lambda span: span["depth"])
    assert (deepest["service"], deepest["span"]) == ("payment", "SELECT accounts")
    assert "20 of 20 in use" in deepest["status_message"]


def test_the_logs_of_payment_say_why(fed):
    records = fed.ask("recent_logs", "--service", "payment", "--min-severity", "error")

    assert records
    assert all("no database connection within 5 s" in record["body"] for record in records)


def test_the_services_of_the_shop_are_known(fed):
    services = {row["service"]: row for row in fed.ask("services")}

    assert {"frontend", "checkout", "cart", "inventory", "payment"} <= set(services)
    assert services["payment"]["errors"] > 0
    assert services["cart"]["errors"] == 0


def test_the_metric_shows_when_the_pool_ran_out(fed):
    series = fed.ask("metric_series", "--metric", "db.client.connection.count")

    assert max(row["value"] if "value" in row else row["max"] for row in series) == 20


def test_kubernetes_events_are_there_in_both_shapes(fed):
    nested = fed.ask("recent_logs", "--text", "OOMKilled")
    flat = fed.ask("recent_logs", "--text", "Successfully assigned")

    assert any('"involvedObject"' in record["body"] for record in nested)
    assert len(flat) >= 4


def test_a_table_is_for_people_and_json_for_programs(fed):
    table = fed.run("query", "slow_traces")
    answer = fed.run("query", "slow_traces", "--format", "json")

    assert "POST /checkout" in table.stdout
    assert json.loads(answer.stdout)


def test_the_commands_of_the_readme_work_as_they_are_written(fed):
    commands = readme_commands()
    assert commands[:3] == ["make up", ".venv/bin/otelhouse demo", ".venv/bin/otelhouse query slow_traces"]

    # Within `make test` this make would be a child of that one and say where it is.
    make = ["make", "--no-print-directory", "--dry-run", "up"]
    planned = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True)
    assert planned.stdout.splitlines()[-1] == ".venv/bin/otelhouse up"
    for typed in commands[1:]:
        result = fed.run(*typed.split()[1:])
        assert result.returncode == 0, f"{typed}\n{result.stderr}"
        assert result.stdout


def test_all_it_writes_lies_in_its_own_folder(fed):
    assert [path.name for path in fed.folder.iterdir()] == ["otelhouse-data"]


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_what_was_acknowledged_survives_a_restart(start, protocol):
    first = start().up()
    assert first.run("demo", "--protocol", protocol).returncode == 0
    before = first.ask("services")
    assert first.end() == 0

    second = start().up()

    assert second.ask("services") == before
    assert second.end(signal.SIGINT) == 0


class Senders:
    """Several that send one log record a request, numbered, until their house is gone; and what they were told."""

    def __init__(self, port):
        self.acknowledged = set()
        self._numbers = itertools.count()
        self._enough = threading.Event()
        self._port = port
        self._threads = [threading.Thread(target=self._send) for _ in range(4)]
        for thread in self._threads:
            thread.start()

    def _send(self):
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=WAIT)
        while True:
            number = next(self._numbers)
            record = {"timeUnixNano": str(time.time_ns()), "body": {"stringValue": f"number {number}"}}
            body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]})
            try:
                connection.request("POST", "/v1/logs", body, {"content-type": "application/json"})
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                break
            if answer.status == http.client.OK:
                self.acknowledged.add(number)
            if len(self.acknowledged) > 100:
                self._enough.set()
        connection.close()

    def wait_until_busy(self):
        assert self._enough.wait(WAIT)

    def join(self):
        for thread in self._threads:
            thread.join(WAIT)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_acknowledged_is_lost_however_the_house_ends(start, number):
    house = start().up()
    senders = Senders(house.ports["OTLP/HTTP"])
    senders.wait_until_busy()

    house.end(number)
    senders.join()

    again = start().up()
    records = again.ask("recent_logs", "--limit", "10000")
    stored = Counter(int(record["body"].removeprefix("number ")) for record in records)
    assert senders.acknowledged <= set(stored)
    assert set(stored.values()) == {1}


@pytest.mark.server
def test_the_same_way_with_a_clickhouse_server(start, server_settings, server_store):
    house = start("--clickhouse", server_settings.url, f"--set=store.database={server_settings.database}").up()

    assert house.run("demo").returncode == 0

    assert {row["root_span"] for row in house.ask("slow_traces", "--limit", "5")} == {"POST /checkout"}
    events = server_store.select(Select("SELECT Kind, Type, Reason, CompositionId != '' FROM otel_k8s_events")).rows
    assert ("Pod", "Warning", "OOMKilled", 1) in events  # sent nested
    assert ("Pod", "Normal", "Started", 0) in events  # sent flat
    assert house.end() == 0


@pytest.mark.server
def test_receiving_and_answering_may_be_two_processes(start, server_settings):
    place = ("--clickhouse", server_settings.url, f"--set=store.database={server_settings.database}")
    receives = start(*place, role="ingest").up()
    answers = start(*place, role="serve").up()

    assert set(receives.ports) == {"REST", "OTLP/gRPC", "OTLP/HTTP"}
    assert set(answers.ports) == {"REST"}
    answers.ports |= {name: port for name, port in receives.ports.items() if name != "REST"}
    assert answers.run("demo").returncode == 0
    assert answers.ask("services")
    assert receives.get("/readyz")[0] == 200
    assert receives.get("/api/v1/questions/services")[0] == 404


def test_a_taken_port_is_told_with_its_setting_and_the_mend(start):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for key in ("query.port", "mcp.port", "ingest.grpc.port", "ingest.http.port"):
            house = start(f"--set={key}={port}")

            assert house.process.wait(WAIT) == 1
            house.end()
            told = "".join(house.errors)
            assert f"cannot listen on 127.0.0.1 port {port}: Address already in use. Is another" in told
            assert told.count("cannot listen") == 1
            assert f"--set {key}=PORT" in told
            assert "Traceback" not in told


def test_a_folder_that_another_house_holds_is_told(start):
    start().up()

    second = start()

    assert second.process.wait(WAIT) == 1
    second.end()
    told = "".join(second.errors)
    assert "cannot open the embedded ClickHouse engine in otelhouse-data" in told
    assert "Traceback" not in told


def test_a_server_that_is_down_is_waited_for_and_then_given_up(start):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    url = f"clickhouse://127.0.0.1:{port}?http_port={port}"
    house = start("--clickhouse", url, "--set=process.store_wait_s=1.5", "--set=ingest.spool.mode=never")

    assert house.process.wait(WAIT) == 1
    house.end()
    told = "".join(house.errors)
    assert "does not answer yet, trying again in 0.5 s" in told
    assert "did not answer for 1.5 s" in told
    assert "Traceback" not in told


def test_a_house_that_waits_for_its_server_can_be_stopped(start):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    url = f"clickhouse://127.0.0.1:{port}?http_port={port}"
    house = start("--clickhouse", url, "--set=ingest.spool.mode=never")
    assert house.says("does not answer yet")

    assert house.end() == 0


def test_a_bad_setting_stops_the_start_before_anything_is_touched(start, tmp_path):
    house = start("--set=ingest.grpc.prot=1")

    assert house.process.wait(WAIT) == 2
    house.end()
    assert "did you mean ingest.grpc.port?" in "".join(house.errors)
    assert not (tmp_path / "otelhouse-data").exists()
