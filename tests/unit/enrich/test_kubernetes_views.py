"""Objects are read out of metadata, tables and whole pods."""

import pytest

from enrich.kubernetes_api import UnreachableError
from enrich.kubernetes_kinds import Resource
from enrich.kubernetes_settings import PodDetail
from enrich.kubernetes_views import MetadataView, NodeTable, PodTable, WholePods, read_one, view_of
from enrich.objects import Container, Owner

PODS = Resource("", "v1", "pods", "Pod", namespaced=True)
NODES = Resource("", "v1", "nodes", "Node", namespaced=False)
METRICS = Resource("metrics.k8s.io", "v1", "pods", "PodMetrics", namespaced=True)
COLUMNS = [{"name": name} for name in ("Name", "Ready", "Status", "Restarts", "Age", "IP", "Node")]
OWNER = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "front-abc", "uid": "rs-1", "controller": True}
METADATA = {
    "name": "front-abc-1",
    "namespace": "shop",
    "uid": "pod-1",
    "labels": {"app": "front"},
    "ownerReferences": [OWNER],
    "creationTimestamp": "2026-11-21T05:43:53Z",
}


def row(status="Running", ip="10.1.2.3", node="node-1"):
    return {"cells": ["front-abc-1", "1/1", status, "0", "5d", ip, node], "object": {"metadata": METADATA}}


def table(*rows, columns=COLUMNS):
    return {"kind": "Table", "columnDefinitions": columns, "rows": list(rows)}


def read_pod(*rows):
    (found,) = PodTable(PODS, "c-1").read(table(*rows))
    return found


def test_metadata_gives_names_labels_owners_and_the_time_of_creation():
    (found,) = MetadataView(PODS, "c-1").read({"items": [{"metadata": METADATA}]})

    assert (found.cluster_uid, found.uid, found.kind, found.version) == ("c-1", "pod-1", "Pod", "v1")
    assert (found.name, found.namespace, found.labels) == ("front-abc-1", "shop", {"app": "front"})
    assert found.owners == (Owner("rs-1", "apps", "ReplicaSet", "front-abc", controller=True, version="v1"),)
    assert found.created == 1795239833.0


def test_a_watch_event_is_read_like_a_list_of_one():
    (found,) = MetadataView(PODS, "c-1").read({"metadata": METADATA})

    assert found.uid == "pod-1"


def test_an_empty_list_may_be_null():
    assert list(MetadataView(PODS, "c-1").read({"items": None})) == []
    assert list(PodTable(PODS, "c-1").read(table())) == []


def test_a_table_gives_a_pod_s_address_and_node_and_not_whose_network_it_is_in():
    found = read_pod(row())

    assert (found.addresses, found.node, found.host_network, found.finished) == (("10.1.2.3",), "node-1", None, False)


def test_a_table_says_none_where_there_is_nothing_yet():
    found = read_pod(row("Pending", "<none>", "<none>"))

    assert (found.addresses, found.node, found.host_network) == ((), "", False)


@pytest.mark.parametrize("status", ["Completed", "Succeeded", "Failed", "Evicted"])
def test_a_pod_that_has_ended_is_finished(status):
    assert read_pod(row(status)).finished


def test_the_columns_of_the_first_event_count_for_those_after_it():
    view = PodTable(PODS, "c-1")
    turned = [COLUMNS[5], *COLUMNS[:5], COLUMNS[6]]
    cells = ["10.1.2.3", "front-abc-1", "1/1", "Running", "0", "5d", "node-1"]

    list(view.read(table({"cells": cells, "object": {"metadata": METADATA}}, columns=turned)))
    (found,) = view.read(table({"cells": cells, "object": {"metadata": METADATA}}, columns=None))

    assert found.addresses == ("10.1.2.3",)


def test_nodes_are_read_with_their_addresses():
    columns = [{"name": name} for name in ("Name", "Internal-IP", "External-IP")]
    row = {"cells": ["node-1", "10.0.0.1", "<none>"], "object": {"metadata": {"name": "node-1", "uid": "n-1"}}}

    (found,) = NodeTable(NODES, "c-1").read(table(row, columns=columns))

    assert (found.name, found.addresses) == ("node-1", ("10.0.0.1",))


def test_a_whole_pod_gives_all_addresses_containers_and_its_network():
    pod = {
        "metadata": METADATA,
        "spec": {"nodeName": "node-1", "hostNetwork": True},
        "status": {
            "phase": "Failed",
            "podIPs": [{"ip": "10.1.2.3"}, {"ip": "fd00::3"}],
            "containerStatuses": [{"name": "main", "containerID": "containerd://4d28"}, {"name": "late"}],
            "initContainerStatuses": [{"name": "init", "containerID": "cri-o://77aa"}],
        },
    }

    (found,) = WholePods(PODS, "c-1").read({"items": [pod]})

    assert found.addresses == ("10.1.2.3", "fd00::3")
    assert found.containers == (Container("main", "4d28"), Container("late"), Container("init", "77aa"))
    assert (found.node, found.host_network, found.finished) == ("node-1", True, True)
    assert read_one(PODS, "c-1", pod) == found


def test_a_single_object_may_be_metadata_alone():
    assert read_one(PODS, "c-1", {"metadata": METADATA}).uid == "pod-1"


@pytest.mark.parametrize(
    "answer",
    [
        {"rows": [{"cells": [], "object": {"metadata": METADATA}}]},
        {"columnDefinitions": COLUMNS, "rows": [{"cells": ["a"], "object": {}}]},
        {"columnDefinitions": [{"name": "Name"}], "rows": [row()]},
        {"kind": "PodList"},
    ],
)
def test_a_table_that_cannot_be_read_is_said_to_be_so(answer):
    with pytest.raises(UnreachableError, match="the answer about pods cannot be read"):
        list(PodTable(PODS, "c-1").read(answer))


def test_only_core_pods_and_nodes_are_asked_for_as_more_than_metadata():
    assert isinstance(view_of(PODS, "c-1", PodDetail.ADDRESSES), PodTable)
    assert isinstance(view_of(NODES, "c-1", PodDetail.ADDRESSES), NodeTable)
    assert isinstance(view_of(PODS, "c-1", PodDetail.CONTAINERS), WholePods)
    assert isinstance(view_of(PODS, "c-1", PodDetail.METADATA), MetadataView)
    assert isinstance(view_of(METRICS, "c-1", PodDetail.CONTAINERS), MetadataView)
