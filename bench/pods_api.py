"""A Kubernetes API server that has thousands of pods, for a house that watches it while it is measured.

In: objects of one cluster (`bench.pods`). Out: discovery, lists in pages, and watches that say nothing until they are
cut, on loopback. It costs no CPU once all is listed. What it does not know is a 404.
The answers have the shape of https://kubernetes.io/docs/reference/using-api/api-concepts/.
"""

import json
import threading
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from enrich.objects import KubernetesObject

Json = dict[str, Any]
_COLUMNS = ("Name", "Status", "IP", "Node")
_PLURALS = {"App": "apps", "Deployment": "deployments", "ReplicaSet": "replicasets", "Pod": "pods"}
_VERSION = {"resourceVersion": "1"}


@contextmanager
def serving(objects: Sequence[KubernetesObject], folder: Path) -> Iterator[Path]:
    """Serve objects of one cluster; gives a kubeconfig in `folder` that leads here."""
    ending = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(_answers(objects), ending))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield _kubeconfig(folder, f"http://127.0.0.1:{server.server_port}")
    finally:
        ending.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _kubeconfig(folder: Path, address: str) -> Path:
    path = folder / "kubeconfig"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "bench",
        "clusters": [{"name": "bench", "cluster": {"server": address}}],
        "users": [{"name": "bench", "user": {}}],
        "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}],
    }
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


def _answers(objects: Sequence[KubernetesObject]) -> Mapping[str, Json | list[Json]]:
    """By path: what is there, or all objects of a kind, of which a page is given."""
    answers: dict[str, Json | list[Json]] = {
        "/version": {"gitVersion": "v1.35.0"},
        "/api/v1/namespaces/kube-system": {"metadata": {"name": "kube-system", "uid": objects[0].cluster_uid}},
    }
    kinds: dict[str, dict[str, str]] = {}
    for one in objects:
        base = f"/apis/{one.group}/v1" if one.group else "/api/v1"
        kinds.setdefault(base, {})[_PLURALS[one.kind]] = one.kind
        listed = answers.setdefault(f"{base}/{_PLURALS[one.kind]}", [])
        listed.append(_row(one) if one.kind == "Pod" else {"metadata": _metadata(one)})  # type: ignore[union-attr]  # a list
    groups = sorted({one.group for one in objects if one.group})
    answers["/apis"] = {"groups": [{"name": name, "versions": [{"version": "v1"}]} for name in groups]}
    verbs = ["get", "list", "watch"]
    for base, served in kinds.items():
        answers[base] = {
            "resources": [
                {"name": name, "kind": kind, "namespaced": True, "verbs": verbs} for name, kind in served.items()
            ]
        }
    return answers


def _row(pod: KubernetesObject) -> Json:
    """A pod in the table that `kubectl get -o wide` shows."""
    return {"cells": [pod.name, "Running", pod.addresses[0], pod.node], "object": {"metadata": _metadata(pod)}}


def _metadata(one: KubernetesObject) -> Json:
    owners = [
        {
            "apiVersion": f"{owner.group}/v1",
            "kind": owner.kind,
            "name": owner.name,
            "uid": owner.uid,
            "controller": owner.controller,
        }
        for owner in one.owners
    ]
    names = {"uid": one.uid, "name": one.name, "namespace": one.namespace, "labels": dict(one.labels)}
    return {**names, "ownerReferences": owners, **_VERSION}


def _page(listed: list[Json], query: Mapping[str, Sequence[str]]) -> Json:
    first = int(query.get("continue", ("0",))[0])
    after = first + int(query.get("limit", (str(len(listed)),))[0])
    metadata = {**_VERSION, **({"continue": str(after)} if after < len(listed) else {})}
    page = listed[first:after]
    if "cells" in listed[0]:
        columns = [{"name": name} for name in _COLUMNS]
        return {"kind": "Table", "metadata": metadata, "columnDefinitions": columns, "rows": page}
    return {"metadata": metadata, "items": page}


def _handler(answers: Mapping[str, Json | list[Json]], ending: threading.Event) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            url = urllib.parse.urlparse(self.path)
            query = urllib.parse.parse_qs(url.query)
            found = answers.get(url.path)
            if "watch" in query and found is not None:
                self._say_nothing()
            elif found is None:
                self._send({"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404}, 404)
            else:
                self._send(_page(found, query) if isinstance(found, list) else found)

        def _send(self, answer: Json, status: int = 200) -> None:
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _say_nothing(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            ending.wait()
            self.close_connection = True

        def log_message(self, *_words: object) -> None:
            """Say nothing."""

    return Handler
