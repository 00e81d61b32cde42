"""`otelhouse migrate` on a cluster: every node is brought to the tables of this release, one after the other.

In: a store on any node, a way to open the others, the layout. Out: one `MigrationReport`, whose titles name the nodes.
Each node is told by itself, over the address that the cluster has for it, and keeps a ledger and a lock of its own: a
node that is added later is brought up to date by running it again, and ClickHouse's queue for ON CLUSTER is not needed.

Refused: a cluster that the node does not know (`ClusterError`), a node that does not answer (`NodeError`, which names
it; the nodes before it are done), replicas of tables that are not replicated, and what `sql.migrate` refuses.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from importlib import resources

from sql import cluster_plan, existing_tables, migrate, rendering
from sql.cluster_plan import ClusterLayout
from sql.migrate import MigrationReport
from sql.settings import SchemaSettings
from store.errors import NotReachableError, RetryableError, StoreError
from store.port import Limits, Select, Store

_LIMITS = Limits(seconds=10.0, rows=1000)


class ClusterError(Exception):
    """The cluster is not as the settings say."""


class NodeError(NotReachableError):
    """A node of the cluster does not answer; the message names it."""


@dataclass(frozen=True, slots=True)
class Node:
    """One ClickHouse server of the cluster."""

    shard: int
    replica: int
    host: str
    port: int
    """Of the native protocol."""

    def __str__(self) -> str:
        return f"shard {self.shard} replica {self.replica} ({self.host}:{self.port})"


OpenNode = Callable[[Node, str], Store]
"""Opens a door to a node, on a database."""


def nodes(store: Store, cluster: str) -> list[Node]:
    """The nodes of the cluster, by shard. Raises `ClusterError` where the server knows no such cluster."""
    rows = store.select(Select(_text("nodes"), {"cluster": cluster}, _LIMITS)).rows
    if not rows:
        raise ClusterError(
            f"ClickHouse knows no cluster {cluster}: store.cluster names one of those in system.clusters, which "
            "remote_servers in the configuration of every node describes"
        )
    return [Node(int(str(shard)), int(str(replica)), str(host), int(str(port))) for shard, replica, host, port in rows]


def run(
    store: Store,
    open_node: OpenNode,
    layout: ClusterLayout,
    settings: SchemaSettings,
    *,
    dry_run: bool = False,
    said: Callable[[str], object] | None = None,
) -> MigrationReport:
    """Bring every node up to date; with `dry_run`, say what that would take."""
    found = nodes(store, layout.cluster)
    if not layout.replicated and (copies := [node for node in found if node.replica > 1]):
        raise ClusterError(f"{copies[0]} is a replica, and would get rows of its own: set sql.replicated")
    report = MigrationReport()
    for node in found:
        try:
            for name, one in _of_node(node, open_node, layout, settings, dry_run=dry_run, said=said):
                report.applied.extend(f"{node}: {name}{title}" for title in one.applied)
                report.pending.extend(f"{node}: {name}{title}" for title in one.pending)
                report.statements.extend(one.statements)
        except RetryableError as error:
            raise NodeError(f"{node} of cluster {layout.cluster}: {error}", code=error.code) from error
    return report


def silent(found: Iterable[Node], open_node: OpenNode) -> Iterator[tuple[Node, str]]:
    """The nodes that do not answer, each with what happened."""
    for node in found:
        with closing(open_node(node, "default")) as door:
            try:
                door.select(Select(_text("macros"), limits=_LIMITS))
            except StoreError as error:
                yield node, str(error)


def _of_node(
    node: Node,
    open_node: OpenNode,
    layout: ClusterLayout,
    settings: SchemaSettings,
    *,
    dry_run: bool,
    said: Callable[[str], object] | None,
) -> Iterator[tuple[str, MigrationReport]]:
    """Bring one node's two databases up to date: its parts, then the front, which takes its columns from them."""
    with closing(open_node(node, "default")) as door:
        if layout.replicated:
            _refuse_without_macros(door, node)
        made = MigrationReport(**_databases(door, layout, dry_run=dry_run))
        yield "", made
        if made.pending:
            return  # nothing can be looked at yet
    with closing(open_node(node, layout.shard_database)) as door:
        plan = cluster_plan.parts(layout)
        yield f"{layout.shard_database}: ", migrate.carry_out(door, settings, plan, dry_run=dry_run, said=said)
        here = existing_tables.read(door)
    with closing(open_node(node, layout.database)) as door:
        plan = cluster_plan.front(layout, here)
        yield f"{layout.database}: ", migrate.carry_out(door, settings, plan, dry_run=dry_run, said=said)


def _databases(door: Store, layout: ClusterLayout, *, dry_run: bool) -> dict[str, list[str]]:
    """Make what is missing of the two databases."""
    names = {"database": layout.database, "shard_database": layout.shard_database}
    here = {str(row[0]) for row in door.select(Select(_text("databases"), names, _LIMITS)).rows}
    missing = [name for name in (layout.shard_database, layout.database) if name not in here]
    values = {"on_cluster": ""}
    statements = [
        rendering.fill(_text("create_database"), {**values, "database": rendering.identifier(name)}).rstrip()
        for name in missing
    ]
    if not dry_run:
        for statement in statements:
            door.select(Select(statement, limits=_LIMITS))
    return {"pending" if dry_run else "applied": [f"make {name}" for name in missing], "statements": statements}


def _refuse_without_macros(door: Store, node: Node) -> None:
    known = {str(row[0]) for row in door.select(Select(_text("macros"), limits=_LIMITS)).rows}
    if lacking := sorted({"shard", "replica"} - known):
        raise ClusterError(
            f"{node} has no macro {' and '.join(lacking)}, which replicated tables find each other by: set them under "
            "`macros` in its configuration, or sql.replicated to false where each shard is one node"
        )


@cache
def _text(name: str) -> str:
    return (resources.files("sql") / "cluster" / f"{name}.sql").read_text(encoding="utf-8")
