"""A ClickHouse cluster of three shards, each a server process of its own, and the telemetry of `scoped_world` on it.

These servers know no replication and no ON CLUSTER, so the parts are plain MergeTree tables; all else is as in earnest.
"""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest
from answers import NOON, at
from relay import Relay
from scoped_world import CATALOGUE, EVENT, PLACES, World

from bench.clickhouse_server import ClickHouseServer
from query.desk import Desk
from query.settings import QuerySettings
from sql import cluster_migration
from sql.catalogue import Catalogue, load_catalogue
from sql.cluster_migration import Node
from sql.cluster_plan import ClusterLayout
from sql.settings import SchemaSettings
from store.opening import open_store
from store.port import Select, Store
from store.settings import StoreSettings

NAME = "house"
SHARDS = 3
FRESHNESS_S = 30.0
"""Long enough for a busy machine, on which it would not be told within the two seconds of a house."""


class Cluster:
    """Three servers that know of each other. Each speaks with the others over a `Relay`, and with itself directly."""

    def __init__(self, more: str = "") -> None:
        """`more`: a configuration that each server has beside its own."""
        with ExitStack() as opened:
            ports = _free_ports(3 * SHARDS)
            tcp, http, relayed = (ports[SHARDS * n : SHARDS * (n + 1)] for n in range(3))
            self.relays = [Relay(*pair) for pair in zip(relayed, tcp, strict=True)]
            self.servers = [
                ClickHouseServer(_config([*relayed[:own], tcp[own], *relayed[own + 1 :]], more))
                for own in range(SHARDS)
            ]
            opened.callback(self.stop)
            for server, *own in zip(self.servers, tcp, http, strict=True):
                server.tcp_port, server.http_port = own
                server.start()
                assert server.tcp_port == own[0], "the port was taken meanwhile; the others know this server by it"
            opened.pop_all()

    def settings(self, database: str = "default", *, node: int = 0) -> StoreSettings:
        return StoreSettings(url=self.servers[node].url, cluster=NAME, database=database)

    def make_databases(self, name: str) -> None:
        """These servers die of a connection to a database that is not there, so there always is one."""
        for server in self.servers:
            with closing(open_store(StoreSettings(url=server.url))) as store:
                for database in (name, f"{name}_shard"):
                    store.select(Select(f"CREATE DATABASE IF NOT EXISTS {database}"))

    def anew(self, node: int, name: str) -> None:
        """A node as it is when it has just been added: it has empty databases."""
        with closing(open_store(StoreSettings(url=self.servers[node].url))) as store:
            for database in (name, f"{name}_shard"):
                store.select(Select(f"DROP DATABASE {database} SYNC"))
                store.select(Select(f"CREATE DATABASE {database}"))

    def lose(self, node: int) -> None:
        """End a server at once, as a crash would."""
        self.relays[node].refuse()
        self.servers[node].kill()

    def revive(self, node: int) -> None:
        """Start it again on its folder and its ports."""
        self.servers[node].restart()
        self.relays[node].listen()

    @contextmanager
    def hanging(self, node: int) -> Iterator[None]:
        """A server that takes connections and says nothing, on those that it had neither."""
        process = self.servers[node].pid
        os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(process, signal.SIGCONT)

    def on_shards(self, statement: str) -> list[object]:
        """The first cell of what each shard says."""
        found = []
        for server in self.servers:
            with closing(open_store(StoreSettings(url=server.url))) as store:
                found.append(store.select(Select(statement)).rows[0][0])
        return found

    def stop(self) -> None:
        for one in self.relays:
            one.close()
        for server in self.servers:
            server.stop()


def open_node(node: Node, database: str) -> Store:
    return open_store(StoreSettings(url=f"clickhouse://{node.host}:{node.port}/", database=database))


class LoneWorld(World):
    """What `World` has, on a server that ends with the test: nothing is dropped. It always tells how far data reach."""

    def desk_of(self, catalogue: Catalogue) -> Desk:
        now = (NOON + 600) * 10**9
        return Desk(self.store, catalogue, QuerySettings(), now=lambda: now, freshness_seconds=FRESHNESS_S)

    def _drop(self) -> None:
        pass


class ClusterWorld(LoneWorld):
    """What `World` has, spread over a cluster."""

    def __init__(self, cluster: Cluster, name: str, places: list[str]) -> None:
        self.cluster = cluster
        super().__init__(cluster.settings(), name, places)

    def desk_of(self, catalogue: Catalogue) -> Desk:
        there = load_catalogue(cluster=NAME) if catalogue is CATALOGUE else catalogue
        return super().desk_of(there)

    def _make_tables(self, settings: SchemaSettings) -> None:
        self.cluster.make_databases(self.name)
        layout = ClusterLayout(NAME, self.name, replicated=False)
        cluster_migration.run(self.store, open_node, layout, settings)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with ExitStack() as running:
        cluster = Cluster()
        running.callback(cluster.stop)
        yield cluster


@pytest.fixture(scope="module")
def spread(cluster: Cluster) -> Iterator[ClusterWorld]:
    """All of it, over three shards."""
    with closing(ClusterWorld(cluster, "spread", [*PLACES])) as world:
        world.put("otel_logs", [{**EVENT, "IngestedAt": at(5)}])
        yield world


@pytest.fixture(scope="module")
def whole(cluster: Cluster) -> Iterator[World]:
    """The same on one of the servers alone."""
    with closing(LoneWorld(StoreSettings(url=cluster.servers[0].url), "whole", [*PLACES])) as world:
        world.put("otel_logs", [{**EVENT, "IngestedAt": at(5)}])
        yield world


@pytest.fixture(scope="module")
def whole_east(cluster: Cluster) -> Iterator[World]:
    """Nothing but the place east, on one server."""
    with closing(LoneWorld(StoreSettings(url=cluster.servers[0].url), "whole_east", ["east"])) as world:
        yield world


def _free_ports(number: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _config(ports: list[int], more: str) -> str:
    shards = "".join(
        "<shard><internal_replication>true</internal_replication>"
        f"<replica><host>127.0.0.1</host><port>{port}</port></replica></shard>"
        for port in ports
    )
    servers = f"<clickhouse><remote_servers><{NAME}>{shards}</{NAME}></remote_servers>"
    return more.replace("<clickhouse>", servers, 1) if more else f"{servers}</clickhouse>"
