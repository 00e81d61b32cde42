"""What happens to a cluster's objects is in the directory: with a real kube-apiserver, and with recordings of one."""

import pytest
from kubernetes_worlds import GROUP, RECORDING, Live, Recorded, Watcher, admin_connection

from bench.kube_apiserver import ADMIN
from enrich.kubernetes_settings import ClusterConnection

PODS = "/api/v1/namespaces/default/pods"
APPS = "/apis/apps/v1/namespaces/default"
COMPOSITIONS = f"/apis/{GROUP}/v1-0-0"
READER = "reader-token"
LIVE = pytest.param("live", marks=pytest.mark.kubernetes)


@pytest.fixture(params=[LIVE] if RECORDING else [LIVE, "recorded"])
def start_cluster(request):
    """Gives a function that starts a cluster, real or recorded; one test may start several."""
    name = request.node.originalname.removeprefix("test_")
    clusters = []

    def start(suffix="", **server):
        if request.param == "live":
            made = Live(request.getfixturevalue("start_kube_apiserver")(**server), name + suffix)
        else:
            made = Recorded(name + suffix)
        clusters.append(made)
        return made

    yield start
    for cluster in clusters:
        cluster.close()


@pytest.fixture
def watch():
    """Gives a function that watches clusters until the end of the test."""
    watchers = []

    def begin(connections, **settings):
        watcher = Watcher(connections, **settings)
        watchers.append(watcher)
        watcher.start()
        return watcher

    yield begin
    for watcher in watchers:
        assert watcher.fleet.stop(5.0), "a thread did not end"


@pytest.fixture
def cluster(start_cluster):
    return start_cluster()


@pytest.fixture
def watcher(cluster, watch, tmp_path):
    watcher = watch([admin_connection(cluster, tmp_path)])
    watcher.watches_all()
    return watcher


def pod(name, labels=None, owner=None, node=""):
    metadata = {"name": name, "labels": labels or {}, "ownerReferences": [owner] if owner else []}
    spec = {"containers": [{"name": "main", "image": "shop"}], **({"nodeName": node} if node else {})}
    return {"metadata": metadata, "spec": spec}


def owned_by(made, *, controller=True):
    kind, version = made["kind"], made["apiVersion"]
    metadata = made["metadata"]
    return {
        "apiVersion": version, "kind": kind, "name": metadata["name"], "uid": metadata["uid"], "controller": controller,
    }  # fmt: skip


def workload(kind, name, owner=None):
    template = {"metadata": {"labels": {"app": name}}, "spec": pod(name)["spec"]}
    spec = {"selector": {"matchLabels": {"app": name}}, "template": template}
    metadata = {"name": name, "ownerReferences": [owner] if owner else []}
    return {"kind": kind, "apiVersion": "apps/v1", "metadata": metadata, "spec": spec}


def composition_kind(plural, kind, *, namespaced=True):
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1-0-0", "served": True, "storage": True, "schema": schema}
    names = {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"}
    scope = "Namespaced" if namespaced else "Cluster"
    spec = {"group": GROUP, "names": names, "scope": scope, "versions": [version]}
    return {"metadata": {"name": f"{plural}.{GROUP}"}, "spec": spec}


def composition(kind, name):
    return {"apiVersion": f"{GROUP}/v1-0-0", "kind": kind, "metadata": {"name": name}}


def add_composition_kind(cluster, watcher, plural, kind, *, namespaced=True):
    """Make a kind of composition, and wait until it is served and watched."""
    made = composition_kind(plural, kind, namespaced=namespaced)
    cluster.call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", made)
    name = f"{plural}.{GROUP}"
    watcher.eventually(lambda: name in watcher.fleet.clusters[0].watches)
    watcher.eventually(lambda: watcher.fleet.clusters[0].watches[name].synced)


def test_a_cluster_is_known_by_its_kube_system_namespace_and_its_name(cluster, watcher):
    uid = cluster.call("GET", "/api/v1/namespaces/kube-system")["metadata"]["uid"]

    assert watcher.clusters.only.uid == uid
    assert watcher.clusters.only.name == "here"
    assert watcher.fleet.clusters[0].version.startswith("v1.")
    assert watcher.named("Namespace", "kube-system").uid == uid


def test_an_object_that_is_made_is_known_with_its_labels(cluster, watcher):
    made = cluster.call("POST", PODS, pod("shop-1", {"app": "shop"}))

    found = watcher.eventually(lambda: watcher.named("Pod", "shop-1", "default"))

    assert found.uid == made["metadata"]["uid"]
    assert found.labels == {"app": "shop"}
    assert (found.group, found.version, found.namespace) == ("", "v1", "default")
    assert found.created > 0


def test_labels_that_change_are_known_as_they_are_now(cluster, watcher):
    cluster.call("POST", PODS, pod("shop-1", {"app": "shop"}))
    watcher.eventually(lambda: watcher.named("Pod", "shop-1", "default"))

    cluster.call("PATCH", f"{PODS}/shop-1", {"metadata": {"labels": {"app": None, "tier": "front"}}})

    watcher.eventually(lambda: watcher.named("Pod", "shop-1", "default").labels == {"tier": "front"})


def test_a_pod_is_known_with_its_address_and_node(cluster, watcher):
    cluster.call("POST", "/api/v1/nodes", {"metadata": {"name": "node-1"}})
    address = {"addresses": [{"type": "InternalIP", "address": "10.0.0.9"}]}
    cluster.call("PATCH", "/api/v1/nodes/node-1/status", {"status": address})
    cluster.call("POST", PODS, pod("shop-1", node="node-1"))
    cluster.call("POST", PODS, pod("agent-1", node="node-1"))
    cluster.call("PATCH", f"{PODS}/shop-1/status", {"status": {"podIP": "10.1.2.3", "podIPs": [{"ip": "10.1.2.3"}]}})
    cluster.call("PATCH", f"{PODS}/agent-1/status", {"status": {"podIP": "10.0.0.9", "podIPs": [{"ip": "10.0.0.9"}]}})

    found = watcher.eventually(lambda: watcher.directory.by_pod_address(watcher.cluster_uid, "10.1.2.3"))
    on_host = watcher.eventually(lambda: (one := watcher.named("Pod", "agent-1", "default")) and one.addresses and one)

    assert (found.name, found.node) == ("shop-1", "node-1")
    assert on_host.node == "node-1"
    assert watcher.directory.by_pod_address(watcher.cluster_uid, "10.0.0.9") is None


def test_owners_are_known_three_deep_up_to_the_composition(cluster, watcher):
    add_composition_kind(cluster, watcher, "shops", "Shop")
    shop = cluster.call("POST", f"{COMPOSITIONS}/namespaces/default/shops", composition("Shop", "corner"))
    deployment = cluster.call("POST", f"{APPS}/deployments", workload("Deployment", "front", owned_by(shop)))
    replicas = cluster.call("POST", f"{APPS}/replicasets", workload("ReplicaSet", "front-abc", owned_by(deployment)))
    cluster.call("POST", PODS, pod("front-abc-1", owner=owned_by(replicas)))

    found = watcher.eventually(lambda: watcher.named("Pod", "front-abc-1", "default"))
    chain = [found]
    while chain[-1].owners:
        uid = chain[-1].owners[0].uid
        chain.append(watcher.eventually(lambda uid=uid: watcher.directory.by_uid(uid, watcher.cluster_uid)))

    assert [one.kind for one in chain] == ["Pod", "ReplicaSet", "Deployment", "Shop"]
    assert (chain[-1].group, chain[-1].uid) == (GROUP, shop["metadata"]["uid"])
    assert found.owners[0].controller
    assert (found.owners[0].group, found.owners[0].version) == ("apps", "v1")


def test_a_namespaced_object_is_owned_by_a_cluster_wide_one(cluster, watcher):
    add_composition_kind(cluster, watcher, "platforms", "Platform", namespaced=False)
    platform = cluster.call("POST", f"{COMPOSITIONS}/platforms", composition("Platform", "core"))
    cluster.call("POST", PODS, pod("core-1", owner=owned_by(platform, controller=False)))

    found = watcher.eventually(lambda: watcher.named("Pod", "core-1", "default"))
    owner = watcher.eventually(lambda: watcher.directory.by_uid(found.owners[0].uid))

    assert (owner.kind, owner.name, owner.namespace) == ("Platform", "core", "")
    assert not found.owners[0].controller


def test_a_kind_of_composition_that_is_deleted_takes_its_objects_with_it(cluster, watcher):
    add_composition_kind(cluster, watcher, "shops", "Shop")
    shop = cluster.call("POST", f"{COMPOSITIONS}/namespaces/default/shops", composition("Shop", "corner"))
    uid = shop["metadata"]["uid"]
    watcher.eventually(lambda: watcher.directory.by_uid(uid))

    cluster.call("DELETE", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/shops.{GROUP}")

    watcher.eventually(lambda: watcher.is_gone(uid))
    watcher.eventually(lambda: f"shops.{GROUP}" not in watcher.fleet.clusters[0].watches)
    assert watcher.problems == ()


def test_a_deleted_object_is_still_known(cluster, watcher):
    uid = cluster.call("POST", PODS, pod("shop-1", {"app": "shop"}))["metadata"]["uid"]
    watcher.eventually(lambda: watcher.directory.by_uid(uid))

    cluster.call("DELETE", f"{PODS}/shop-1?gracePeriodSeconds=0")

    watcher.eventually(lambda: watcher.is_gone(uid))
    assert watcher.directory.by_uid(uid).labels == {"app": "shop"}
    assert watcher.named("Pod", "shop-1", "default").uid == uid


def test_a_watch_that_is_cut_goes_on_where_it_was(cluster, watcher):
    cluster.call("POST", PODS, pod("before"))
    watcher.eventually(lambda: watcher.named("Pod", "before", "default"))

    cluster.cut()
    cluster.call("POST", PODS, pod("after"))

    watcher.eventually(lambda: watcher.named("Pod", "after", "default"))
    assert watcher.lists("start") == len(watcher.fleet.clusters[0].watches), "nothing was listed again"
    assert watcher.problems == ()


def test_an_api_server_that_is_killed_and_comes_back_is_watched_on(cluster, watcher):
    uid = cluster.call("POST", PODS, pod("before"))["metadata"]["uid"]
    watcher.eventually(lambda: watcher.named("Pod", "before", "default"))

    cluster.kill()
    problem = watcher.eventually(lambda: watcher.problems)
    assert problem[0].startswith("cluster here: ")
    assert watcher.directory.entry(uid).live, "what is known stays known"
    cluster.restart()
    cluster.call("POST", PODS, pod("after"))
    cluster.call("DELETE", f"{PODS}/before?gracePeriodSeconds=0")

    watcher.eventually(lambda: watcher.named("Pod", "after", "default"))
    watcher.eventually(lambda: watcher.is_gone(uid))
    watcher.eventually(lambda: not watcher.problems)


def test_what_vanished_beyond_the_server_s_history_is_found_gone(cluster, watcher):
    lost = cluster.call("POST", PODS, pod("lost"))["metadata"]["uid"]
    watcher.eventually(lambda: watcher.directory.by_uid(lost))

    cluster.down()
    cluster.call("DELETE", f"{PODS}/lost?gracePeriodSeconds=0")
    cluster.call("POST", PODS, pod("new"))
    cluster.forget_history()
    cluster.up()

    watcher.eventually(lambda: watcher.named("Pod", "new", "default"))
    watcher.eventually(lambda: watcher.is_gone(lost))
    assert watcher.lists("gone") >= 1
    watcher.eventually(lambda: not watcher.problems)


def reading_role(*kinds):
    rules = [
        {"apiGroups": ["*"], "resources": list(kinds), "verbs": ["get", "list", "watch"]},
        {"apiGroups": [GROUP], "resources": ["*"], "verbs": ["get", "list", "watch"]},
    ]
    return {"metadata": {"name": "watcher"}, "rules": rules}


ROLES = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
BINDINGS = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
BINDING = {
    "metadata": {"name": "watcher"},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "watcher"},
    "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "watcher"}],
}


def test_a_right_that_is_taken_away_is_told_and_the_rest_goes_on(start_cluster, watch, tmp_path):
    cluster = start_cluster(tokens={READER: "watcher"})
    kinds = ("namespaces", "pods", "services")
    cluster.call("POST", ROLES, reading_role(*kinds))
    cluster.call("POST", BINDINGS, BINDING)
    config = cluster.kubeconfig(tmp_path / "config", {"reader": READER})
    watcher = watch([ClusterConnection(name="here", kubeconfig=config)], kinds=kinds, watch_s=1)
    watcher.watches_all()
    assert watcher.problems == ()

    cluster.call("PATCH", f"{ROLES}/watcher", reading_role("namespaces", "services"))
    problem = watcher.eventually(lambda: watcher.problems)
    cluster.call("POST", "/api/v1/namespaces/default/services", service("still-seen"))
    watcher.eventually(lambda: watcher.named("Service", "still-seen", "default"))

    assert problem == ("cluster here: may not watch pods; grant it, see docs/kubernetes-access.md",)
    assert watcher.count("forbidden_total", cluster="here", verb="watch", resource="pods") >= 1

    cluster.call("PATCH", f"{ROLES}/watcher", reading_role(*kinds))
    watcher.eventually(lambda: not watcher.problems)
    cluster.call("POST", PODS, pod("seen-again"))
    watcher.eventually(lambda: watcher.named("Pod", "seen-again", "default"))


def service(name):
    return {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}]}}


def test_a_missing_right_is_told_from_the_start(start_cluster, watch, tmp_path):
    cluster = start_cluster(tokens={READER: "watcher"})
    cluster.call("POST", ROLES, reading_role("namespaces"))
    cluster.call("POST", BINDINGS, BINDING)
    config = cluster.kubeconfig(tmp_path / "config", {"reader": READER})

    watcher = watch([ClusterConnection(name="here", kubeconfig=config)], kinds=("namespaces", "pods"))

    problem = watcher.eventually(lambda: watcher.problems)
    assert problem == ("cluster here: may not list pods; grant it, see docs/kubernetes-access.md",)
    watcher.eventually(lambda: watcher.named("Namespace", "default"))


def test_many_objects_are_listed_in_pages(start_cluster, watch, tmp_path):
    cluster = start_cluster()
    for number in range(OBJECTS):
        cluster.call("POST", "/api/v1/namespaces/default/services", service(f"service-{number}"))
    watcher = watch([admin_connection(cluster, tmp_path)], kinds=("services",), page_size=PAGE)
    watcher.watches_all()

    names = {f"service-{number}" for number in range(OBJECTS)}
    assert all(watcher.named("Service", name, "default") for name in names)


OBJECTS, PAGE = 60, 20
"""Five thousand are listed in test_kubernetes_apiserver.py, where no recording has to hold them."""


def test_two_clusters_are_told_apart(start_cluster, watch, tmp_path):
    first, second = start_cluster("_first"), start_cluster("_second")
    connections = [admin_connection(first, tmp_path, "first"), admin_connection(second, tmp_path, "second")]
    watcher = watch(connections)
    watcher.watches_all()

    first.call("POST", PODS, pod("shop-1", {"in": "first"}))
    second.call("POST", PODS, pod("shop-1", {"in": "second"}))
    uids = [cluster.uid for cluster in watcher.fleet.clusters]

    def seen(uid):
        return watcher.directory.by_name(uid, "", "Pod", "default", "shop-1")

    found = [watcher.eventually(lambda uid=uid: seen(uid)) for uid in uids]
    assert [one.labels["in"] for one in found] == ["first", "second"]
    assert [watcher.clusters.by_uid(uid).name for uid in uids] == ["first", "second"]
    second.kill()
    watcher.eventually(lambda: watcher.problems)
    assert all(problem.startswith("cluster second: ") for problem in watcher.problems)
    first.call("POST", PODS, pod("shop-2"))
    watcher.eventually(lambda: watcher.directory.by_name(uids[0], "", "Pod", "default", "shop-2"))


def test_the_context_of_the_settings_is_the_one_that_is_used(start_cluster, watch, tmp_path):
    cluster = start_cluster(tokens={READER: "nobody"})
    config = cluster.kubeconfig(tmp_path / "config", {"nobody": READER, "admin": ADMIN})

    admitted = watch([ClusterConnection(name="here", kubeconfig=config, context="admin")], kinds=("namespaces",))
    admitted.watches_all()
    refused = watch([ClusterConnection(name="here", kubeconfig=config)], kinds=("namespaces",))

    problem = refused.eventually(lambda: refused.problems)
    assert len(problem) == 1
    assert problem[0].startswith("cluster here: may not get the namespace kube-system")
    assert admitted.problems == ()


def test_a_token_that_is_replaced_in_the_kubeconfig_is_taken_up(start_cluster, watch, tmp_path):
    cluster = start_cluster(tokens={READER: "watcher"})
    cluster.call("POST", ROLES, reading_role("namespaces"))
    cluster.call("POST", BINDINGS, BINDING)
    config = cluster.kubeconfig(tmp_path / "config", {"reader": "expired!"})
    watcher = watch([ClusterConnection(name="here", kubeconfig=config)], kinds=("namespaces",))

    problem = watcher.eventually(lambda: watcher.problems)
    assert problem == ("cluster here: its API server does not take our credentials (401); renew them",)
    cluster.kubeconfig(tmp_path / "config", {"reader": READER})

    watcher.watches_all()
    watcher.eventually(lambda: not watcher.problems)
    assert watcher.named("Namespace", "default") is not None
