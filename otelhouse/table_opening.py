"""The tables of ClickHouse, brought up to date wherever they lie: in one server, or on every node of a cluster.

In: an open store and the settings. Out: a `MigrationReport`. Raises what `sql.migrate` and `sql.cluster_migration` say
no with; each message carries its mend.
"""

from functools import partial

from otelhouse.settings import Settings
from sql import cluster_migration, cluster_plan, migrate, server_version
from sql.cluster_migration import ClusterError, Node
from sql.cluster_plan import ClusterLayout
from sql.migrate import MigrationReport
from store import opening
from store.port import Store
from store.settings import StoreSettings


def layout(settings: Settings, *, on_cluster: bool = False) -> ClusterLayout:
    """How the tables lie in the cluster of the settings."""
    store = settings.store
    return ClusterLayout(store.cluster, store.database, settings.sql.replicated, on_cluster)


def bring_up_to_date(
    store: Store, settings: Settings, *, adopt: bool = False, dry_run: bool = False
) -> MigrationReport:
    """Make the tables those of this release; `dry_run` only says what that would take."""
    if not settings.store.cluster:
        return migrate.migrate(store, settings.sql, adopt=adopt, dry_run=dry_run)
    if adopt:
        raise ClusterError("tables that a collector's exporter made are not adopted into a cluster: copy their rows")
    return cluster_migration.run(
        store, partial(open_node, settings.store), layout(settings), settings.sql, dry_run=dry_run
    )


def script(store: Store, settings: Settings) -> list[str]:
    """All statements for an empty cluster, with ON CLUSTER, for ClickHouse of the version that answers."""
    if not settings.store.cluster:
        raise ClusterError("there is no cluster: set store.cluster to its name")
    version = server_version.read(store)
    server_version.check(version)
    return cluster_plan.script(layout(settings, on_cluster=True), settings.sql, version)


def open_node(settings: StoreSettings, node: Node, database: str) -> Store:
    """A door to one node, over the address that the cluster has for it, as the same user."""
    place = settings.address
    scheme = "clickhouses" if place.secure else "clickhouse"
    host = f"[{node.host}]" if ":" in node.host else node.host
    url = f"{scheme}://{host}:{node.port}/?verify={int(place.verify)}"
    return opening.open_store(settings.model_copy(update={"url": url, "database": database, "cluster": ""}))
