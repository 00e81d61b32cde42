"""One object asked for by name: found, absent, denied and failed are four answers."""

import asyncio
import dataclasses

import pytest
from prometheus_client import CollectorRegistry
from scripted_api import ScriptedApi, pod

from enrich.errors import DeniedError, FailedError
from enrich.kubernetes_api import ApiError, UnreachableError
from enrich.kubernetes_counters import KubernetesCounters
from enrich.kubernetes_fleet import Fleet
from enrich.kubernetes_lookup import Lookup
from enrich.kubernetes_problems import Problems
from enrich.kubernetes_settings import KubernetesSettings
from enrich.objects import Reference

CLUSTER = "cluster-uid"
FRONT = "/apis/apps/v1/namespaces/shop/deployments/front"
SERVER = {
    "/apis": {"groups": [{"name": "apps", "versions": [{"version": "v1"}]}]},
    "/api/v1": {
        "resources": [
            {"name": "pods", "kind": "Pod", "namespaced": True, "verbs": ["get"]},
            {"name": "nodes", "kind": "Node", "namespaced": False, "verbs": ["get"]},
        ]
    },
    "/apis/apps/v1": {
        "resources": [{"name": "deployments", "kind": "Deployment", "namespaced": True, "verbs": ["get"]}]
    },
}


class Cluster:
    """As much of a `ClusterWatch` as is asked."""

    label = "here"

    def __init__(self, api):
        self.uid = CLUSTER
        self.api = api


def reference(kind="Deployment", name="front", group="apps", version="v1", namespace="shop"):
    return Reference(CLUSTER, group, version, kind, namespace, name)


class Asked:
    def __init__(self, **answers):
        self.api = ScriptedApi(answers={**SERVER, **answers})
        self.problems = Problems()
        self.lookup = Lookup("here", self.api, self.problems, KubernetesCounters(CollectorRegistry(), self.problems))

    def get(self, *args, **kwargs):
        return self.lookup.get(reference(*args, **kwargs))


def test_an_object_is_found_by_its_name():
    found = Asked(**{FRONT: pod("front", "5")}).get()

    assert (found.cluster_uid, found.group, found.version, found.kind) == (CLUSTER, "apps", "v1", "Deployment")
    assert (found.name, found.uid) == ("front", "uid-front")


def test_a_version_that_is_no_more_leads_to_the_one_there_is():
    assert Asked(**{FRONT: pod("front", "5")}).get(version="v1beta1").version == "v1"
    assert Asked(**{FRONT: pod("front", "5")}).get(version="").version == "v1"


def test_a_namespace_is_left_out_where_the_kind_has_none():
    found = Asked(**{"/api/v1/nodes/node-1": pod("node-1", "5")}).get("Node", "node-1", "", "v1")

    assert found.name == "node-1"


def test_names_are_written_so_that_they_mean_nothing_else():
    asked = Asked(**{"/api/v1/namespaces/a%2Fb/pods/c%3Fd": pod("c", "5")})

    assert asked.get("Pod", "c?d", "", "v1", "a/b").name == "c"


@pytest.mark.parametrize("meant", [{"kind": "Unheard"}, {"group": "unheard.example.org"}])
def test_a_kind_that_the_cluster_does_not_have_has_no_objects(meant):
    assert Asked().get(**meant) is None


def test_an_object_that_is_not_there_is_an_answer():
    assert Asked(**{FRONT: ApiError(404, "NotFound", "")}).get() is None


def test_what_is_forbidden_is_told_with_the_verb_until_it_is_granted():
    asked = Asked(**{FRONT: ApiError(403, "Forbidden", "no")})

    with pytest.raises(DeniedError, match="cluster here: 403 Forbidden"):
        asked.get()
    assert asked.problems.all() == (
        "cluster here: may not get deployments.apps; grant it, see docs/kubernetes-access.md",
    )
    asked.api._answers[FRONT] = pod("front", "5")
    asked.get()

    assert asked.problems.all() == ()


@pytest.mark.parametrize("error", [ApiError(500, "InternalError", ""), UnreachableError("nobody")])
def test_a_server_in_trouble_has_failed_and_has_not_said_no(error):
    with pytest.raises(FailedError):
        Asked(**{FRONT: error}).get()


def test_kinds_are_not_looked_at_again_for_each_object():
    asked = Asked(**{FRONT: pod("front", "5")})

    asked.get()
    asked.get()

    assert [path for path, _, _ in asked.api.asked] == ["/apis", "/apis/apps/v1", FRONT, FRONT]


def test_a_cluster_that_was_built_anew_is_not_asked_under_its_old_uid_and_asked_anew_for_its_kinds():
    fleet = Fleet((), KubernetesSettings(), CollectorRegistry(), lambda *_: ScriptedApi())
    api = ScriptedApi(answers={**SERVER, FRONT: pod("front", "5")})
    cluster = Cluster(api)
    fleet.clusters = (cluster,)
    assert asyncio.run(fleet.get(reference())).name == "front"

    cluster.uid = "another"
    with pytest.raises(FailedError, match="no cluster cluster-uid is watched"):
        asyncio.run(fleet.get(reference()))
    found = asyncio.run(fleet.get(dataclasses.replace(reference(), cluster_uid="another")))

    assert found.cluster_uid == "another"
    assert [path for path, _, _ in api.asked] == ["/apis", "/apis/apps/v1", FRONT] * 2


def test_a_cluster_that_nobody_watches_cannot_be_asked():
    fleet = Fleet((), KubernetesSettings(), CollectorRegistry(), lambda *_: ScriptedApi())

    with pytest.raises(FailedError, match="no cluster cluster-uid is watched"):
        asyncio.run(fleet.get(reference()))
