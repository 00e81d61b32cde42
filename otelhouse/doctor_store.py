"""Doctor's look at ClickHouse: does it answer, is it one that can be used, and then at what is in it.

In: the settings. Out: findings. Makes nothing: where the embedded engine's folder does not exist yet, that is said.
"""

import contextlib
import shlex
import stat
from collections.abc import Iterator
from functools import partial

from otelhouse import doctor_clickhouse, doctor_questions, doctor_tables, house_access, table_opening
from otelhouse.doctor_checks import Diagnosis, failed, ok, warning
from otelhouse.opening import UNKNOWN_DATABASE, name_of
from otelhouse.settings import Settings
from sql import cluster_migration, server_version
from store import opening
from store.errors import MisconfiguredError, StoreError
from store.port import Store


def check(settings: Settings) -> Iterator[Diagnosis]:
    """Look at the store of the settings."""
    store = settings.store
    name = name_of(store)
    try:
        if store.embedded and not store.path.expanduser().exists():
            yield ok(f"there is no {store.path} yet; `otelhouse up` makes it")
            return
        yield from _who_may_read(settings)
        with contextlib.closing(opening.open_store(store)) as opened:
            yield from _look(opened, name, settings)
    except MisconfiguredError as error:
        if _no_database(error):
            yield failed(f"{name}: {error}", "make the database: otelhouse migrate")
        elif store.embedded:  # a folder belongs to one process alone
            ready = f"{house_access.rest_url(settings)}/readyz"
            yield warning(f"{name}: {error}", f"if a house holds it, ask that one: GET {ready}")
        else:
            yield failed(f"{name}: {error}", "mend the settings under `store`")
    except (StoreError, OSError) as error:
        yield failed(f"{name}: {error}", "see that it runs, and `store.url`")


def _who_may_read(settings: Settings) -> Iterator[Diagnosis]:
    """The engine writes its files for everybody to read, so that it is the folder that must keep others out."""
    store = settings.store
    if not store.embedded:
        return
    others = stat.S_IMODE(store.path.expanduser().stat().st_mode) & 0o077
    if others:
        what = f"other users of this machine may look into {store.path}, and so read the telemetry in it"
        yield warning(what, f"let its owner alone: chmod 700 {shlex.quote(str(store.path.expanduser()))}")


def _no_database(error: StoreError) -> bool:
    return error.code == UNKNOWN_DATABASE


def _look(store: Store, name: str, settings: Settings) -> Iterator[Diagnosis]:
    try:
        version = server_version.read(store)
        server_version.check(version)
    except server_version.UnsupportedVersionError as error:
        yield failed(str(error), "install another ClickHouse")
        return
    yield ok(f"{name} answers, version {version}")
    if settings.store.cluster:
        yield from _nodes(store, settings)
    yield from doctor_clickhouse.look(store, settings)
    yield from doctor_questions.look(settings)
    yield from doctor_tables.look(store, settings)


def _nodes(store: Store, settings: Settings) -> Iterator[Diagnosis]:
    """Each node of the cluster by itself."""
    cluster = settings.store.cluster
    try:
        found = cluster_migration.nodes(store, cluster)
    except cluster_migration.ClusterError as error:
        yield failed(str(error), "mend store.cluster")
        return
    silent = dict(cluster_migration.silent(found, partial(table_opening.open_node, settings.store)))
    for node, problem in silent.items():
        yield failed(
            f"{node} of cluster {cluster} does not answer: {problem}",
            "start it, or mend its address in remote_servers; until then answers are partial and what comes in waits",
        )
    if not silent:
        yield ok(f"all {len(found)} nodes of cluster {cluster} answer")
