"""Doctor's look at the clusters: are they reached, which are they, and is every right there that the house wants.

In: the settings. Out: findings, one for each kind that something is missing on. Reads no objects but the namespace
kube-system.
"""

from collections.abc import Iterator, Sequence

from enrich.kubernetes_api import ClusterSettingsError, KubernetesApi, KubernetesError
from enrich.kubernetes_cluster import IN_CLUSTER, identify
from enrich.kubernetes_permissions import Right, Rights, look
from enrich.kubernetes_settings import ClusterConnection
from enrich.kubernetes_watch import ACCESS_PAGE
from otelhouse import cluster_watching
from otelhouse.doctor_checks import Diagnosis, failed, ok, warning
from otelhouse.settings import Settings


def check(settings: Settings) -> Iterator[Diagnosis]:
    """Look at every cluster of the settings."""
    connections = cluster_watching.connections(settings.enrich)
    if not connections:
        yield ok("no cluster is asked (enrich.clusters)")
        return
    kubernetes = cluster_watching.watched(settings.enrich)
    for connection in connections:
        yield from _cluster(connection, kubernetes.kinds, kubernetes.request_s)


def _cluster(connection: ClusterConnection, names: Sequence[str], request_s: float) -> Iterator[Diagnosis]:
    from enrich.kubernetes_client import open_api  # noqa: PLC0415  a house without clusters should not load it

    name = connection.name or connection.context or IN_CLUSTER
    try:
        api = open_api(connection, request_s)
    except ClusterSettingsError as error:
        yield failed(f"cluster {name}: {error}", "mend `enrich.clusters`")
        return
    name = connection.name or api.cluster_name or name
    try:
        yield from _asked(api, name, names)
    finally:
        api.close()


def _asked(api: KubernetesApi, name: str, names: Sequence[str]) -> Iterator[Diagnosis]:
    try:
        uid, version = identify(api)
        yield ok(f"cluster {name} is {uid}, Kubernetes {version}")
    except KubernetesError as error:
        yield failed(f"cluster {name}: {error}", "nothing of this cluster is known until it can be told apart")
    try:
        rights = look(api, names)
    except KubernetesError as error:
        yield failed(
            f"cluster {name}: its permissions cannot be asked for: {error}", "see that its API server is reached"
        )
        return
    yield from _told(name, rights)


def _told(name: str, rights: Rights) -> Iterator[Diagnosis]:
    for group, error in rights.kinds.failed.items():
        yield warning(
            f"cluster {name}: the API group {group} cannot be looked at: {error}", "see to the server behind it"
        )
    lacking: dict[str, list[Right]] = {}
    for right in rights.missing:
        lacking.setdefault(right.resource, []).append(right)
    for resource, missing in lacking.items():
        verbs = ", ".join(right.verb for right in missing)
        yield warning(f"cluster {name}: may not {verbs} {resource}", f"grant it, see {ACCESS_PAGE}")
    if rights.kinds.missing:
        yield ok(f"cluster {name} does not have {', '.join(rights.kinds.missing)}; nothing is missed")
    if not lacking:
        yield ok(f"cluster {name} grants all that is wanted on {len(rights.kinds.resources)} kinds")
