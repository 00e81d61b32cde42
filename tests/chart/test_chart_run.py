"""The commands of the pods run with the chart's settings file, against a real ClickHouse, and answer their probes.

Only what differs on a test's machine comes from the environment: where ClickHouse is, free ports, folders for files.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request

import pytest
from rendered_chart import of_kind, pod_templates, rendered

from otelhouse.__main__ import COMMANDS

pytestmark = pytest.mark.helm

SCENE = "everything"
ROLES = [role for role in ("ingest", "serve", "mcp") if role in COMMANDS]
WAIT = 60.0
ADDRESS = re.compile(r"^  (\S+) +(https?://\S+)$")


class Pod:
    """One container of the chart as a process; `listening` says where."""

    def __init__(self, role, store, folder):
        templates = dict(pod_templates(rendered(SCENE)))
        (container,) = templates[role]["spec"]["containers"]
        (config,) = [one for one in of_kind(rendered(SCENE), "ConfigMap") if "otelhouse.yaml" in one.get("data", {})]
        (folder / "otelhouse.yaml").write_text(config["data"]["otelhouse.yaml"])
        self.container = container
        self._command = [sys.executable, "-m", "otelhouse", *container["args"]]
        self._environ = {
            "PATH": os.environ["PATH"],
            "OTELHOUSE_CONFIG": str(folder / "otelhouse.yaml"),
            "OTELHOUSE_STORE_URL": store.url,
            "OTELHOUSE_STORE_DATABASE": store.database,
            "OTELHOUSE_STORE_USERNAME": store.username,
            "OTELHOUSE_IDENTITY_TOKENS_FILE": str(folder / "tokens.yaml"),
            "OTELHOUSE_INGEST_SPOOL_PATH": str(folder / "spool"),
        }
        for door in ("INGEST_GRPC", "INGEST_HTTP", "QUERY", "MCP"):
            self._environ |= {f"OTELHOUSE_{door}_PORT": "0", f"OTELHOUSE_{door}_HOST": "127.0.0.1"}
        self.listening = {}

    def run(self):
        return subprocess.run(
            self._command, env=self._environ, capture_output=True, text=True, timeout=WAIT, check=False
        )

    def start(self):
        self._process = subprocess.Popen(self._command, env=self._environ, stdout=subprocess.PIPE, text=True)
        self._watchdog = threading.Timer(WAIT, self._process.kill)
        self._watchdog.start()
        for line in self._process.stdout:
            if found := ADDRESS.match(line):
                self.listening[found[1]] = found[2]
            if "Ctrl-C stops" in line:
                break
        return self

    def probe(self, name):
        """Status and body of what the kubelet would ask."""
        path = self.container[name]["httpGet"]["path"]
        try:
            with urllib.request.urlopen(self._health() + path, timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def _health(self):
        return self.listening.get("REST") or self.listening["MCP"].removesuffix("/mcp")

    def stop(self):
        """As the kubelet does it; gives the exit code."""
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(WAIT)
        self._watchdog.cancel()
        self._process.stdout.close()
        return code


@pytest.fixture
def pod(server_settings, tmp_path):
    (tmp_path / "tokens.yaml").write_text("tokens: []\n")
    (tmp_path / "tokens.yaml").chmod(0o440)
    return lambda role: Pod(role, server_settings, tmp_path)


def test_the_job_makes_the_tables_and_every_role_becomes_ready(pod):
    done = pod("migrate").run()
    assert done.returncode == 0, done.stderr

    for role in ROLES:
        one = pod(role).start()
        try:
            assert one.probe("livenessProbe") == (200, {"status": "alive"})
            status, body = one.probe("readinessProbe")
            assert (status, body["status"]) == (200, "ready"), body
        finally:
            assert one.stop() == 0


def test_what_listens_is_what_the_container_declares(pod):
    one = pod("ingest").start()
    try:
        declared = {port["name"] for port in one.container["ports"]}
        assert declared == {"grpc", "otlp-http", "http"}
        assert one.listening.keys() == {"OTLP/gRPC", "OTLP/HTTP", "REST"}
    finally:
        one.stop()
