"""install.sh with the real kubectl and Helm on a real API server, where nobody makes pods or runs them."""

import base64
import contextlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bench import helm_binary, kube_apiserver
from bench.kube_apiserver import ADMIN, KubeApiserver
from identity import token_format

pytestmark = [pytest.mark.helm, pytest.mark.kubernetes]

SCRIPT = Path(__file__).parents[2] / "install.sh"
WAIT = 120
INSTALL = ("bash", str(SCRIPT), "--cluster-name", "prod", "--image", "r/otelhouse:1")


def test_on_a_real_api_server_it_sets_up_and_a_second_run_changes_nothing(tmp_path):
    with real_cluster(tmp_path) as (server, run):
        run(*INSTALL, "--no-wait")
        first = secrets(server)
        run(*INSTALL, "--no-wait")

        assert secrets(server) == first
        assert canary_waits_for(server) == "otelhouse-canary"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    assert first.pop("labels").items() >= labels.items()
    tokens = yaml.safe_load(first["otelhouse-tokens"]["tokens.yaml"])["tokens"]
    hashes = {one["id"]: one["hash"] for one in tokens}
    assert hashes["collector"] == digest(first["otelhouse-collector"]["token"])
    assert hashes["admin"] == digest(first["otelhouse-admin"]["token"])
    assert hashes["agents"] == digest(first["otelhouse-agents"]["authorization"].removeprefix("Bearer "))
    assert hashes["canary-ingest"] == digest(first["otelhouse-canary"]["ingest"])
    assert hashes["canary-read"] == digest(first["otelhouse-canary"]["read"])
    assert tokens[0]["cluster_name"] == "prod"
    assert all(len(value) == 40 for value in first["otelhouse-clickhouse"].values())


def test_what_it_says_adds_a_canary_to_a_house_without_one_does(tmp_path):
    with real_cluster(tmp_path) as (server, run):
        run(*INSTALL, "--no-wait")
        kubernetes = "/api/v1/namespaces/otelhouse/secrets/"
        server.call("DELETE", f"{kubernetes}otelhouse-canary")
        without = {"tokens.yaml": base64.b64encode(b"tokens: []\n").decode()}
        server.call("PATCH", f"{kubernetes}otelhouse-tokens", {"data": without})
        told = run(*INSTALL, "--no-wait")
        assert canary_waits_for(server) is None

        said = "\n".join(
            re.findall(r"^  (.*)$", told.partition("empty folder:")[2].partition("Then run")[0], re.MULTILINE)
        )
        (tmp_path / "empty").mkdir()
        run("bash", "-euo", "pipefail", "-c", said, cwd=tmp_path / "empty")
        run(*INSTALL, "--no-wait")

        assert canary_waits_for(server) == "otelhouse-canary"
        now = secrets(server)
        hashes = {one["id"]: one["hash"] for one in yaml.safe_load(now["otelhouse-tokens"]["tokens.yaml"])["tokens"]}
    assert hashes == {
        "canary-ingest": digest(now["otelhouse-canary"]["ingest"]),
        "canary-read": digest(now["otelhouse-canary"]["read"]),
    }
    assert not list((tmp_path / "empty").iterdir()), "no token stays behind in a file"


def test_a_door_is_one_whose_service_leads_to_a_pod_that_is_ready(tmp_path):
    with real_cluster(tmp_path) as (server, run):
        told = run(*INSTALL, "--timeout", "1", code=1)
        assert "stopped in phase 'doors': the Service otelhouse-ingest leads to no pod that is ready" in told

        for door in ("ingest", "serve", "mcp"):
            slices = "/apis/discovery.k8s.io/v1/namespaces/otelhouse/endpointslices"
            server.call("POST", slices, endpoint_slice(f"otelhouse-{door}", ready=[False, door != "mcp"]))
        told = run(*INSTALL, "--timeout", "1", code=1)
        assert "the Service otelhouse-mcp leads to no pod that is ready" in told

        run(*INSTALL, "--timeout", "1", "--set", "mcp.replicas=0")


def endpoint_slice(service, ready):
    """As the controller makes it."""
    endpoints = [{"addresses": [f"10.0.0.{at}"], "conditions": {"ready": one}} for at, one in enumerate(ready, 1)]
    labels = {"kubernetes.io/service-name": service}
    return {"metadata": {"name": service, "labels": labels}, "addressType": "IPv4", "endpoints": endpoints}


@contextlib.contextmanager
def real_cluster(folder):
    """An API server, and what runs install.sh, or another command, against it and gives what it says."""
    script(folder / "otelhouse", f'exec {sys.executable} -m otelhouse "$@"')
    # Nobody here makes what would be waited for.
    waits = '*" wait --for="*|*" rollout status "*'
    script(folder / "kubectl", f'case "$*" in {waits}) exit 0 ;; esac; exec {kube_apiserver.build()} kubectl "$@"')
    (folder / "helm").symlink_to(helm_binary.build())
    with KubeApiserver() as server:
        config = server.write_kubeconfig(folder / "config", {"admin": ADMIN})
        environ = {"PATH": f"{folder}:/usr/bin:/bin", "HOME": str(folder), "KUBECONFIG": str(config)}

        def run(*command, cwd=None, code=0):
            done = subprocess.run(
                command, env=environ, cwd=cwd, capture_output=True, text=True, timeout=WAIT, check=False
            )
            assert done.returncode == code, done.stderr
            return done.stderr

        yield server, run


def script(path, body):
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def canary_waits_for(server):
    """The Secret that the canary's pods need; None where there is no canary."""
    jobs = server.call("GET", "/apis/batch/v1/namespaces/otelhouse/cronjobs")["items"]
    for one in jobs:
        (container,) = one["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
        environ = {variable["name"]: variable for variable in container["env"]}
        return environ["OTELHOUSE_CANARY_READ_TOKEN"]["valueFrom"]["secretKeyRef"]["name"]
    return None


def digest(token):
    assert token_format.well_formed(token)
    return f"sha256:{token_format.digest(token).hex()}"


def secrets(server):
    """What the Secrets hold, and the labels of the namespace."""
    found = server.call("GET", "/api/v1/namespaces/otelhouse/secrets")["items"]
    texts = {
        one["metadata"]["name"]: {key: base64.b64decode(value).decode() for key, value in one["data"].items()}
        for one in found
        if one["type"] == "Opaque"
    }
    return texts | {"labels": server.call("GET", "/api/v1/namespaces/otelhouse")["metadata"]["labels"]}
