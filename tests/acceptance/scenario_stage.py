"""Everything between a cluster and who asks about it, for end-to-end scenarios: the real parts, once for a module.

In: a ClickHouse database and a folder. Out: a kube-apiserver with the rights that the chart gives, Collectors with
deploy/collector/ that watch it and read pod logs, a house that watches it too, its live stream, and agents that ask by
the SDK's client. `acting_cluster` is what acts in the cluster.
"""

import asyncio
import json
import secrets
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2
import yaml
from acting_cluster import ActingCluster
from live_stream import LiveStream
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from running_collector import DEPLOY, Collector
from running_house import WAIT, House

from bench.kube_apiserver import ADMIN, KubeApiserver
from store.opening import open_store
from store.port import Select

CLUSTER = "stage"
USERS = {"token-of-house": "house", "token-of-collector": "collector"}
ROLES = {"house": "observability-otelhouse-ingest", "collector": "observability-otelhouse-collector-otelhouse-cluster"}
RENDERED = Path(__file__).parents[1] / "chart" / "golden" / "everything.yaml"
RBAC = "/apis/rbac.authorization.k8s.io/v1"


def until(done, *, seconds=WAIT):
    """Wait until `done()` is true, and give what it gave."""
    pause, end = threading.Event(), time.monotonic() + seconds
    while not (found := done()) and time.monotonic() < end:
        pause.wait(0.2)
    return found


def next_second():
    """Wait for the clock's second to turn, and give it. Kubernetes tells no more of a time than its second."""
    wanted = int(time.time()) + 1
    assert until(lambda: time.time() >= wanted, seconds=5)
    return wanted


class Told:
    """A tool's answer."""

    def __init__(self, result):
        self.text = result.content[0].text
        self.structured = result.structured_content
        assert not result.is_error, self.text

    def rows(self, place=0):
        """The rows of one of its tables, each a dict."""
        tables = self.structured["tables"]
        if place >= len(tables):
            return []
        table = tables[place]
        return [dict(zip(table["columns"], row, strict=True)) | table.get("in_all_rows", {}) for row in table["rows"]]

    def titled(self, title):
        places = [n for n, table in enumerate(self.structured["tables"]) if table.get("title", "").startswith(title)]
        return self.rows(places[0]) if places else []


class Agent:
    """Asks an MCP window as any agent does, by the Python SDK's client."""

    def __init__(self, address):
        self._url = f"{address}/mcp?toolsets=all"

    def call(self, tool, **arguments):
        async def speak():
            async with (
                httpx2.AsyncClient(timeout=WAIT) as http,
                Client(streamable_http_client(self._url, http_client=http), mode="auto") as client,
            ):
                return await client.call_tool(tool, arguments)

        return Told(asyncio.run(speak()))

    def problems(self, namespace=""):
        """What find_problems says is wrong there or anywhere, worst first."""
        told = self.call("find_problems", since="10m", **({"namespace": namespace} if namespace else {}))
        return told, told.titled("problems")


class Stage:
    """A cluster, its Collectors, and one house."""

    def __init__(self, database, folder):
        self.database = database
        self.folder = folder
        self.logs = folder / "pods"
        self._closing = ExitStack()
        self.collectors = []

    def open(self):
        """Start everything, and return once each part has heard of the others."""
        server = self.server = self._closing.enter_context(KubeApiserver(tokens=USERS))
        _grant(server)
        self.uid = server.call("GET", "/api/v1/namespaces/kube-system")["metadata"]["uid"]
        for token, user in USERS.items():
            server.write_kubeconfig(self.folder / user, {user: token})
        self.admin = server.write_kubeconfig(self.folder / "admin", {"admin": ADMIN})
        store = open_store(self.database)
        self._closing.callback(store.close)
        self._store = store
        self.house = self.start_house(self.database)
        self.stream = self.watch(self.house)
        self.agent = Agent(self.house.address("MCP"))
        self.start_collector("deployment", self.house, *OF_THE_CLUSTER)
        self.start_collector("daemonset", self.house, *self._of_the_node())
        return self

    def close(self):
        self._closing.close()

    def start_house(self, database, role="up"):
        """A house, or one role of it, that watches the cluster where it takes telemetry in."""
        folder = self.folder / f"{role}-{secrets.token_hex(4)}"
        folder.mkdir()
        enrich = {"clusters": [{"name": CLUSTER, "kubeconfig": str(self.folder / "house")}]}
        config = folder / "otelhouse.yaml"
        config.write_text(json.dumps({"enrich": enrich} if role in {"up", "ingest"} else {}))
        place = (f"--config={config}", "--clickhouse", database.url, f"--set=store.database={database.database}")
        house = House(folder, *place, role=role)
        self._closing.callback(house.end)
        return house.up()

    def watch(self, house, path="/notifications/"):
        """A live stream, connected until the stage closes."""
        stream = LiveStream(house.address("REST"), path).open()
        self._closing.callback(stream.close)
        return stream

    def start_collector(self, configuration, house, *changes):
        number = len(self.collectors)
        collector = Collector(
            DEPLOY / f"{configuration}.yaml",
            self.folder / f"collector-{number}",
            house.address("OTLP/gRPC"),
            *changes,
            K8S_AUTH_TYPE="kubeConfig",
            KUBECONFIG=self.folder / "collector",
            K8S_CLUSTER_NAME=CLUSTER,
        )
        self.collectors.append(collector.start())
        self._closing.callback(collector.end)
        return collector

    @contextmanager
    def aside(self):
        """What is started inside ends with the block."""
        kept, self._closing = self._closing, ExitStack()
        try:
            with self._closing:
                yield
        finally:
            self._closing = kept

    @contextmanager
    def database_beside(self, name):
        """One more empty database at the same server."""
        self._store.select(Select(f"CREATE DATABASE {name}"))
        try:
            yield self.database.model_copy(update={"database": name})
        finally:
            self._store.select(Select(f"DROP DATABASE {name} SYNC"))

    def _of_the_node(self):
        """Read the pods' logs, and ask no kubelet, which there is not."""
        return (
            f"yaml:receivers::filelog::include: ['{self.logs}/*/*/*.log']",
            "yaml:service::pipelines::metrics::receivers: [hostmetrics]",
        )

    def enter(self, scenario):
        """A namespace of its own for a scenario."""
        return ActingCluster(self.server, self.logs, f"{scenario}-{secrets.token_hex(4)}")

    def ask(self, sql, **values):
        """Rows of ClickHouse itself, past the house."""
        return self._store.select(Select(sql, values)).rows

    def told(self):
        """For a failure: what the Collectors said."""
        return "".join(one.told[-3000:] for one in self.collectors)


OF_THE_CLUSTER = ("yaml:receivers::k8s_cluster::collection_interval: 1s",)


def _grant(server):
    """The rights that the chart gives, to the users of the tests."""
    rendered = [one for one in yaml.safe_load_all(RENDERED.read_text(encoding="utf-8")) if one]
    rules = {one["metadata"]["name"]: one["rules"] for one in rendered if one["kind"] == "ClusterRole"}
    for user, role in ROLES.items():
        server.call("POST", f"{RBAC}/clusterroles", {"metadata": {"name": user}, "rules": rules[role]})
        group = "rbac.authorization.k8s.io"
        binding = {
            "metadata": {"name": user},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": user},
            "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
        }
        server.call("POST", f"{RBAC}/clusterrolebindings", binding)
