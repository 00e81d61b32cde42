"""How many kinds of a cluster are watched: no more than the settings allow, and always the same ones."""

import pytest
from prometheus_client import CollectorRegistry
from scripted_api import PATIENCE, ScriptedApi, page

from enrich.clusters import Clusters
from enrich.directory import Directory
from enrich.kubernetes_api import ApiError
from enrich.kubernetes_cluster import KUBE_SYSTEM, ClusterWatch, Desk
from enrich.kubernetes_counters import KubernetesCounters
from enrich.kubernetes_problems import Problems
from enrich.kubernetes_settings import ClusterConnection, KubernetesSettings

GROUP = "composition.example.org"
PATH = f"/apis/{GROUP}/v1"


def kinds(*plurals):
    verbs = ["get", "list", "watch"]
    return {"resources": [{"name": one, "kind": one.title(), "namespaced": True, "verbs": verbs} for one in plurals]}


@pytest.fixture
def answers():
    return {
        KUBE_SYSTEM: {"metadata": {"uid": "cluster-uid"}},
        "/version": {"gitVersion": "v1.35.0"},
        "/apis": {"groups": [{"name": GROUP, "versions": [{"version": "v1"}]}]},
        "/api/v1": kinds("pods"),
        PATH: kinds(*(f"shop{number}" for number in range(6))),
        "/api/v1/pods": page("1"),
        **{f"{PATH}/{name}": page("1") for name in ("first", *(f"shop{number}" for number in range(6)))},
    }


@pytest.fixture
def cluster(answers):
    """A cluster whose kinds are looked at once, by hand."""
    settings = KubernetesSettings(kinds=["pods", f"*.{GROUP}"], max_kinds=4, pod_detail="metadata")
    problems = Problems()
    counters = KubernetesCounters(CollectorRegistry(), problems)
    desk = Desk(Directory(), Clusters(1), problems, counters, settings, lambda *_: ScriptedApi(answers=answers))
    cluster = ClusterWatch(ClusterConnection(name="north"), 0, desk)
    yield cluster
    cluster.stop()
    assert cluster.join(PATIENCE)


def test_kinds_beyond_the_most_are_not_watched_and_are_a_problem(cluster):
    cluster._look()

    assert sorted(cluster.watches) == ["pods", *(f"shop{number}.{GROUP}" for number in range(3))]
    (problem,) = cluster._desk.problems.all()
    assert "3 kinds are beyond enrich.kubernetes.max_kinds" in problem
    assert f"shop3.{GROUP}, shop4.{GROUP}, shop5.{GROUP}" in problem


def test_a_new_kind_takes_no_watch_from_another(cluster, answers):
    cluster._look()
    before = cluster.watches
    answers[PATH] = kinds("first", *(f"shop{number}" for number in range(6)))
    cluster._look()

    assert cluster.watches == before


def test_when_kinds_go_others_are_watched_and_the_problem_is_over(cluster, answers):
    cluster._look()
    answers[PATH] = kinds("shop1", "shop4", "shop5")
    cluster._look()

    assert sorted(cluster.watches) == ["pods", f"shop1.{GROUP}", f"shop4.{GROUP}", f"shop5.{GROUP}"]
    assert cluster._desk.problems.all() == ()


def test_the_watches_of_a_group_that_cannot_be_looked_at_go_on_and_count(cluster, answers):
    cluster._look()
    before = sorted(cluster.watches)
    answers["/api/v1"] = kinds("pods", "services", "nodes")
    answers[PATH] = ApiError(503, "ServiceUnavailable", "no endpoints")
    cluster._look()

    assert sorted(cluster.watches) == before
