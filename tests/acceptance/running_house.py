"""A house as its users have it: `otelhouse up` as a process of its own, asked over the wire and nowhere else.

For the acceptance tests. The fixtures that start one for a whole module are in conftest.py beside this file.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from datetime import UTC, datetime

import pytest

WAIT = 90
"""Seconds after which something that should have happened has not."""

ON_SERVER = pytest.mark.parametrize("database", [pytest.param("server", marks=pytest.mark.server)], indirect=True)
"""For tests that look into ClickHouse itself: only a server lets somebody in beside the house."""


def environment(**more):
    """This process's environment without any setting of the house or of an SDK, but for `more`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTELHOUSE_", "OTEL_"))}
    return kept | {name: str(value) for name, value in more.items()}


def command(*arguments):
    return [sys.executable, "-m", "otelhouse", *arguments]


def clock(nanoseconds):
    """A time as the house writes it: RFC 3339 in UTC, nine digits."""
    second, rest = divmod(nanoseconds, 10**9)
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


class House:
    """`otelhouse up` (or another role) on free ports of loopback."""

    ADDRESS = re.compile(r"(REST|MCP|OTLP/gRPC|OTLP/HTTP) +https?://127\.0\.0\.1:(\d+)")

    def __init__(self, folder, *arguments, role="up"):
        free = [f"--set={key}=0" for key in ("query.port", "mcp.port", "ingest.grpc.port", "ingest.http.port")]
        # Tests count rows; who wants the canary's too says so.
        free.append("--set=canary.enabled=false")
        self.process = subprocess.Popen(
            command(role, *free, *arguments),
            cwd=folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.errors = []
        self.ports = {}
        self._told = threading.Condition()
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()
        self._watchdog = threading.Timer(WAIT, self.process.kill)
        self._watchdog.start()

    def _listen(self):
        """Keep what the house says on standard error, so that it never waits for us."""
        for line in self.process.stderr:
            with self._told:
                self.errors.append(line)
                self._told.notify_all()

    def says(self, text):
        """Wait until the house has said `text` on standard error."""
        with self._told:
            return self._told.wait_for(lambda: any(text in line for line in self.errors), WAIT)

    def up(self):
        """Wait for the banner's end; the house then listens."""
        for line in self.process.stdout:
            if found := self.ADDRESS.search(line):
                self.ports[found[1]] = int(found[2])
            if line.startswith("Ctrl-C"):
                self._watchdog.cancel()
                return self
        self.end()
        pytest.fail("the house did not come up:\n" + "".join(self.errors))

    def end(self, number=signal.SIGTERM):
        """Send a signal, wait for the end, give the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            self.process.wait(WAIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self._watchdog.cancel()
        self._listener.join()
        self.process.stdout.close()
        self.process.stderr.close()
        return self.process.wait()

    def address(self, what):
        """Where `OTLP/gRPC`, `OTLP/HTTP` or `REST` listens."""
        return f"http://127.0.0.1:{self.ports[what]}"

    def get(self, path):
        """Status and body of a GET at the REST window."""
        try:
            with urllib.request.urlopen(self.address("REST") + path, timeout=WAIT) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def question(self, name, **parameters):
        """The rows of a question's answer over REST, each a dict."""
        status, body = self.get(f"/api/v1/questions/{name}?{urllib.parse.urlencode(parameters)}")
        assert status == 200, body
        return json.loads(body)["rows"]

    def records(self, **parameters):
        """Log records, each at a place of its own, which only paging needs."""
        rows = self.question("recent_logs", **parameters)
        assert len({row.pop("position") for row in rows}) == len(rows)
        return rows

    def run(self, *arguments):
        """A client command of the same house, which finds it by its settings."""
        ports = {
            "OTELHOUSE_QUERY_PORT": self.ports["REST"],
            "OTELHOUSE_INGEST_GRPC_PORT": self.ports["OTLP/gRPC"],
            "OTELHOUSE_INGEST_HTTP_PORT": self.ports["OTLP/HTTP"],
        }
        return subprocess.run(
            command(*arguments), env=environment(**ports), capture_output=True, text=True, timeout=WAIT, check=False
        )

    def ask(self, *arguments):
        """The rows of a question's answer through `otelhouse query`, each a dict."""
        result = self.run("query", *arguments, "--format", "ndjson")
        assert result.returncode == 0, result.stderr
        return [json.loads(line) for line in result.stdout.splitlines()]
