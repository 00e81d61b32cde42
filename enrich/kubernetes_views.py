"""How objects are asked for, and how they are read out of answers.

In: pages of a list and objects of watch events, as JSON. Out: `KubernetesObject`s. Three views:

    metadata    PartialObjectMetadata: nothing but metadata, of any kind
    table       the table of `kubectl get -o wide` with metadata beside each row: a pod's IP and node, a node's IP
    whole pods  all addresses, container ids, host network; several times the bytes

A table does not say whether a pod is in the network of its node, and such a pod's address is also that of every other
one there. `host_network` is None then, and whoever looks for an address compares it with the node's.
Raises `UnreachableError` for what cannot be read.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol

from enrich.kubernetes_api import JSON, METADATA, METADATA_LIST, TABLE, UnreachableError
from enrich.kubernetes_kinds import Resource
from enrich.kubernetes_settings import PodDetail
from enrich.objects import Container, KubernetesObject, Owner

Json = Mapping[str, Any]

_FINISHED_PHASES = frozenset({"Succeeded", "Failed"})
_FINISHED_WORDS = _FINISHED_PHASES | {"Completed", "Evicted"}
"""In the column Status of a table; other words (`Error`) may stand there while some containers run."""
_NOTHING = "<none>"
"""What a table says where there is nothing."""


class View(Protocol):
    """One way to ask for a kind and to read it."""

    list_accept: str
    watch_accept: str
    query: Mapping[str, str]

    def read(self, answer: Json) -> Iterator[KubernetesObject]:
        """The objects of a page, or of one watch event. Raises `UnreachableError`."""


def view_of(resource: Resource, cluster_uid: str, detail: PodDetail) -> View:
    """The view for a kind."""
    core = resource.group == ""
    if detail is PodDetail.METADATA or not core or resource.plural not in {"pods", "nodes"}:
        return MetadataView(resource, cluster_uid)
    if resource.plural == "nodes":
        return NodeTable(resource, cluster_uid)
    return WholePods(resource, cluster_uid) if detail is PodDetail.CONTAINERS else PodTable(resource, cluster_uid)


class MetadataView:
    """Metadata alone."""

    list_accept = METADATA_LIST
    watch_accept = METADATA
    query: Mapping[str, str] = {}

    def __init__(self, resource: Resource, cluster_uid: str) -> None:
        self._resource = resource
        self._cluster_uid = cluster_uid

    def read(self, answer: Json) -> Iterator[KubernetesObject]:
        """See `View`."""
        try:
            for item in answer["items"] or () if "items" in answer else (answer,):
                yield _object(self._resource, self._cluster_uid, item["metadata"])
        except (KeyError, TypeError, ValueError) as error:
            raise _unreadable(self._resource, error) from error


class WholePods:
    """Pods with all that is in them."""

    list_accept = JSON
    watch_accept = JSON
    query: Mapping[str, str] = {}

    def __init__(self, resource: Resource, cluster_uid: str) -> None:
        self._resource = resource
        self._cluster_uid = cluster_uid

    def read(self, answer: Json) -> Iterator[KubernetesObject]:
        """See `View`."""
        try:
            for pod in answer["items"] or () if "items" in answer else (answer,):
                yield _object(self._resource, self._cluster_uid, pod["metadata"], **_whole_pod(pod))
        except (KeyError, TypeError, ValueError) as error:
            raise _unreadable(self._resource, error) from error


class _Table:
    """Rows with metadata beside them. A watch names the columns in its first event only."""

    list_accept = TABLE
    watch_accept = TABLE
    query: Mapping[str, str] = {"includeObject": "Metadata"}

    def __init__(self, resource: Resource, cluster_uid: str) -> None:
        self._resource = resource
        self._cluster_uid = cluster_uid
        self._columns: dict[str, int] = {}

    def read(self, answer: Json) -> Iterator[KubernetesObject]:
        """See `View`."""
        try:
            if columns := answer.get("columnDefinitions"):
                self._columns = {column["name"]: place for place, column in enumerate(columns)}
            for row in answer["rows"] or ():
                yield self._row(row["object"]["metadata"], row["cells"])
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise _unreadable(self._resource, error) from error

    def _row(self, metadata: Json, cells: list[Any]) -> KubernetesObject:
        raise NotImplementedError

    def _cell(self, cells: list[Any], column: str) -> str:
        text = str(cells[self._columns[column]])
        return "" if text == _NOTHING else text


class PodTable(_Table):
    """Pods with IP and node."""

    def _row(self, metadata: Json, cells: list[Any]) -> KubernetesObject:
        address = self._cell(cells, "IP")
        return _object(
            self._resource,
            self._cluster_uid,
            metadata,
            node=self._cell(cells, "Node"),
            addresses=(address,) if address else (),
            host_network=None if address else False,
            finished=self._cell(cells, "Status") in _FINISHED_WORDS,
        )


class NodeTable(_Table):
    """Nodes with their addresses, by which those pods are told that are in a node's network."""

    def _row(self, metadata: Json, cells: list[Any]) -> KubernetesObject:
        addresses = [self._cell(cells, column) for column in ("Internal-IP", "External-IP")]
        return _object(self._resource, self._cluster_uid, metadata, addresses=tuple(filter(None, addresses)))


def read_one(resource: Resource, cluster_uid: str, answer: Json) -> KubernetesObject:
    """One object as a GET gave it, with all that can be read of it. Raises `UnreachableError`."""
    try:
        more = _whole_pod(answer) if (resource.group, resource.kind) == ("", "Pod") and "spec" in answer else {}
        return _object(resource, cluster_uid, answer["metadata"], **more)
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable(resource, error) from error


def _unreadable(resource: Resource, error: Exception) -> UnreachableError:
    return UnreachableError(f"the answer about {resource.name} cannot be read: {type(error).__name__} {error}")


def _whole_pod(pod: Json) -> dict[str, Any]:
    """What a whole pod says beside its metadata: https://kubernetes.io/docs/reference/kubernetes-api/core/pod-v1/."""
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    addresses = [entry["ip"] for entry in status.get("podIPs") or () if entry.get("ip")]
    kinds = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
    containers = [one for kind in kinds for one in status.get(kind) or ()]
    return {
        "node": spec.get("nodeName") or "",
        "addresses": tuple(addresses or ([status["podIP"]] if status.get("podIP") else ())),
        "containers": tuple(Container(one["name"], _bare_id(one.get("containerID") or "")) for one in containers),
        "host_network": bool(spec.get("hostNetwork")),
        "finished": status.get("phase") in _FINISHED_PHASES,
    }


def _bare_id(container_id: str) -> str:
    """The id without its runtime: ``containerd://4d28...``."""
    return container_id.rpartition("://")[2]


def _object(resource: Resource, cluster_uid: str, metadata: Json, **more: Any) -> KubernetesObject:  # noqa: ANN401  fields of KubernetesObject
    return KubernetesObject(
        cluster_uid=cluster_uid,
        uid=metadata["uid"],
        group=resource.group,
        version=resource.version,
        kind=resource.kind,
        name=metadata["name"],
        namespace=metadata.get("namespace") or "",
        owners=tuple(_owner(owner) for owner in metadata.get("ownerReferences") or ()),
        labels=metadata.get("labels") or {},
        annotations=metadata.get("annotations") or {},
        created=_seconds(metadata.get("creationTimestamp")),
        **more,
    )


def _owner(owner: Json) -> Owner:
    group, _, version = owner["apiVersion"].rpartition("/")
    return Owner(owner["uid"], group, owner["kind"], owner["name"], bool(owner.get("controller")), version)


def _seconds(timestamp: str | None) -> float:
    """RFC 3339 in Unix seconds; 0 for none."""
    return datetime.fromisoformat(timestamp).timestamp() if timestamp else 0.0
