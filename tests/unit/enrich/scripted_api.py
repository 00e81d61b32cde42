"""An API server that says what a test wrote down, one answer after the other, and the watch that listens to it."""

import json
import threading
from collections import deque

from prometheus_client import CollectorRegistry

from enrich.directory import Directory
from enrich.kubernetes_counters import KubernetesCounters
from enrich.kubernetes_kinds import Resource
from enrich.kubernetes_problems import Problems
from enrich.kubernetes_settings import KubernetesSettings, PodDetail
from enrich.kubernetes_views import view_of
from enrich.kubernetes_watch import Surroundings, Watch

PATIENCE = 10.0
PODS = Resource("", "v1", "pods", "Pod", namespaced=True)
CLUSTER = "cluster-uid"


class ScriptedLines:
    """Some events; then the end, a break, or silence until it is cut."""

    def __init__(self, *events, end="silence"):
        self._events = events
        self._end = end
        self.was_cut = threading.Event()

    def __iter__(self):
        for event in self._events:
            yield json.dumps(event).encode()
        if isinstance(self._end, Exception):
            raise self._end
        if self._end == "silence":
            self.was_cut.wait(PATIENCE)

    def cut(self):
        self.was_cut.set()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class ScriptedApi:
    """Answers `get`, `post` and `stream` from lists; what is asked when a list has run out stays silent."""

    cluster_name = "scripted"

    def __init__(self, lists=(), streams=(), answers=None):
        self._lists = deque(lists)
        self._streams = deque(streams)
        self._answers = answers or {}
        self.asked = []
        self.idle = threading.Event()
        """Set when a watch is asked for that the script does not know."""

    def get(self, path, query, accept):
        self.asked.append((path, dict(query), accept))
        answer = self._answers[path] if path in self._answers else self._lists.popleft()
        return _given(answer)

    def post(self, path, body):
        self.asked.append((path, body, ""))
        answer = self._answers[path]
        return _given(answer(body) if callable(answer) else answer)

    def stream(self, path, query, accept, quiet_s):
        self.asked.append((path, dict(query), accept))
        if not self._streams:
            self.idle.set()
            return ScriptedLines()
        stream = self._streams.popleft()
        if isinstance(stream, Exception):
            raise stream
        return stream

    def close(self):
        pass

    def versions_watched(self):
        return [query["resourceVersion"] for _, query, _ in self.asked if "watch" in query]


def _given(answer):
    if isinstance(answer, Exception):
        raise answer
    return json.dumps(answer).encode()


class Watched:
    """A watch of pods over a scripted API server."""

    def __init__(self, api, resource=PODS, **settings):
        quick = {"retry_s": 0.001, "max_retry_s": 0.01, "pod_detail": PodDetail.METADATA}
        settings = KubernetesSettings(**{**quick, **settings})
        self.api = api
        self.directory = Directory()
        self.problems = Problems()
        self.registry = CollectorRegistry()
        counters = KubernetesCounters(self.registry, self.problems)
        around = Surroundings("here", CLUSTER, api, self.directory, settings, self.problems, counters)
        self.watch = Watch(around, resource, view_of(resource, CLUSTER, settings.pod_detail))

    def __enter__(self):
        self.watch.start()
        return self

    def __exit__(self, *_):
        self.watch.stop()
        assert self.watch.join(PATIENCE)

    def until_idle(self):
        """Wait until the watch has heard all of the script."""
        assert self.api.idle.wait(PATIENCE)
        return self

    def names(self):
        live = (entry.known.name for entry in self.directory.everything() if entry.live)
        return sorted(live)

    def count(self, name, **labels):
        return self.registry.get_sample_value(f"otelhouse_kubernetes_{name}", {"cluster": "here", **labels}) or 0.0


def pod(name, version, **metadata):
    return {
        "metadata": {"name": name, "namespace": "shop", "uid": f"uid-{name}", "resourceVersion": version, **metadata}
    }


def page(version, *items, following=""):
    return {"metadata": {"resourceVersion": version, "continue": following}, "items": list(items)}


def event(kind, item):
    return {"type": kind, "object": item}


def bookmark(version):
    return {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": version}}}


def gone_event():
    return {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}}
