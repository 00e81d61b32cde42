"""A house beside a real cluster: what it lacks is told, what it sees is stored, and it ends promptly."""

import json
import subprocess
import sys
import threading
import time

import pytest
from running_house import WAIT, House, command, environment

pytestmark = pytest.mark.kubernetes

READER = "reader-token"
RULES = "/apis/rbac.authorization.k8s.io/v1"
READ = """
import json, pathlib, sys
from store.opening import open_store
from store.port import Select
from store.settings import StoreSettings
question = "SELECT ClusterName, Name, CompositionId FROM otel_k8s_objects FINAL WHERE Kind = 'Pod'"
store = open_store(StoreSettings(path=pathlib.Path(sys.argv[1])))
print(json.dumps(store.select(Select(question)).rows))
store.close()
"""
KINDS = ["namespaces", "nodes", "pods", "services"]


def role(*resources):
    verbs = ["get", "list", "watch"]
    groups = [{"apiGroups": [group], "resources": ["*"], "verbs": verbs} for group in ("apps", "batch")]
    compositions = {"apiGroups": ["composition.krateo.io"], "resources": ["*"], "verbs": verbs}
    core = {"apiGroups": [""], "resources": list(resources), "verbs": verbs}
    return {"metadata": {"name": "watcher"}, "rules": [core, compositions, *groups]}


@pytest.fixture
def cluster(start_kube_apiserver):
    server = start_kube_apiserver(tokens={READER: "watcher"})
    server.call("POST", f"{RULES}/clusterroles", role(*KINDS[:-1]))
    group = "rbac.authorization.k8s.io"
    binding = {
        "metadata": {"name": "watcher"},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "watcher"},
        "subjects": [{"apiGroup": group, "kind": "User", "name": "watcher"}],
    }
    server.call("POST", f"{RULES}/clusterrolebindings", binding)
    return server


@pytest.fixture
def settings(cluster, tmp_path):
    kubeconfig = cluster.write_kubeconfig(tmp_path / "kubeconfig", {"reader": READER})
    file = tmp_path / "otelhouse.yaml"
    enrich = {"clusters": [{"name": "prod", "kubeconfig": str(kubeconfig)}], "kubernetes": {"max_retry_s": 0.5}}
    store = {"path": str(tmp_path / "data"), "low_free_ratio": 0, "keep_free_bytes": 0}
    file.write_text(json.dumps({"store": store, "enrich": enrich}))
    return file


def doctor(settings):
    run = subprocess.run(
        command("doctor", "--config", str(settings), "--format", "json"),
        env=environment(), capture_output=True, text=True, timeout=WAIT, check=False,
    )  # fmt: skip
    return run.returncode, {(one["check"], one["outcome"], one["what"]) for one in json.loads(run.stdout)}


def stored_pods(folder):
    """Read by a process of its own, since this one may hold another folder's engine."""
    read = subprocess.run(
        [sys.executable, "-c", READ, str(folder)], capture_output=True, text=True, check=True, timeout=WAIT
    )
    return json.loads(read.stdout)


def readiness(house):
    status, body = house.get("/readyz")
    answer = json.loads(body)
    return status, answer["status"], answer["checks"]["kubernetes"]["problem"]


def eventually(look, wanted):
    deadline = time.monotonic() + 30
    while (found := look()) != wanted:
        assert time.monotonic() < deadline, found
        threading.Event().wait(0.05)  # a house is asked over the wire; it tells nobody when it has changed
    return found


def test_a_missing_right_degrades_the_house_and_what_is_seen_is_stored(cluster, settings, tmp_path):
    status, findings = doctor(settings)
    assert status == 0, "a house would do without"
    assert ("kubernetes", "warning", "cluster prod: may not get, list, watch services") in findings

    house = House(tmp_path, f"--config={settings}").up()
    try:
        problem = "cluster prod: may not list services; grant it, see docs/kubernetes-access.md"
        eventually(lambda: readiness(house), (200, "degraded", problem))
        cluster.call("PUT", f"{RULES}/clusterroles/watcher", role(*KINDS))
        eventually(lambda: readiness(house), (200, "ready", ""))
        labelled = {"name": "shop-1", "labels": {"krateo.io/composition-id": "c-1"}}
        spec = {"containers": [{"name": "main", "image": "shop"}]}
        cluster.call("POST", "/api/v1/namespaces/default/pods", {"metadata": labelled, "spec": spec})
        eventually(lambda: 'otelhouse_enrich_directory_objects{state="live"} 6.0' in house.get("/metrics")[1], True)
    finally:
        began = time.monotonic()
        assert house.end() == 0
    assert time.monotonic() - began < 15

    assert stored_pods(tmp_path / "data") == [["prod", "shop-1", "c-1"]]
    _, findings = doctor(settings)
    assert ("store", "ok", "all tables are there, and of this release") in findings
    assert not [finding for finding in findings if finding[1] != "ok"]
