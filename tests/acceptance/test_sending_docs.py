"""What docs/sending.md tells to type works as it stands there. Its Collector is tried in test_collector.py."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from foreign_senders import JAVASCRIPT, TELEMETRYGEN, TELEMETRYGEN_VERSION, run_node, run_telemetrygen
from running_house import WAIT, environment

from ingest.settings import IngestSettings

PAGE = (Path(__file__).parents[2] / "docs" / "sending.md").read_text(encoding="utf-8")
TYPED = [line.strip() for line in PAGE.splitlines() if line.startswith("    ")]


@pytest.fixture(scope="module")
def database():
    """The embedded engine alone: what the page says does not depend on where the rows end up."""


def program(language):
    """The one program in `language` on the page."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return found


def exported(house, service, protocol="http"):
    """The environment that the page tells to set, with this house's port and another name."""
    pairs = dict(line.removeprefix("export ").split("=", 1) for line in TYPED if line.startswith("export "))
    address = house.address(f"OTLP/{'HTTP' if protocol == 'http' else 'gRPC'}")
    pairs["OTEL_EXPORTER_OTLP_PROTOCOL"] = pairs["OTEL_EXPORTER_OTLP_PROTOCOL"] if protocol == "http" else protocol
    return pairs | {"OTEL_EXPORTER_OTLP_ENDPOINT": address, "OTEL_SERVICE_NAME": service}


def assert_the_order_was_placed(house, service):
    (trace,) = house.question("slow_traces", service=service)
    assert (trace["root_span"], trace["spans"], trace["errors"]) == ("place order", 1, 0)
    (span,) = house.question("trace", trace_id=trace["trace_id"])
    assert span["attributes"] == {"cart.items": "3"}
    (record,) = house.question("recent_logs", service=service)
    assert (record["severity"], json.loads(record["body"])) == (
        "INFO",
        {"items": ["pen", "ink"], "message": "order placed"},
    )
    (series,) = house.question("metric_series", metric="orders.open", service=service)
    assert (series["attributes"], series["unit"], series["last"]) == ({"payment.method": "card"}, "{order}", 1)


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_the_python_program_sends_all_three_signals(house, tmp_path, protocol):
    service = f"python page {protocol}"
    text = program("python").replace("proto.http", f"proto.{protocol}")
    (tmp_path / "shop.py").write_text(text, encoding="utf-8")

    subprocess.run(
        [sys.executable, "-W", "error", "shop.py"],
        cwd=tmp_path,
        env=environment(**exported(house, service, protocol)),
        timeout=WAIT,
        check=True,
    )

    assert_the_order_was_placed(house, service)


@pytest.mark.node
def test_the_javascript_program_sends_all_three_signals(house, tmp_path):
    (tmp_path / "shop.mjs").write_text(program("javascript"), encoding="utf-8")

    run_node(tmp_path / "shop.mjs", **exported(house, "javascript page"))

    assert_the_order_was_placed(house, "javascript page")


def test_the_javascript_packages_are_all_named():
    installed = {name for line in TYPED if line.startswith("npm install ") for name in line.split()[2:]}
    imported = set(re.findall(r'from "(.+?)"', program("javascript")))
    tried = json.loads((JAVASCRIPT / "package.json").read_text(encoding="utf-8"))["dependencies"]

    assert imported == installed <= set(tried)


@pytest.mark.go
def test_the_commands_of_telemetrygen_send_ten_of_each_signal(house):
    commands = [shlex.split(line) for line in TYPED if line.startswith("telemetrygen ")]
    for _, signal, *words in commands:
        given = [word.replace("127.0.0.1:4317", f"127.0.0.1:{house.ports['OTLP/gRPC']}") for word in words]
        run_telemetrygen(signal, *given, "--service", "go page")

    assert [signal for _, signal, *_ in commands] == ["traces", "logs", "metrics"]
    assert len(house.question("slow_traces", service="go page")) == 10
    assert len(house.question("recent_logs", service="go page")) == 10
    (series,) = house.question("metric_series", metric="gen", service="go page", step=604_800)
    assert series["points"] == 10


def test_the_page_installs_the_telemetrygen_that_the_tests_use():
    assert f"go install {TELEMETRYGEN}@{TELEMETRYGEN_VERSION}" in TYPED


def test_the_ports_on_the_page_are_the_houses_own():
    settings = IngestSettings()

    assert f"gRPC on {settings.grpc.port}, HTTP on {settings.http.port}" in PAGE
    assert f"export OTEL_EXPORTER_OTLP_ENDPOINT=http://{settings.http.host}:{settings.http.port}" in TYPED
    assert f"more than {settings.max_request_bytes >> 20} MiB" in PAGE
