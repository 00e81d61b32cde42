"""A cluster that a test changes and a `Fleet` watches: a real API server, the recording of one, or both at once.

The test does steps (`call`, `cut`, `kill`, ...) as an administrator, and looks at what the watcher made
of them in `directory`. With OTELHOUSE_TESTS_RECORD_KUBERNETES=1 the real one writes tests/recordings/kubernetes/ anew.
"""

import json
import os
import threading
from pathlib import Path

import yaml
from kubernetes_fronts import Recorder, Replay, Wire
from prometheus_client import CollectorRegistry

from bench.kube_apiserver import ADMIN
from enrich.clusters import Clusters
from enrich.directory import Directory
from enrich.kubernetes_client import open_api
from enrich.kubernetes_fleet import Fleet
from enrich.kubernetes_settings import ClusterConnection, KubernetesSettings

RECORDINGS = Path(__file__).parents[1] / "recordings" / "kubernetes"
RECORDING = os.environ.get("OTELHOUSE_TESTS_RECORD_KUBERNETES") == "1"
PATIENCE = 15.0
"""Seconds for anything to come about."""
GROUP = "composition.krateo.io"
QUICK = {"retry_s": 0.05, "max_retry_s": 0.3, "discover_s": 0.3}


class Live:
    """A real API server behind a wire, or behind a recorder."""

    def __init__(self, server, name):
        self._server = server
        self._name = name
        self.front = Recorder(server) if RECORDING else Wire(server.port)
        self._step = 0

    def call(self, method, path, body=None):
        """Do one thing as an administrator; gives the answer."""
        self._next()
        answer = self._server.call(method, path, body)
        if RECORDING:
            self.front.entries.append({"step": self._step, "kind": "step", "body": answer})
        return answer

    def cut(self):
        self._next()
        self.front.cut()

    def kill(self):
        self._next()
        self._server.kill()
        if RECORDING:
            self.front.down()

    def restart(self):
        self._next()
        self._server.restart()
        if RECORDING:
            self.front.up()

    def forget_history(self):
        """Let etcd forget, and the API server start without what it had in memory."""
        self._next()
        self._server.compact()
        self._server.restart()

    def down(self):
        """Let the watcher reach nobody."""
        self._next()
        self.front.down()

    def up(self):
        self._next()
        self.front.up()

    def kubeconfig(self, path, contexts):
        """Write a kubeconfig with a context for each token."""
        scheme = "http" if RECORDING else "https"
        return self._server.write_kubeconfig(path, contexts, url=f"{scheme}://127.0.0.1:{self.front.port}")

    def close(self):
        self.front.close()
        if RECORDING:
            assert self.front.errors == []
            RECORDINGS.mkdir(parents=True, exist_ok=True)
            lines = [json.dumps(entry, separators=(",", ":")) for entry in _lean(self.front.entries)]
            (RECORDINGS / f"{self._name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def _next(self):
        self._step += 1
        if RECORDING:
            self.front.step = self._step


def _lean(entries):
    """Without answers that say the same as the one before to the same question."""
    last = {}
    for entry in entries:
        said = json.dumps([entry.get("status"), entry.get("body")])
        if entry["kind"] == "answer":
            if last.get(entry["key"]) == said:
                continue
            last[entry["key"]] = said
        yield entry


class Recorded:
    """The recording of one."""

    def __init__(self, name):
        text = (RECORDINGS / f"{name}.jsonl").read_text(encoding="utf-8")
        entries = [json.loads(line) for line in text.splitlines()]
        self._answers = {entry["step"]: entry["body"] for entry in entries if entry["kind"] == "step"}
        self.front = Replay(entries)
        self._step = 0

    def call(self, _method, _path, _body=None):
        self._next()
        return self._answers[self._step]

    def cut(self):
        self._next()
        self.front.cut()

    def kill(self):
        self._next()
        self.front.down()

    def restart(self):
        self._next()
        self.front.up()

    def forget_history(self):
        self._next()

    def down(self):
        self._next()
        self.front.down()

    def up(self):
        self._next()
        self.front.up()

    def kubeconfig(self, path, contexts):
        config = {
            "clusters": [{"name": "recorded", "cluster": {"server": f"http://127.0.0.1:{self.front.port}"}}],
            "users": [{"name": name, "user": {"token": token}} for name, token in contexts.items()],
            "contexts": [{"name": name, "context": {"cluster": "recorded", "user": name}} for name in contexts],
            "current-context": next(iter(contexts)),
        }
        path.write_text(yaml.safe_dump(config))
        return path

    def close(self):
        self.front.close()
        assert self.front.errors == []
        assert self.front.unknown == [], "record again: OTELHOUSE_TESTS_RECORD_KUBERNETES=1"

    def _next(self):
        self._step += 1
        self.front.advance(self._step)


class Watcher:
    """A fleet, what it knows, and ways to wait for it."""

    def __init__(self, connections, **settings):
        self._changed = threading.Condition()
        self.directory = Directory(listener=self)
        self.clusters = Clusters(len(connections))
        self.registry = CollectorRegistry()
        watched = KubernetesSettings(**{**QUICK, **settings}).and_groups([GROUP])
        self.fleet = Fleet(connections, watched, self.registry, open_api)

    def start(self):
        self.fleet.start(self.directory, self.clusters)

    def changed(self, _known, _first_seen, _at, *, gone):
        with self._changed:
            self._changed.notify_all()

    def eventually(self, wanted):
        """Wait until `wanted` gives something true; gives it."""
        deadline = threading.Event()
        timer = threading.Timer(PATIENCE, deadline.set)
        timer.start()
        try:
            while not (found := wanted()):
                assert not deadline.is_set(), f"did not come about; open problems: {self.problems}"
                with self._changed:
                    self._changed.wait(0.02)
            return found
        finally:
            timer.cancel()

    def watches_all(self):
        """Wait until every kind of every cluster is known."""
        self.eventually(
            lambda: all(
                one.begun and all(watch.synced for watch in one.watches.values()) for one in self.fleet.clusters
            )
        )

    @property
    def problems(self):
        return self.fleet.problems.all()

    @property
    def cluster_uid(self):
        return self.fleet.clusters[0].uid

    def named(self, kind, name, namespace="", group=""):
        return self.directory.by_name(self.cluster_uid, group, kind, namespace, name)

    def is_gone(self, uid):
        entry = self.directory.entry(uid)
        return entry is not None and not entry.live

    def count(self, name, **labels):
        value = self.registry.get_sample_value(f"otelhouse_kubernetes_{name}", labels)
        return value or 0.0

    def lists(self, reason):
        return self.count("lists_total", cluster=self.fleet.clusters[0].label, reason=reason)


def admin_connection(cluster, folder, name="here"):
    return ClusterConnection(name=name, kubeconfig=cluster.kubeconfig(folder / f"{name}.yaml", {"admin": ADMIN}))
