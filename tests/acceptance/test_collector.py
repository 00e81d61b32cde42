"""A real OpenTelemetry Collector, configured as docs/sending.md says, between a sender and the house."""

import re
import signal
import socket
import subprocess
import threading
from collections import Counter
from pathlib import Path

import pytest
from foreign_senders import collector
from python_sender import Exporters, logs, metrics, spans
from running_house import ON_SERVER, WAIT, environment

pytestmark = pytest.mark.go

PAGE = Path(__file__).parents[2] / "docs" / "sending.md"
QUIET = "service:\n  telemetry:\n    metrics:\n      level: none\n"
"""Its own metrics would take a port that is always the same."""
SERVICE = "straight and through a collector"
TABLES = [
    "otel_logs",
    "otel_traces",
    "otel_metrics_gauge",
    "otel_metrics_sum",
    "otel_metrics_histogram",
    "otel_metrics_exponential_histogram",
]


class Collector:
    """The process; `address` takes OTLP/gRPC. `end` lets it deliver what it still holds."""

    def __init__(self, folder, house):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        config = re.search(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]
        house_port = house.ports["OTLP/gRPC"]
        config = config.replace("127.0.0.1:14317", f"127.0.0.1:{port}").replace(
            "127.0.0.1:4317", f"127.0.0.1:{house_port}"
        )
        files = {"collector.yaml": config, "quiet.yaml": QUIET}
        for name, text in files.items():
            (folder / name).write_text(text)
        arguments = [f"--config=file:{folder / name}" for name in files]
        self._process = subprocess.Popen(
            [collector(), *arguments], env=environment(), stderr=subprocess.PIPE, text=True, cwd=folder
        )
        self._watchdog = threading.Timer(WAIT, self._process.kill)
        self._watchdog.start()
        self.told = ""

    def ready(self):
        for line in self._process.stderr:
            self.told += line
            if "Everything is ready" in line:
                return self
        pytest.fail(f"the Collector did not start:\n{self.told}")

    def end(self):
        self._process.send_signal(signal.SIGTERM)
        self.told += self._process.stderr.read()
        self._watchdog.cancel()
        self._process.stderr.close()
        assert self._process.wait(WAIT) == 0, self.told


@pytest.fixture(scope="module")
def sent_twice(house, tmp_path_factory):
    """The same telemetry once straight and once through a Collector."""
    told = spans(SERVICE), logs(SERVICE), metrics(SERVICE)
    between = Collector(tmp_path_factory.mktemp("collector"), house)
    between.ready()
    for address in (house.address("OTLP/gRPC"), between.address):
        exporters = Exporters(address, "grpc", "gzip")
        exporters.send(*told)
        exporters.close()
    between.end()
    assert "error" not in between.told, between.told
    return told


@ON_SERVER
def test_questions_see_no_difference(house, sent_twice):
    told_spans, told_logs, _ = sent_twice
    trace_id = f"{told_spans[0].context.trace_id:032x}"

    answered = house.question("trace", trace_id=trace_id), house.question("recent_logs", service=SERVICE)

    for rows, told in zip(answered, (told_spans, told_logs), strict=True):
        assert len(rows) == 2 * len(told)
        assert set(Counter(map(repr, rows)).values()) == {2}


@ON_SERVER
@pytest.mark.parametrize("table", TABLES)
def test_what_a_collector_hands_on_is_stored_the_same_to_the_cell(rows, sent_twice, table):
    stored = rows(table, SERVICE)

    assert stored
    assert set(Counter(map(repr, stored)).values()) == {2}
