"""What only a real kube-apiserver shows: TLS, tokens that expire, thousands of objects, silence, single objects."""

import asyncio
import threading
import time
from pathlib import Path

import jwt
import pytest
import yaml
from kubernetes_worlds import GROUP, Watcher

from bench.kube_apiserver import ADMIN, ISSUER
from enrich.errors import DeniedError
from enrich.kubernetes_client import open_api
from enrich.kubernetes_permissions import look
from enrich.kubernetes_settings import ClusterConnection, KubernetesSettings, PodDetail
from enrich.objects import Reference

pytestmark = pytest.mark.kubernetes

PODS = "/api/v1/namespaces/default/pods"
READER = "reader-token"
RULES = "/apis/rbac.authorization.k8s.io/v1"


@pytest.fixture
def server(start_kube_apiserver):
    return start_kube_apiserver(tokens={READER: "watcher"})


@pytest.fixture
def watch():
    """Gives a function that watches clusters until the end of the test."""
    watchers = []

    def begin(*connections, **settings):
        watchers.append(Watcher(connections, **settings))
        watchers[-1].start()
        return watchers[-1]

    yield begin
    for watcher in watchers:
        assert watcher.fleet.stop(5.0), "a thread did not end"


@pytest.fixture
def admin(server, tmp_path):
    return ClusterConnection(name="here", kubeconfig=server.write_kubeconfig(tmp_path / "admin", {"admin": ADMIN}))


def pod(name, **spec):
    return {"metadata": {"name": name}, "spec": {"containers": [{"name": "main", "image": "shop"}], **spec}}


def grant(server, subject, *resources):
    rules = [{"apiGroups": ["*"], "resources": list(resources), "verbs": ["get", "list", "watch"]}]
    server.call("POST", f"{RULES}/clusterroles", {"metadata": {"name": "watcher"}, "rules": rules})
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "watcher"}
    binding = {"metadata": {"name": "watcher"}, "roleRef": reference, "subjects": [subject]}
    server.call("POST", f"{RULES}/clusterrolebindings", binding)


USER = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "watcher"}
ACCOUNT = {"kind": "ServiceAccount", "namespace": "default", "name": "watcher"}


def service_account_token(server, account, seconds):
    """A token as the API server makes them, that expires sooner than it would let one."""
    now = int(time.time())
    kubernetes = {"namespace": "default", "serviceaccount": {"name": "watcher", "uid": account["metadata"]["uid"]}}
    claims = {
        "iss": ISSUER, "aud": [ISSUER], "sub": "system:serviceaccount:default:watcher", "kubernetes.io": kubernetes,
        "iat": now - 900, "nbf": now - 900, "exp": now + seconds,
    }  # fmt: skip
    return jwt.encode(claims, server.signing_key, algorithm="RS256")


def test_in_a_cluster_a_token_that_expires_is_replaced_by_the_one_in_the_folder(server, watch, tmp_path, monkeypatch):
    account = server.call("POST", "/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "watcher"}})
    grant(server, ACCOUNT, "namespaces")
    (tmp_path / "ca.crt").write_bytes(server.ca_file.read_bytes())
    (tmp_path / "token").write_text(service_account_token(server, account, -300))  # a minute late would be let in
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(server.port))

    watcher = watch(ClusterConnection(service_account=tmp_path), kinds=("namespaces",), watch_s=1)
    problem = watcher.eventually(lambda: watcher.problems)
    (tmp_path / "token").write_text(service_account_token(server, account, 600))
    watcher.watches_all()

    assert problem == ("cluster in-cluster: its API server does not take our credentials (401); renew them",)
    watcher.eventually(lambda: not watcher.problems)
    assert watcher.named("Namespace", "default") is not None


def test_a_certificate_that_the_ca_did_not_sign_is_not_trusted(server, start_kube_apiserver, watch, tmp_path):
    other = start_kube_apiserver()
    (tmp_path / "config").write_text("")
    config = server.write_kubeconfig(tmp_path / "config", {"admin": ADMIN}, url=other.url)

    watcher = watch(ClusterConnection(name="here", kubeconfig=config))

    (problem,) = watcher.eventually(lambda: watcher.problems)
    assert "certificate verify failed" in problem


def test_thousands_of_objects_are_listed_in_pages_and_found(server, admin, watch):
    names = [f"config-{number}" for number in range(5000)]
    made = threading.Semaphore(0)

    def make(part):
        for name in part:
            server.call("POST", "/api/v1/namespaces/default/configmaps", {"metadata": {"name": name}})
        made.release()

    parts = [names[number::4] for number in range(4)]
    for part in parts:
        threading.Thread(target=make, args=(part,), daemon=True).start()
    assert all(made.acquire(timeout=200) for _ in parts)
    asked = []

    watcher = Watcher([admin], kinds=("configmaps",))
    watcher.fleet._open_api = lambda *connection: _Noting(open_api(*connection), asked)
    watcher.start()
    watcher.watches_all()
    assert watcher.fleet.stop(5.0)

    pages = [query for path, query in asked if path == "/api/v1/configmaps"]
    assert len(pages) == 11, "ten full pages, and what the server made itself"
    assert all(query["limit"] == "500" for query in pages)
    assert all(watcher.named("ConfigMap", name, "default") for name in names)


class _Noting:
    """An API that notes what it is asked."""

    def __init__(self, api, asked):
        self._api = api
        self._asked = asked

    def __getattr__(self, name):
        return getattr(self._api, name)

    def get(self, path, query, accept):
        self._asked.append((path, query))
        return self._api.get(path, query, accept)


def test_an_api_server_that_falls_silent_is_left_and_found_again(server, admin, watch):
    watcher = watch(admin, kinds=("pods",), quiet_s=1, request_s=0.5)
    watcher.watches_all()
    server.call("POST", PODS, pod("before"))
    watcher.eventually(lambda: watcher.named("Pod", "before", "default"))  # told by a watch, so there is one to break

    server.pause()
    watcher.eventually(lambda: watcher.problems)
    server.resume()
    server.call("POST", PODS, pod("after"))

    watcher.eventually(lambda: watcher.named("Pod", "after", "default"))
    watcher.eventually(lambda: not watcher.problems)
    assert watcher.count("watches_ended_total", cluster="here", reason="broken") >= 1


def test_watches_stop_at_once_while_they_wait(admin):
    watcher = Watcher([admin])
    watcher.start()
    watcher.watches_all()

    began = time.monotonic()
    assert watcher.fleet.stop(5.0)

    assert time.monotonic() - began < 1.0
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("k8s-")]


def test_a_cluster_that_was_built_anew_is_another_one(server, start_kube_apiserver, admin, watch, tmp_path):
    watcher = watch(admin, kinds=("namespaces", "pods"))
    watcher.watches_all()
    before = watcher.cluster_uid
    server.call("POST", PODS, pod("old"))
    old = watcher.eventually(lambda: watcher.named("Pod", "old", "default"))

    anew = start_kube_apiserver(flags=[])
    anew.write_kubeconfig(tmp_path / "admin", {"admin": ADMIN})
    watcher.fleet.clusters[0].api._renew(watcher.fleet.clusters[0].api._client)  # as a 401 of the new one would

    watcher.eventually(lambda: watcher.cluster_uid != before)
    watcher.watches_all()
    watcher.eventually(lambda: watcher.is_gone(old.uid))
    anew.call("POST", PODS, pod("new"))
    watcher.eventually(lambda: watcher.named("Pod", "new", "default"))


def test_whole_pods_give_containers_all_addresses_and_the_network(server, admin, watch):
    server.call("POST", PODS, pod("shop-1", hostNetwork=True))
    status = {
        "podIPs": [{"ip": "10.1.2.3"}, {"ip": "fd00::3"}],
        "podIP": "10.1.2.3",
        "containerStatuses": [
            {
                "name": "main", "containerID": "containerd://4d28", "image": "shop", "imageID": "", "ready": True,
                "restartCount": 0,
            },
        ],
    }  # fmt: skip
    server.call("PATCH", f"{PODS}/shop-1/status", {"status": status})

    watcher = watch(admin, kinds=("pods",), pod_detail=PodDetail.CONTAINERS)
    watcher.watches_all()

    found, container = watcher.directory.by_container("4d28")
    assert (found.name, container.name) == ("shop-1", "main")
    assert found.addresses == ("10.1.2.3", "fd00::3")
    assert found.host_network


def test_one_object_is_asked_for_by_name(server, admin, watch, tmp_path):
    uid = server.call("POST", PODS, pod("shop-1"))["metadata"]["uid"]
    grant(server, USER, "namespaces", "services")
    config = server.write_kubeconfig(tmp_path / "reader", {"reader": READER})
    watcher = watch(admin, kinds=("namespaces",))
    narrow = watch(ClusterConnection(name="narrow", kubeconfig=config), kinds=("namespaces",))
    watcher.watches_all()
    narrow.watches_all()

    def reference(kind, name, group="", version="v1"):
        return Reference(watcher.cluster_uid, group, version, kind, "default", name)

    assert asyncio.run(watcher.fleet.get(reference("Pod", "shop-1"))).uid == uid
    assert asyncio.run(watcher.fleet.get(reference("Pod", "shop-2"))) is None
    assert asyncio.run(watcher.fleet.get(reference("Namespace", "default"))).namespace == ""
    assert asyncio.run(watcher.fleet.get(reference("Shop", "corner", GROUP))) is None
    with pytest.raises(DeniedError, match="cluster narrow: 403 Forbidden"):
        asyncio.run(narrow.fleet.get(reference("Pod", "shop-1")))
    assert narrow.problems == ("cluster narrow: may not get pods; grant it, see docs/kubernetes-access.md",)


def test_the_roles_in_the_docs_are_all_that_is_needed(server, tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "kubernetes-access.md").read_text(encoding="utf-8")
    manifest = page[page.index("apiVersion: rbac") :].partition("```")[0]
    role, _binding = yaml.safe_load_all(manifest)
    server.call("POST", f"{RULES}/clusterroles", role)
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role["metadata"]["name"]}
    binding = {"metadata": {"name": "watcher"}, "roleRef": reference, "subjects": [USER]}
    api = open_api(ClusterConnection(kubeconfig=server.write_kubeconfig(tmp_path / "c", {"reader": READER})), 10.0)
    names = KubernetesSettings().and_groups([GROUP]).kinds

    before = look(api, names).missing
    server.call("POST", f"{RULES}/clusterrolebindings", binding)
    after = look(api, names).missing

    assert len(before) == 3 * len(names), "without the role nothing is granted"
    assert after == ()
