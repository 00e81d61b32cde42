"""The chart on a real kube-apiserver: install, upgrade, uninstall. No controller makes pods, and no kubelet runs them.

Pods of every role are shown to the API server's own pod security admission, in a namespace that enforces `restricted`.
"""

import time
import urllib.error
from pathlib import Path

import pytest
import yaml
from rendered_chart import CHART, NAMESPACE, RELEASE, pod_templates, rendered, template

from bench import helm_binary
from bench.kube_apiserver import ADMIN, KubeApiserver

pytestmark = [pytest.mark.helm, pytest.mark.kubernetes]

SCHEMAS = Path(__file__).parent / "schemas"
RESTRICTED = {
    "pod-security.kubernetes.io/enforce": "restricted",
    "pod-security.kubernetes.io/enforce-version": "latest",
}
OTHERS = ("kagent", "otelhouse-nodes")
PATHS = {
    "configmaps": "/api/v1",
    "services": "/api/v1",
    "serviceaccounts": "/api/v1",
    "secrets": "/api/v1",
    "persistentvolumeclaims": "/api/v1",
    "statefulsets": "/apis/apps/v1",
    "deployments": "/apis/apps/v1",
    "daemonsets": "/apis/apps/v1",
    "jobs": "/apis/batch/v1",
    "cronjobs": "/apis/batch/v1",
    "networkpolicies": "/apis/networking.k8s.io/v1",
    "poddisruptionbudgets": "/apis/policy/v1",
    "horizontalpodautoscalers": "/apis/autoscaling/v2",
    "clusterroles": "/apis/rbac.authorization.k8s.io/v1",
    "clusterrolebindings": "/apis/rbac.authorization.k8s.io/v1",
    "servicemonitors": "/apis/monitoring.coreos.com/v1",
    "prometheusrules": "/apis/monitoring.coreos.com/v1",
    "agents": "/apis/kagent.dev/v1alpha2",
    "remotemcpservers": "/apis/kagent.dev/v1alpha2",
}
WAIT = 30.0


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A cluster with the namespaces and the CRDs that the chart may meet, and `.kubeconfig`."""
    with KubeApiserver() as server:
        for name, labels in ((NAMESPACE, RESTRICTED), *((name, {}) for name in OTHERS)):
            server.call("POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})
        for one in yaml.safe_load_all((SCHEMAS / "custom-resources.yaml").read_text(encoding="utf-8")):
            server.call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", one)
        until(lambda: all(_served(server, f"{path}/{plural}") for plural, path in PATHS.items()))
        server.call(
            "POST", "/apis/scheduling.k8s.io/v1/priorityclasses", {"metadata": {"name": "telemetry"}, "value": 1}
        )
        folder = tmp_path_factory.mktemp("kubeconfig")
        server.kubeconfig = server.write_kubeconfig(folder / "config", {"admin": ADMIN})
        yield server


def _served(server, path):
    try:
        server.call("GET", path)
    except urllib.error.HTTPError:
        return False
    return True


def until(true):
    deadline = time.monotonic() + WAIT
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)  # the API server tells nobody that it serves a new kind


def helm(cluster, *arguments):
    done = helm_binary.run(*arguments, "--namespace", NAMESPACE, kubeconfig=cluster.kubeconfig)
    assert done.returncode == 0, done.stderr
    return done.stdout


def install(cluster, scene, *arguments):
    """As `install.sh` does it: the values that are given, and not those of the release before."""
    values = CHART / "ci" / f"{scene}-values.yaml"
    return helm(cluster, "upgrade", "--install", "--reset-values", RELEASE, CHART, "--values", values, *arguments)


def objects(cluster):
    """All there is of the release: (kind, name) -> object."""
    found = {}
    for plural, path in PATHS.items():
        for one in cluster.call("GET", f"{path}/{plural}")["items"]:
            labels = one["metadata"].get("labels", {})
            if labels.get("app.kubernetes.io/instance") == RELEASE or one["metadata"]["name"].startswith(f"{RELEASE}-"):
                found[plural, one["metadata"]["name"]] = one
    return found


@pytest.fixture
def clean(cluster):
    before = set(objects(cluster))
    yield cluster
    if any(plural == "secrets" for plural, _ in objects(cluster)) or objects(cluster).keys() - before:
        helm_binary.run("uninstall", RELEASE, "--namespace", NAMESPACE, kubeconfig=cluster.kubeconfig)


@pytest.mark.parametrize("scene", ["default", "trial", "external", "everything", "receivers", "readers", "cluster"])
def test_every_object_is_taken_and_all_of_them_go_again(clean, scene):
    told = install(clean, scene)
    assert "is being set up in namespace observability" in told

    names = {name for _, name in objects(clean)}
    missing = {one["metadata"]["name"] for one in rendered(scene)} - names
    assert not missing
    assert {one["metadata"].get("namespace") for one in objects(clean).values()} <= {None, NAMESPACE, *OTHERS}

    helm(clean, "uninstall", RELEASE)
    assert not objects(clean)


def test_an_upgrade_that_changes_nothing_leaves_everything_as_it_is(clean):
    install(clean, "default")
    before = {key: one["metadata"]["uid"] for key, one in objects(clean).items() if key[0] != "secrets"}
    generations = {key: one["metadata"].get("generation") for key, one in objects(clean).items()}

    install(clean, "default")

    after = objects(clean)
    assert {key: one["metadata"]["uid"] for key, one in after.items() if key[0] != "secrets"} == before
    assert {key: after[key]["metadata"].get("generation") for key in before} == {k: generations[k] for k in before}


def test_an_upgrade_that_changes_a_setting_migrates_anew_and_rolls_the_pods(clean):
    install(clean, "default")
    before = objects(clean)

    install(clean, "default", "--set", "settings.sql.retention.logs_days=7", "--set", "image.tag=0.2.0")

    after = objects(clean)
    (old,), (new,) = ([name for plural, name in all_ if plural == "jobs"] for all_ in (before, after))
    assert old != new
    key = ("statefulsets", "otelhouse-ingest")
    assert after[key]["metadata"]["uid"] == before[key]["metadata"]["uid"]
    assert after[key]["metadata"]["generation"] > before[key]["metadata"]["generation"]


def test_a_release_can_grow_shrink_and_go_back(clean):
    install(clean, "default")
    install(clean, "everything")
    assert ("cronjobs", "otelhouse-canary") in objects(clean)
    install(clean, "default")
    assert ("cronjobs", "otelhouse-canary") not in objects(clean)
    helm(clean, "rollback", RELEASE, "2")
    assert ("cronjobs", "otelhouse-canary") in objects(clean)


@pytest.mark.parametrize("scene", ["default", "external", "everything"])
def test_pods_pass_the_restricted_profile_of_the_api_server_itself(cluster, scene):
    for name, pod in pod_templates(rendered(scene)):
        if name == "collector-node":
            continue
        spec = {"restartPolicy": "Always"} | dict(pod["spec"])
        spec["volumes"] = [*spec.get("volumes", []), *({"name": one, "emptyDir": {}} for one in ("spool", "data"))]
        spec["volumes"] = list({volume["name"]: volume for volume in reversed(spec["volumes"])}.values())
        body = {"metadata": {"name": f"try-{name}", "labels": pod["metadata"]["labels"]}, "spec": spec}
        cluster.call("POST", f"/api/v1/namespaces/{NAMESPACE}/pods?dryRun=All", body)


def test_the_api_server_would_refuse_a_pod_that_may_more(cluster):
    pod = {"metadata": {"name": "try"}, "spec": {"containers": [{"name": "a", "image": "a:1"}]}}
    with pytest.raises(urllib.error.HTTPError) as refused:
        cluster.call("POST", f"/api/v1/namespaces/{NAMESPACE}/pods?dryRun=All", pod)

    assert refused.value.code == 403
    assert "violates PodSecurity" in refused.value.read().decode()


def test_receivers_may_read_pods_and_not_secrets(cluster):
    install(cluster, "default")
    try:
        user = f"system:serviceaccount:{NAMESPACE}:otelhouse-ingest"
        assert may(cluster, user, "watch", "pods")
        assert may(cluster, user, "list", "deployments", "apps")
        assert not may(cluster, user, "get", "secrets")
        assert not may(cluster, user, "delete", "pods")
        assert not may(cluster, f"system:serviceaccount:{NAMESPACE}:otelhouse-serve", "list", "pods")
    finally:
        helm(cluster, "uninstall", RELEASE)


def may(cluster, user, verb, resource, group=""):
    asked = {"user": user, "resourceAttributes": {"verb": verb, "resource": resource, "group": group}}
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    return cluster.call("POST", path, {"spec": asked})["status"]["allowed"]


def test_a_name_of_another_release_does_not_clash():
    names = {(one["kind"], one["metadata"]["name"]) for one in rendered("default")}
    others = {(one["kind"], one["metadata"]["name"]) for one in template("--set", "fullnameOverride=other")}

    assert not names & others
