"""A house with telemetry, secrets that no agent may see, and readers with tokens; asked over MCP as any client would.

For the acceptance tests of the window for agents, over both doors: the embedded engine, and a server of its own whose
user for agents' SQL is made by `otelhouse mcp-user`.
"""

import json
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import ExitStack

import agents_telemetry
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from running_house import WAIT, House, command, environment

from bench.clickhouse_server import ClickHouseServer
from store.opening import open_store
from store.port import Select
from store.settings import StoreSettings

MODERN = "2026-07-28"
PASSWORD = "of the agent alone"
LEAK = "ZANZIBAR"
"""Stands in everything that nobody but the house may see."""

_DEFAULT_USER = """
        <default>
            <password/>
            <networks><ip>127.0.0.1</ip><ip>::1</ip></networks>
            <profile>default</profile>
            <quota>default</quota>
            <access_management>1</access_management>
        </default>
"""


def agent_config(username="otelhouse_agent", database="default"):
    """A server's configuration with the user that `otelhouse mcp-user --format xml` makes."""
    made = subprocess.run(
        command("mcp-user", "--username", username, "--format", "xml", f"--set=store.database={database}"),
        input=f"{PASSWORD}\n", env=environment(), capture_output=True, text=True, timeout=WAIT, check=True,
    )  # fmt: skip
    users = (
        "<user_directories><users_xml><path>config.xml</path></users_xml></user_directories><quotas><default/></quotas>"
    )
    return (
        made.stdout.replace("<clickhouse>", f"<clickhouse>{users}", 1)
        .replace("<profiles>", "<profiles><default/>", 1)
        .replace("<users>", f"<users>{_DEFAULT_USER}", 1)
    )


class Scene:
    """One running house. `reader` gives a client with a token's rights."""

    def __init__(self, door, folder):
        self.door = door
        self.folder = folder
        self._closing = ExitStack()
        self.secret_file = folder / "secret.txt"
        self.secret_file.write_text(f"{LEAK} in a file\n")
        self.tokens = {}
        self.server = None
        arguments = [f"--set=identity.tokens_file={folder / 'tokens.json'}"]
        for name, more in READERS.items():
            self._make_token(name, "--kind", "read", *more)
        self._make_token("sender", "--kind", "ingest")
        if door == "server":
            self.server = self._closing.enter_context(ClickHouseServer(agent_config()))
            arguments += [
                "--clickhouse", self.server.url, "--set=store.database=default",
                "--set=mcp.sql.username=otelhouse_agent", f"--set=mcp.sql.password={PASSWORD}",
            ]  # fmt: skip
        arguments += ["--set=mcp.sql.seconds=4", "--set=mcp.sql.memory_bytes=134217728", "--set=query.max_per_reader=0"]
        self.house = House(folder, *arguments)
        self._closing.callback(self.house.end)
        self.house.up()
        for place in ("east", "west"):
            self._send_logs(place)

    def close(self):
        self._closing.close()

    def _make_token(self, name, *more):
        made = subprocess.run(
            command("token", "create", name, "--file", str(self.folder / "tokens.json"), *more),
            env=environment(), capture_output=True, text=True, timeout=WAIT, check=True,
        )  # fmt: skip
        self.tokens[name] = next(word for word in made.stdout.split() if word.startswith(("ohr_", "ohi_")))

    def _send_logs(self, place):
        request = ExportLogsServiceRequest()
        batch = request.resource_logs.add()
        for key, value in (
            ("service.name", f"shop-{place}"),
            ("k8s.cluster.name", place),
            ("k8s.namespace.name", "shop"),
        ):
            batch.resource.attributes.append(KeyValue(key=key, value=AnyValue(string_value=value)))
        scope = batch.scope_logs.add()
        for n in range(20):
            record = scope.log_records.add()
            record.severity_number = 17 if n % 2 else 9
            record.time_unix_nano = record.observed_time_unix_nano = time.time_ns()
            told = LEAK if place == "west" else "plain"
            record.body.string_value = f"{told} message {n}, password: hunter2222"
        self.send("logs", request.SerializeToString())

    def tell_more(self):
        """Spans, metrics, events and pods' logs of both places."""
        for place, word in (("east", "plain"), ("west", LEAK)):
            for signal, body in agents_telemetry.bodies(place, word):
                self.send(signal, body, "application/json")

    def send(self, signal, body, kind="application/x-protobuf"):
        url = f"{self.house.address('OTLP/HTTP')}/v1/{signal}"
        headers = {"content-type": kind, "authorization": f"Bearer {self.tokens['sender']}"}
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=WAIT) as answer:
            assert answer.status == 200

    def reader(self, name="all"):
        return Agent(f"{self.house.address('MCP')}/mcp", self.tokens[name])

    def stores_rows(self):
        """Rows of the house's own, through REST: whether anything was written or dropped."""
        url = f"{self.house.address('REST')}/api/v1/questions/storage"
        asked = urllib.request.Request(url, headers={"authorization": f"Bearer {self.tokens['all']}"})
        with urllib.request.urlopen(asked, timeout=WAIT) as answer:
            rows = json.loads(answer.read())["rows"]
        return {row["table"]: row["rows"] for row in rows if not row["table"].startswith("otel_audit")}

    def running(self):
        """Statements that run in ClickHouse beside the one that asks; of a server alone."""
        store = open_store(StoreSettings(url=self.server.url))
        try:
            asked = (
                "SELECT query FROM system.processes WHERE query_id != queryID() AND query NOT LIKE '%sleepEachRow(3)%'"
            )
            return [str(row[0]) for row in store.select(Select(asked)).rows]
        finally:
            store.close()


READERS = {
    "all": ("--role", "admin"),
    "viewer": ("--role", "viewer"),
    "east": ("--role", "viewer", "--cluster", "east"),
    "traces-only": ("--role", "viewer", "--signal", "traces"),
}


class Agent:
    """A client of the window that speaks JSON-RPC by hand."""

    def __init__(self, url, token=""):
        self.url = url
        self.token = token

    def post(self, message, **headers):
        """Status and body of one POST."""
        sent = {
            "content-type": "application/json",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        if self.token:
            sent["authorization"] = f"Bearer {self.token}"
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url, body, sent), timeout=WAIT) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def ask(self, method, **params):
        """The result of a request in the era of handshakes, without one."""
        status, body = self.post({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        assert status == 200, body
        answer = json.loads(body)
        assert "result" in answer, answer
        return answer["result"]

    def call(self, name, **arguments):
        """A tool's result."""
        return self.ask("tools/call", name=name, arguments=arguments)

    def sql(self, query, **more):
        return self.call("run_select_query", query=query, **more)
